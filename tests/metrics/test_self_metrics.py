"""The exporter's metrics about itself."""

from ble_exporter import __version__
from ble_exporter.device.clock import Clock
from ble_exporter.errors import HTTP_ERROR_KINDS, REJECT_REASONS
from ble_exporter.metrics.self_metrics import SelfMetrics


def test_all_exist_from_the_first_scrape() -> None:
    """If a counter first appeared with its first event, `increase()` would miss that event."""
    shown = {
        (sample.name, *sample.labels.values()): sample.value
        for family in SelfMetrics(clock=Clock(lambda: 0.0, lambda: 1_700_000_000.0)).collect()
        for sample in family.samples
    }

    assert {
        ("ble_exporter_build_info", __version__): 1,
        ("ble_exporter_scans_total",): 0,
        ("ble_exporter_scan_failures_total",): 0,
        ("ble_exporter_state_write_failures_total",): 0,
        ("ble_exporter_advertisements_received_total",): 0,
        ("ble_exporter_advertisements_decoded_total",): 0,
        ("ble_exporter_advertisements_unknown_device_total",): 0,
        ("ble_exporter_unknown_objects_total",): 0,
        ("ble_exporter_impossible_values_total",): 0,
        ("ble_exporter_measurements_left_out_total",): 0,
        ("ble_exporter_log_lines_lost_total",): 0,
        ("ble_exporter_log_writable",): 1,
        ("ble_exporter_config_last_reload_successful",): 1,
        ("ble_exporter_config_last_reload_success_timestamp_seconds",): 1_700_000_000,
        ("ble_exporter_scan_interval_seconds",): 0,
        ("ble_exporter_last_scan_timestamp_seconds",): 0,
        ("ble_exporter_last_scan_duration_seconds",): 0,
    } | {
        (f"ble_exporter_{name}_total", reason): 0
        for name in ("advertisements_rejected", "payloads_refused")
        for reason in REJECT_REASONS
    } | {("ble_exporter_http_errors_total", kind): 0 for kind in HTTP_ERROR_KINDS} == shown


def test_the_count_of_glitches_exists_from_the_first_scrape_with_the_filter() -> None:
    """If the count first appeared with the first glitch, `increase()` would miss that glitch."""
    counts = SelfMetrics(glitches=0)
    name = "ble_exporter_values_rejected_total"

    shown = [sample for family in counts.collect() for sample in family.samples if sample.name == name]
    assert [({"reason": "glitch"}, 0)] == [(sample.labels, sample.value) for sample in shown]


def test_two_exporters_do_not_share_their_counts() -> None:
    """Shared counts would add up the errors of two exporters in one process."""
    SelfMetrics().rejected["truncated"] += 1

    assert 0 == SelfMetrics().rejected["truncated"]


def test_adapters_are_up_or_down_as_they_change() -> None:
    """An alert rule must be able to detect an adapter that fails while the others keep running."""
    adapters = {"hci0": True}
    counts = SelfMetrics(adapters)

    adapters["hci1"] = False

    (up,) = [family for family in counts.collect() if family.name == "ble_exporter_adapter_up"]
    assert {"hci0": 1, "hci1": 0} == {sample.labels["adapter"]: sample.value for sample in up.samples}


def test_resets_of_an_adapter_are_counted_from_zero() -> None:
    """`increase()` misses the first reset if the counter does not begin with 0."""
    counts = SelfMetrics({"hci0": True}, adapter_resets={("hci0", "heard"): 2})

    (resets,) = [family for family in counts.collect() if family.name == "ble_exporter_adapter_resets"]
    assert {"heard": 2, "silent": 0, "failed": 0} == {one.labels["outcome"]: one.value for one in resets.samples}
