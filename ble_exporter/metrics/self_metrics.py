"""What the exporter tells of itself, under `ble_exporter_`: what became of each advertisement that it heard."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ble_exporter import __version__
from ble_exporter.errors import REJECT_REASONS, RejectReason


def _no_rejections() -> dict[RejectReason, int]:
    return dict.fromkeys(REJECT_REASONS, 0)


@dataclass
class SelfMetrics(Collector):
    """
    Counts of the exporter's own work, as plain numbers: an unknown device's advertisement costs one addition.

    Attributes:
        adapters: Name of each Bluetooth adapter to whether it works; somebody else keeps it.
    """

    adapters: Mapping[str, bool] = field(default_factory=dict)
    decoded: int = 0
    unknown_device: int = 0
    unknown_objects: int = 0
    impossible_values: int = 0
    rejected: dict[RejectReason, int] = field(default_factory=_no_rejections)
    refused: dict[RejectReason, int] = field(default_factory=_no_rejections)
    scans: int = 0
    scan_failures: int = 0
    last_scan_timestamp: float = 0.0
    last_scan_duration: float = 0.0

    @property
    def received(self) -> int:
        """Advertisements heard, from any device: each is decoded, rejected, or from an unknown device."""
        return self.decoded + self.unknown_device + sum(self.rejected.values())

    def collect(self) -> Iterator[Metric]:
        """Build the families of this moment; all but the adapters are there from the first scrape."""
        build = GaugeMetricFamily("ble_exporter_build_info", "1, labelled with the version.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        if self.adapters:
            up = GaugeMetricFamily(
                "ble_exporter_adapter_up", "1 while a Bluetooth adapter works, 0 once it failed.", labels=["adapter"]
            )
            for adapter, works in self.adapters.items():
                up.add_metric([adapter], works)
            yield up
        yield _by_reason(
            "advertisements_rejected", "Advertisements of configured devices that gave no reading.", self.rejected
        )
        yield _by_reason(
            "payloads_refused", "Formats in advertisements of which another format gave a reading.", self.refused
        )
        for name, documentation, count in (
            ("scans", "Scans that were started.", self.scans),
            ("scan_failures", "Scans that failed.", self.scan_failures),
            ("advertisements_received", "Advertisements heard, from any device.", self.received),
            ("advertisements_decoded", "Advertisements that gave a reading.", self.decoded),
            (
                "advertisements_unknown_device",
                "Advertisements of devices not configured.",
                self.unknown_device,
            ),
            (
                "impossible_values",
                "Values that no sensor can have measured: left out.",
                self.impossible_values,
            ),
            ("unknown_objects", "Objects not in the table; what stood behind them was not read.", self.unknown_objects),
        ):
            yield CounterMetricFamily(f"ble_exporter_{name}", documentation, count)
        for name, documentation, value in (
            (
                "last_scan_timestamp_seconds",
                "When the last scan ended, in Unix time; 0 before.",
                self.last_scan_timestamp,
            ),
            (
                "last_scan_duration_seconds",
                "How long the last scan took, with switching the radio on and off; 0 before.",
                self.last_scan_duration,
            ),
        ):
            yield GaugeMetricFamily(f"ble_exporter_{name}", documentation, value)


def _by_reason(name: str, documentation: str, counts: Mapping[RejectReason, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"ble_exporter_{name}", documentation, labels=["reason"])
    for reason, count in counts.items():
        family.add_metric([reason], count)
    return family
