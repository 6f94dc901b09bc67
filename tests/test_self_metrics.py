"""What the exporter tells of itself."""

from ble_exporter import __version__
from ble_exporter.errors import REJECT_REASONS
from ble_exporter.self_metrics import SelfMetrics


def test_all_are_there_from_the_first_scrape() -> None:
    """A counter that appears with its first event hides that event from `increase()`."""
    shown = {
        (sample.name, *sample.labels.values()): sample.value
        for family in SelfMetrics().collect()
        for sample in family.samples
    }

    assert {
        ("ble_exporter_build_info", __version__): 1,
        ("ble_exporter_scans_total",): 0,
        ("ble_exporter_scan_failures_total",): 0,
        ("ble_exporter_advertisements_received_total",): 0,
        ("ble_exporter_advertisements_decoded_total",): 0,
        ("ble_exporter_advertisements_unknown_device_total",): 0,
        ("ble_exporter_unknown_objects_total",): 0,
        ("ble_exporter_last_scan_timestamp_seconds",): 0,
        ("ble_exporter_last_scan_duration_seconds",): 0,
    } | {("ble_exporter_advertisements_rejected_total", reason): 0 for reason in REJECT_REASONS} == shown


def test_two_exporters_do_not_share_their_counts() -> None:
    """Each instance counts for itself, or one test would see the other's events."""
    SelfMetrics().rejected["truncated"] += 1

    assert SelfMetrics().rejected["truncated"] == 0
