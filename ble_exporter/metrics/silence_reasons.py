"""The reasons why devices are silent, as a Prometheus collector. See docs/silence.md."""

from collections.abc import Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from ble_exporter.device.silence import SILENCE_REASONS, SilenceReason
from ble_exporter.device.silences import Silences

_NAME = "ble_sensor_silence_reason"
_HELP = "1 for the reason why a device is silent, 0 for all other reasons; a device that is heard has none."


class SilenceReasons(Collector):
    """
    A state set for each silent device: one series for each reason, of which one is 1. Other devices have no series.

    The reasons are those of the latest `refresh`, which judges device by device.
    """

    def __init__(self, silences: Silences) -> None:
        self._silences = silences
        self._reasons: dict[str, SilenceReason] = {}
        self._version = 0

    @property
    def version(self) -> int:
        """A number that grows whenever a reason has changed."""
        return self._version

    def refresh(self) -> Iterator[None]:
        """Judge all devices, with one step for each silent device."""
        reasons: dict[str, SilenceReason] = {}
        # Between two steps, a reload may change the names of the devices.
        for name, why in [(device.name, why) for device, why in self._silences.judge().items()]:
            reasons[name] = why().reason
            yield
        if reasons != self._reasons:
            self._reasons = reasons
            self._version += 1

    def collect(self) -> Iterator[Metric]:
        """Build the family for a scrape; without a silent device, there is none."""
        if self._reasons:
            family = GaugeMetricFamily(_NAME, _HELP)
            family.samples = [
                Sample(_NAME, {"device": device, "reason": reason}, float(reason == active))
                for device, active in self._reasons.items()
                for reason in SILENCE_REASONS
            ]
            yield family
