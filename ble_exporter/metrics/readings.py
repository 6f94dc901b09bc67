"""
The readings of all devices as a Prometheus collector.

Each scrape builds the families from the current values of the devices, so it never contains an expired value.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from ble_exporter.device import Device, Revision
from ble_exporter.device.calibration import corrected
from ble_exporter.device.clock import Clock
from ble_exporter.formats.measurement import Measurement
from ble_exporter.metrics.families import FAMILIES, Family, event_labels, raw_family
from ble_exporter.metrics.scrapes import Scrapes

_SEEN = Family("seen", "1 for each device that was heard recently: in the latest scan, or within its time limit.")
_LAST_UPDATE = Family("last_update_timestamp_seconds", "Unix time at which a new measurement was last heard.")
_INTERVAL = Family("advertisement_interval_seconds", "Usual interval between the advertisements that are heard.")
_RSSI = Family("rssi_dbm", "Received signal strength of the device's latest advertisement, by adapter.")
_HEARD = "Measurements of which at least one packet was received, as far as the packet ids show."
_MISSED = "Measurements of which no packet was received, as far as the packet ids show."


class Readings(Collector):
    """
    Collects the readings that have not expired (docs/expiry.md), and the counts of events, which do not expire.

    A device whose readings and receptions have all expired has only the series of its events. A device must belong to
    only one collector. The devices' times are times of `clock`.
    """

    def __init__(self, devices: Iterable[Device] = (), clock: Clock | None = None) -> None:
        self._devices: Sequence[Device] = ()
        self._revision = Revision()
        self._clock = clock or Clock()
        self._boot_at = self._clock.boot_at
        self._scrapes = Scrapes()
        self._counts_due_s = math.inf
        self.collect_from(devices)

    def add(self, device: Device) -> None:
        """Add a device whose readings are collected."""
        self.collect_from([*self._devices, device])

    def collect_from(self, devices: Iterable[Device]) -> None:
        """Collect the readings of these devices, and of no others."""
        self._devices = tuple(devices)
        for device in self._devices:
            device.revision = self._revision
        self._revision.number += 1
        self._revision.expires_at = min((device.expires_at for device in self._devices), default=math.inf)

    @property
    def version(self) -> int:
        """A number that grows with every change. Text rendered from the present version is still valid."""
        self._expire()
        boot_at = self._clock.boot_at
        if boot_at != self._boot_at:
            # Timestamps that were rendered before the wall clock was set are wrong.
            self._boot_at = boot_at
            self._revision.number += 1
        return self._revision.number

    def refresh(self) -> Iterator[None]:
        """Expire values device by device; for thousands of devices, `version` would take long to do so at once."""
        now_s = self._clock.now()
        if self._revision.expires_at <= now_s:
            for device in self._devices:
                device.expire(now_s)
                yield

    def collect(self) -> Iterator[Metric]:
        """
        Build the current families for a scrape; families without series are left out.

        The values of all families are those at the moment when the first one is requested.
        """
        self._expire()
        shown = [_Shown.of(device) for device in self._devices if device.is_present]
        events = self._events()
        seen, last_update = _SEEN.metric, _LAST_UPDATE.metric
        boot_at = self._clock.boot_at
        yield from _gauge(_SEEN, [Sample(seen, labels, 1) for labels, *_ in shown])
        updates = [(labels, heard_s) for labels, heard_s, *_ in shown if heard_s is not None]
        yield from _gauge(_LAST_UPDATE, [Sample(last_update, labels, heard_s + boot_at) for labels, heard_s in updates])
        rssi = _RSSI.metric
        yield from _gauge(
            _RSSI, [Sample(rssi, labels, value) for device in shown for labels, value in device.receptions]
        )
        intervals = [(device.labels, device.interval_s) for device in shown if device.interval_s is not None]
        yield from _gauge(_INTERVAL, [Sample(_INTERVAL.metric, labels, interval_s) for labels, interval_s in intervals])
        yield from _counters(shown)
        yield from _measured([(device.labels, device.values) for device in shown], lambda family: family)
        yield from _measured([(device.labels, device.raw) for device in shown if device.raw], raw_family)
        info = _info(shown)
        yield from (family for family in (events, info) if family.samples)

    def _events(self) -> CounterMetricFamily:
        """Return the counts of all devices, heard or not: if a counter vanished, its next increase would be lost."""
        events = CounterMetricFamily("ble_sensor_events", "Events received, by kind (BTHome 0x3A, 0x3B, 0x3C).")
        now_s = self._clock.now()
        for device in self._devices:
            for name, source in device.events.sources.items():
                if source.counted_from_s == math.inf:
                    source.counted_from_s = now_s + self._scrapes.hold_s
                is_counted = source.counted_from_s <= now_s
                if not is_counted:
                    self._counts_due_s = min(self._counts_due_s, source.counted_from_s)
                for event, count in source.counts.items():
                    labels = {**device.labels, **event_labels(name, event)}
                    events.add_sample("ble_sensor_events_total", labels, count if is_counted else 0)
        return events

    def _expire(self) -> None:
        now_s = self._clock.now()
        self._scrapes.hear(now_s)
        if self._counts_due_s <= now_s:
            self._counts_due_s = math.inf
            self._revision.number += 1
        if self._revision.expires_at <= now_s:
            for device in self._devices:
                device.expire(now_s)
            self._revision.expires_at = min((device.expires_at for device in self._devices), default=math.inf)


class _Shown(NamedTuple):
    """The data of one device for a scrape, copied because the device may change while the scrape is rendered."""

    labels: dict[str, str]
    last_update_s: float | None
    receptions: list[tuple[dict[str, str], int]]
    values: dict[Measurement, float]
    raw: dict[Measurement, float]
    info: dict[str, str]
    interval_s: float | None
    packets: int
    heard: int | None
    missed: int | None

    @classmethod
    def of(cls, device: Device) -> "_Shown":
        values = {measurement: one.value for measurement, one in device.series.items() if one.is_shown}
        raw = {measurement: values[measurement] for measurement in device.offsets if measurement in values}
        values |= {measurement: corrected(device, measurement, value) for measurement, value in raw.items()}
        return cls(
            device.labels,
            device.last_update_s,
            [(one.labels, one.rssi) for one in device.receptions.values() if one.is_shown and one.rssi is not None],
            values,
            raw,
            dict(device.events.info),
            device.interval_s,
            device.packets,
            device.transmission.count.heard if device.transmission.count.is_known else None,
            device.transmission.count.missed if device.transmission.count.is_known else None,
        )


_Values = tuple[dict[str, str], Mapping[Measurement, float]]
"""The labels of a device, and its values."""


def _measured(devices: Sequence[_Values], choose: Callable[[Family], Family]) -> Iterator[Metric]:
    """Yield the families of all measurements; `choose` maps the family of a measurement to the one to yield."""
    measurements: dict[Measurement, float] = {}
    for _, values in devices:
        measurements.update(values)
    by_family: dict[Family, list[Measurement]] = {}
    for measurement in measurements:
        by_family.setdefault(FAMILIES[measurement.name], []).append(measurement)
    for family, of_family in by_family.items():
        chosen = choose(family)
        yield from _gauge(chosen, _samples(chosen, of_family, devices))


def _samples(family: Family, measurements: Iterable[Measurement], devices: Iterable[_Values]) -> list[Sample]:
    name, multiplier, divisor = family.metric, family.multiplier, family.divisor
    samples: list[Sample] = []
    for measurement in measurements:
        position = {"position": str(measurement.position)} if measurement.position > 1 else None
        samples += [
            Sample(name, {**labels, **position} if position else labels, value * multiplier / divisor)
            for labels, values in devices
            if (value := values.get(measurement)) is not None
        ]
    return samples


def _counters(shown: Iterable[_Shown]) -> Iterator[Metric]:
    """Yield the counters of the packets and measurements of each device."""
    for name, documentation, counts in (
        ("packets_received", "Packets received that gave a reading.", [(one.labels, one.packets) for one in shown]),
        ("measurements", _HEARD, [(one.labels, one.heard) for one in shown if one.heard is not None]),
        ("measurements_missed", _MISSED, [(one.labels, one.missed) for one in shown if one.missed is not None]),
    ):
        family = CounterMetricFamily(f"ble_sensor_{name}", documentation)
        family.samples = [Sample(f"ble_sensor_{name}_total", labels, count) for labels, count in counts]
        if family.samples:
            yield family


def _info(shown: Iterable[_Shown]) -> InfoMetricFamily:
    info = InfoMetricFamily("ble_sensor_device", "Device type and firmware version (BTHome 0xF0, 0xF1, 0xF2).")
    for device in shown:
        if device.info:
            info.add_sample("ble_sensor_device_info", {**device.labels, **device.info}, 1)
    return info


def _gauge(family: Family, samples: list[Sample]) -> Iterator[Metric]:
    if samples:
        metric = GaugeMetricFamily(family.metric, family.help)
        metric.samples = samples
        yield metric
