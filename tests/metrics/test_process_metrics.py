"""The metrics of the process itself."""

from pathlib import Path

import pytest

from ble_exporter.device.clock import Clock
from ble_exporter.metrics.process_metrics import ProcessMetrics


def samples(metrics: ProcessMetrics) -> dict[str, float]:
    """Return the samples without labels by name."""
    return {sample.name: sample.value for family in metrics.collect() for sample in family.samples if not sample.labels}


def test_the_usual_metrics_are_there() -> None:
    """Dashboards for any process must work with this one."""
    assert {
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
    } <= set(samples(ProcessMetrics(Clock())))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the start time is read from /proc")
def test_the_start_time_is_read_again_after_the_wall_clock_was_set() -> None:
    """On a Pi that boots in 1970, the process would seem to run for 50 years until its next restart."""
    wall = {"now": 100.0}
    metrics = ProcessMetrics(Clock(lambda: 100.0, lambda: wall["now"]))
    registry = metrics.registry

    before = samples(metrics)
    assert registry is metrics.registry
    wall["now"] = 1_700_000_000.0

    assert before["process_start_time_seconds"] == pytest.approx(samples(metrics)["process_start_time_seconds"], abs=2)
    assert registry is not metrics.registry
