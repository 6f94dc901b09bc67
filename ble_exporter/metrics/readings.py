"""
The readings of all devices as a Prometheus collector.

Each scrape builds the families from the current values of the devices, so it never contains an expired value.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client.metrics_core import CounterMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from ble_exporter.device import Device, Revision
from ble_exporter.device.calibration import corrected
from ble_exporter.device.clock import Clock
from ble_exporter.device.labels import Labels
from ble_exporter.formats.measurement import Measurement
from ble_exporter.metrics.column import Column
from ble_exporter.metrics.families import FAMILIES, Family, event_labels, raw_family
from ble_exporter.metrics.scrapes import Scrapes

_SEEN = Family("seen", "1 for each device that was heard recently: in the latest scan, or within its time limit.")
_LAST_UPDATE = Family("last_update_timestamp_seconds", "Unix time at which a new measurement was last heard.")
_INTERVAL = Family("advertisement_interval_seconds", "Usual interval between the advertisements that are heard.")
_RSSI = Family("rssi_dbm", "Received signal strength of the device's latest advertisement, by adapter.")
_GAUGES = (_SEEN, _LAST_UPDATE, _RSSI, _INTERVAL)
_COUNTERS: Mapping[str, str] = {
    "ble_sensor_packets_received": "Packets received that gave a reading.",
    "ble_sensor_measurements": "Measurements of which at least one packet was received, as far as the packet ids show.",
    "ble_sensor_measurements_missed": "Measurements of which no packet was received, as far as the packet ids show.",
}


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
        """A number that grows with every change. Text rendered since the latest change is still valid."""
        self._expire()
        boot_at = self._clock.boot_at
        if boot_at != self._boot_at:
            # Timestamps that were rendered before the wall clock was set are wrong.
            self._boot_at = boot_at
            self._revision.number += 1
        return self._revision.number

    def refresh(self) -> Iterator[None]:
        """Expire values in one step for each device, so that `version` need not expire those of thousands at once."""
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
        moment = _Moment(self._devices, self._clock.boot_at)
        events = self._events()
        yield from moment.families()
        yield from (family for family in (events, moment.info) if family.samples)

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


class _Moment:
    """
    The values of all devices at one moment, copied because they may change while a scrape is rendered.

    The copy has two lists for each family. Containers for each device would burden the garbage collector.

    Attributes:
        info: The family of the device types and firmware versions.
    """

    def __init__(self, devices: Iterable[Device], boot_at: float) -> None:
        self._boot_at = boot_at
        self._seen, self._updates, self._rssi, self._intervals = (Column(family.metric) for family in _GAUGES)
        self._packets, self._heard, self._missed = (Column(f"{name}_total") for name in _COUNTERS)
        self._measured: dict[Family, Column] = {}
        self._raw: dict[Family, Column] = {}
        self._of: dict[Measurement, Column] = {}
        self.info = InfoMetricFamily("ble_sensor_device", "Device type and firmware version (BTHome 0xF0, 0xF1, 0xF2).")
        for device in devices:
            if device.is_present:
                self._copy(device)

    def families(self) -> Iterator[Metric]:
        """Yield the families that have series."""
        gauges = zip(_GAUGES, (self._seen, self._updates, self._rssi, self._intervals), strict=True)
        yield from (column.family("gauge", family.help) for family, column in gauges if column)
        counters = zip(_COUNTERS.values(), (self._packets, self._heard, self._missed), strict=True)
        yield from (column.family("counter", documentation) for documentation, column in counters if column)
        for family, column in [*self._measured.items(), *self._raw.items()]:
            yield column.family("gauge", family.help)

    def _copy(self, device: Device) -> None:
        labels = device.labels
        self._seen.add(labels, 1)
        if device.last_update_s is not None:
            self._updates.add(labels, device.last_update_s + self._boot_at)
        for reception in device.receptions.values():
            if reception.is_shown and reception.rssi is not None:
                self._rssi.add(reception.labels, reception.rssi)
        interval_s = device.interval_s
        if interval_s is not None:
            self._intervals.add(labels, interval_s)
        self._packets.add(labels, device.packets)
        count = device.transmission.count
        if count.is_known:
            self._heard.add(labels, count.heard)
            self._missed.add(labels, count.missed)
        if device.events.info:
            self.info.add_sample("ble_sensor_device_info", {**labels, **device.events.info}, 1)
        self._copy_measurements(device)

    def _copy_measurements(self, device: Device) -> None:
        labels, offsets, columns = device.labels, device.offsets, self._of
        for measurement, series in device.series.items():
            if not series.is_shown:
                continue
            column = columns.get(measurement)
            if column is None:
                column = columns[measurement] = _column(self._measured, FAMILIES[measurement.name])
            of_value = labels
            if measurement.position > 1:
                of_value = Labels({**labels, "position": str(measurement.position)})
            value = series.value
            if offsets and measurement in offsets:
                _column(self._raw, raw_family(FAMILIES[measurement.name])).add(of_value, value)
                value = corrected(device, measurement, value)
            column.add(of_value, value)


def _column(columns: dict[Family, Column], family: Family) -> Column:
    """Return the column of a family; add one if there is none."""
    return columns.setdefault(family, Column(family.metric, family.multiplier, family.divisor))
