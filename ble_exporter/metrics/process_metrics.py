"""The usual metrics of a Python process: CPU, memory, file descriptors, start time, garbage collection."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ble_exporter.device.clock import Clock


class ProcessMetrics(Collector):
    """
    prometheus_client's collectors for the process.

    Attributes:
        registry: The collectors; created again at the first scrape after the wall clock was set.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._boot_at = clock.boot_at
        self.registry = _collectors()

    def collect(self) -> Iterable[Metric]:
        """Return the families for a scrape."""
        boot_at = self._clock.boot_at
        if boot_at != self._boot_at:
            # ProcessCollector computes the start time from the Unix time at boot, which it reads only once.
            self._boot_at = boot_at
            self.registry = _collectors()
        return self.registry.collect()


def _collectors() -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry
