"""The devices' labels from the configuration, as a Prometheus collector. See docs/adr/0038-labels.md."""

from collections.abc import Collection, Iterator

from prometheus_client.metrics_core import InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from ble_exporter.device import Device

_NAME = "ble_sensor_labels_info"
_HELP = "Always 1, for each configured device, with the labels that the configuration gives it."


class DeviceLabels(Collector):
    """
    One series for each configured device, whether it was heard or not.

    The series change only when the configuration is reloaded, so each scrape reuses the text of the previous scrape.

    Attributes:
        version: A number that grows whenever the series may have changed.
    """

    def __init__(self, devices: Collection[Device]) -> None:
        self._devices = devices
        self.version = 0

    def devices_changed(self) -> None:
        """Note that the devices, their names or their labels may have changed."""
        self.version += 1

    def refresh(self) -> Iterator[None]:
        """Do nothing: `devices_changed` has already set the version."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """Build the family for a scrape; without devices, there is none."""
        if self._devices:
            family = InfoMetricFamily("ble_sensor_labels", _HELP)
            family.samples = [Sample(_NAME, _labels(one), 1) for one in self._devices]
            yield family


def _labels(device: Device) -> dict[str, str]:
    """Return the labels; without configured labels, the same object as in the device's other series, to save memory."""
    return {**device.labels, **device.configured_labels} if device.configured_labels else device.labels
