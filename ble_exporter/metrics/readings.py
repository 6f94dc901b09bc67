"""
The readings of all devices as a Prometheus collector.

A scrape builds the families from what the devices hold at that moment, so an expired value is in no scrape.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from ble_exporter.device import Device
from ble_exporter.formats.measurement import Measurement
from ble_exporter.metrics.families import FAMILIES, Family, event_labels
from ble_exporter.model import Advertisement, Reading

_SEEN = Family("seen", "1 for each device that was heard lately: in the latest scan, or within its time limit.")
_LAST_UPDATE = Family("last_update_timestamp_seconds", "When a new measurement was last heard, in Unix time.")
_RSSI = Family("rssi_dbm", "Received signal strength of the device's latest advertisement, by adapter.")


class Readings(Collector):
    """
    The readings that have not expired (docs/expiry.md). A device without any has no series.

    Args:
        devices: All devices; the view of a mapping if devices are added later.
        clock: Returns monotonic seconds.
    """

    def __init__(self, devices: Collection[Device], clock: Callable[[], float] = time.monotonic) -> None:
        self._devices = devices
        self._clock = clock

    @property
    def version(self) -> int:
        """Grows with every change; an exposition that was rendered from the same version is still valid."""
        now_s = self._clock()
        version = 0
        for device in self._devices:
            if device.expires_at <= now_s:
                device.expire(now_s)
            version += device.version
        return version

    def collect(self) -> Iterator[Metric]:
        """Build the families for a scrape; a family without a series is left out."""
        now_s = self._clock()
        for device in self._devices:
            device.expire(now_s)
        devices = [device for device in self._devices if device.is_present]
        yield from _gauge(_SEEN, [Sample(_SEEN.metric, device.labels, 1) for device in devices])
        updates = [(one.labels, one.last_update) for one in devices if one.last_update is not None]
        yield from _gauge(_LAST_UPDATE, [Sample(_LAST_UPDATE.metric, labels, value) for labels, value in updates])
        yield from _gauge(_RSSI, _rssi_samples(devices))
        for family, samples in _samples_by_family(devices).items():
            yield from _gauge(family, samples)
        yield from _event_families(devices)


def _samples_by_family(devices: Collection[Device]) -> dict[Family, list[Sample]]:
    samples: dict[Family, list[Sample]] = {}
    for measurement in dict.fromkeys(measurement for device in devices for measurement in device.series):
        family = FAMILIES[measurement.name]
        of_family = samples.setdefault(family, [])
        name, multiplier, divisor = family.metric, family.multiplier, family.divisor
        position = {"position": str(measurement.position)} if measurement.position > 1 else None
        for device in devices:
            series = device.series.get(measurement)
            if series is not None and series.is_shown:
                labels = {**device.labels, **position} if position else device.labels
                of_family.append(Sample(name, labels, series.value * multiplier / divisor))
    return samples


def _rssi_samples(devices: Collection[Device]) -> list[Sample]:
    return [
        Sample(_RSSI.metric, {**device.labels, "adapter": adapter} if adapter else device.labels, reception.rssi)
        for device in devices
        for adapter, reception in device.receptions.items()
        if reception.is_shown and reception.rssi is not None
    ]


def _event_families(devices: Collection[Device]) -> Iterator[Metric]:
    events = CounterMetricFamily("ble_sensor_events", "Events heard, by kind (BTHome 0x3A, 0x3B, 0x3C).")
    info = InfoMetricFamily("ble_sensor_device", "What the sensor says of itself (BTHome 0xF0, 0xF1, 0xF2).")
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


# The devices of `update_metrics`, for as long as their registry lives: a registry does not give its collectors back.
_devices_on: WeakKeyDictionary[CollectorRegistry, dict[str, Device]] = WeakKeyDictionary()


def put(device_name: str, measurements: Mapping[str, float], registry: CollectorRegistry | None) -> None:
    """Put a device's measurements, heard now, on a registry: see metrics.update_metrics."""
    named = {Measurement.parse(name): value for name, value in measurements.items()}
    for measurement in named:
        if measurement.name not in FAMILIES:
            raise ValueError(f"{measurement}: not a measurement; the known ones are {', '.join(FAMILIES)}")
    registry = REGISTRY if registry is None else registry
    if registry not in _devices_on:
        _devices_on[registry] = {}
        registry.register(Readings(_devices_on[registry].values()))
    device = _devices_on[registry].setdefault(device_name, Device(device_name))
    device.update(Advertisement("", {}, time.time()), Reading(named, {}, None), time.monotonic())
