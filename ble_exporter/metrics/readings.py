"""
The readings of all devices as a Prometheus collector.

Each scrape first expires values and then reads the current ones, so it never contains an expired value.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

from ble_exporter.device import Device, Revision
from ble_exporter.device.clock import Clock
from ble_exporter.device.labels import Labels
from ble_exporter.metrics.column import Head
from ble_exporter.metrics.families import event_labels
from ble_exporter.metrics.places import Places
from ble_exporter.metrics.scrapes import Scrapes
from ble_exporter.metrics.table import Table, Tables

_EVENTS = Head("ble_sensor_events_total", "counter", "Events received, by kind (BTHome 0x3A, 0x3B, 0x3C).")
_INFO = Head("ble_sensor_device_info", "info", "Device type and firmware version (BTHome 0xF0, 0xF1, 0xF2).")


class Readings(Tables):
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
        self._places: Places | None = None
        self._shape = 0
        self._with_others: Sequence[Device] = ()
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
        self._places = None
        self._events_number = -1
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
        """Expire values device by device, one per step, so that `version` need not do it for thousands at once."""
        now_s = self._clock.now()
        if self._revision.expires_at <= now_s:
            for device in self._devices:
                device.expire(now_s)
                yield

    def tables(self) -> Sequence[Table]:
        """Return the current values for a scrape."""
        self._expire()
        return [self._measured(), *self._others()]

    def _measured(self) -> Table:
        boot_at, shape = self._clock.boot_at, self._revision.shape
        table = self._places.table(boot_at) if self._places is not None and self._shape == shape else None
        if table is None:
            self._places, self._shape = Places(self._devices), shape
            table = self._places.table(boot_at)
            assert table is not None  # noqa: S101 - nothing can have changed since the line before
        return table

    def _others(self) -> Iterator[Table]:
        """
        Yield the counts of events, and the device information.

        The counts are those of all devices, heard or not: if a counter vanished, its next increase would be lost.
        """
        if self._events_number != self._revision.events:
            # Most devices have neither events nor information.
            self._with_others = [one for one in self._devices if one.events.sources or one.events.info]
            self._events_number = self._revision.events
        if not self._with_others:
            return
        counts: list[tuple[Labels, float]] = []
        now_s = self._clock.now()
        for device in self._with_others:
            for name, source in device.events.sources.items():
                if source.counted_from_s == math.inf:
                    source.counted_from_s = now_s + self._scrapes.hold_s
                is_counted = source.counted_from_s <= now_s
                if not is_counted:
                    self._counts_due_s = min(self._counts_due_s, source.counted_from_s)
                counts += [
                    (Labels({**device.labels, **event_labels(name, event)}), count if is_counted else 0)
                    for event, count in source.counts.items()
                ]
        infos = [
            Labels({**one.labels, **one.events.info}) for one in self._with_others if one.is_present and one.events.info
        ]
        layout = [(_EVENTS, [labels for labels, _ in counts]), (_INFO, infos)]
        yield Table(layout, [[count for _, count in counts], [1] * len(infos)])

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
