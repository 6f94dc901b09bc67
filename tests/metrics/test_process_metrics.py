"""The metrics of the process itself."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.metrics_core import Metric

from ble_exporter.device.clock import Clock
from ble_exporter.metrics.process_metrics import ProcessMetrics

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the values are read from /proc")


def of_the_library() -> CollectorRegistry:
    """Return the metrics of this process as prometheus_client collects them."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


def values(families: Iterable[Metric]) -> dict[str, float]:
    """Return the samples without labels by name."""
    return {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}


def test_dashboards_for_any_python_process_find_their_metrics() -> None:
    """Dashboards for Python processes expect the names, types, texts and labels of prometheus_client."""

    def described(families: Iterable[Metric]) -> set[tuple[str, str, str, str]]:
        return {
            (sample.name, family.type, family.documentation, str(sample.labels))
            for family in families
            for sample in family.samples
        }

    assert described(of_the_library().collect()) == described(ProcessMetrics(Clock()).collect())


@needs_proc
def test_the_values_are_those_of_the_library() -> None:
    """The fields in /proc are bare numbers, so a value from a wrong field would look plausible."""
    before, ours, after = (
        values(collector.collect()) for collector in (of_the_library(), ProcessMetrics(Clock()), of_the_library())
    )

    # The library rounds the CPU time in user mode and that in the kernel down to a hundredth of a second each.
    cpu_s = [found["process_cpu_seconds_total"] for found in (before, ours, after)]
    assert cpu_s[0] <= cpu_s[1] <= cpu_s[2] + 0.02
    for name in ("process_virtual_memory_bytes", "process_resident_memory_bytes"):
        assert ours[name] == pytest.approx(before[name], rel=0.1)
    for name in ("process_open_fds", "process_max_fds"):
        assert before[name] == ours[name]
    assert ours["process_start_time_seconds"] == pytest.approx(before["process_start_time_seconds"], abs=2)


@needs_proc
def test_the_start_time_follows_a_wall_clock_that_is_set() -> None:
    """On a Pi that boots in 1970, the process would otherwise seem, until its restart, to have started 50 years ago."""
    wall = {"now": 100.0}
    metrics = ProcessMetrics(Clock(lambda: 100.0, lambda: wall["now"]))

    before = values(metrics.collect())["process_start_time_seconds"]
    wall["now"] = 1_700_000_000.0

    assert before + 1_699_999_900 == pytest.approx(values(metrics.collect())["process_start_time_seconds"])
