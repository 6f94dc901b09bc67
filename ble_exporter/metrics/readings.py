"""
The readings of all devices as a Prometheus collector.

Each scrape builds the families from the current values of the devices, so it never contains an expired value.
"""

from collections.abc import Collection, Iterable, Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from ble_exporter.device import Device, Revision
from ble_exporter.device.clock import Clock
from ble_exporter.metrics.families import FAMILIES, Family, event_labels

_SEEN = Family("seen", "1 for each device that was heard recently: in the latest scan, or within its time limit.")
_LAST_UPDATE = Family("last_update_timestamp_seconds", "Unix time at which a new measurement was last heard.")
_RSSI = Family("rssi_dbm", "Received signal strength of the device's latest advertisement, by adapter.")


class Readings(Collector):
    """
    Collects the readings that have not expired (docs/expiry.md). A device without current readings has no series.

    A device must belong to only one collector. `clock` has the moments of the devices.
    """

    def __init__(self, devices: Iterable[Device] = (), clock: Clock | None = None) -> None:
        self._devices: list[Device] = []
        self._revision = Revision()
        self._clock = clock or Clock()
        self._boot_at = self._clock.boot_at
        for device in devices:
            self.add(device)

    def add(self, device: Device) -> None:
        """Add a device whose readings are collected."""
        device.revision = self._revision
        self._devices.append(device)

    @property
    def version(self) -> int:
        """A number that grows with every change. Text that was rendered from the same version is still valid."""
        self._expire()
        boot_at = self._clock.boot_at
        if boot_at != self._boot_at:
            # Rendered timestamps are of the wall clock as it was before it was set.
            self._boot_at = boot_at
            self._revision.number += 1
        return self._revision.number

    def collect(self) -> Iterator[Metric]:
        """Build the current families for a scrape; families without series are left out."""
        self._expire()
        devices = [device for device in self._devices if device.is_present]
        seen, last_update = _SEEN.metric, _LAST_UPDATE.metric
        yield from _gauge(_SEEN, [Sample(seen, device.labels, 1) for device in devices])
        boot_at = self._clock.boot_at
        updates = [(device.labels, device.last_update_s) for device in devices if device.last_update_s is not None]
        yield from _gauge(_LAST_UPDATE, [Sample(last_update, labels, heard_s + boot_at) for labels, heard_s in updates])
        yield from _gauge(_RSSI, _rssi_samples(devices))
        for family, samples in _samples_by_family(devices).items():
            yield from _gauge(family, samples)
        yield from _event_families(devices)

    def _expire(self) -> None:
        now_s = self._clock.now()
        if self._revision.expires_at <= now_s:
            for device in self._devices:
                device.expire(now_s)
            self._revision.expires_at = min(device.expires_at for device in self._devices)


def _samples_by_family(devices: Collection[Device]) -> dict[Family, list[Sample]]:
    samples: dict[Family, list[Sample]] = {}
    for measurement in dict.fromkeys(measurement for device in devices for measurement in device.series):
        family = FAMILIES[measurement.name]
        of_family = samples.setdefault(family, [])
        name, multiplier, divisor = family.metric, family.multiplier, family.divisor
        position = {"position": str(measurement.position)} if measurement.position > 1 else None
        of_family += [
            Sample(
                name, {**device.labels, **position} if position else device.labels, series.value * multiplier / divisor
            )
            for device in devices
            if (series := device.series.get(measurement)) is not None and series.is_shown
        ]
    return samples


def _rssi_samples(devices: Collection[Device]) -> list[Sample]:
    metric = _RSSI.metric
    return [
        Sample(metric, reception.labels, reception.rssi)
        for device in devices
        for reception in device.receptions.values()
        if reception.is_shown and reception.rssi is not None
    ]


def _event_families(devices: Collection[Device]) -> Iterator[Metric]:
    events = CounterMetricFamily("ble_sensor_events", "Events received, by kind (BTHome 0x3A, 0x3B, 0x3C).")
    info = InfoMetricFamily("ble_sensor_device", "Device type and firmware version (BTHome 0xF0, 0xF1, 0xF2).")
    for device in devices:
        for (source, event), count in device.events.counts.items():
            labels = {**device.labels, **event_labels(source, event)}
            events.add_sample("ble_sensor_events_total", labels, count)
        if device.events.info:
            info.add_sample("ble_sensor_device_info", {**device.labels, **device.events.info}, 1)
    yield from (family for family in (events, info) if family.samples)


def _gauge(family: Family, samples: list[Sample]) -> Iterator[Metric]:
    if samples:
        metric = GaugeMetricFamily(family.metric, family.help)
        metric.samples = samples
        yield metric
