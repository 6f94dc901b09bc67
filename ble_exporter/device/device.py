"""One configured sensor: its reader, and everything that the program keeps about it. Times are monotonic seconds."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from ble_exporter.device.events import Events, with_latest
from ble_exporter.device.glitch import GlitchFilter
from ble_exporter.device.labels import Labels
from ble_exporter.device.lifetime import Lifetime
from ble_exporter.device.rhythm import NO_LIMIT, Rhythm
from ble_exporter.device.series import (
    MOST_SERIES,
    NEVER_SAID,
    Reception,
    Revision,
    Series,
    end_minute,
    everything,
    expire_all,
    expire_unheard_since,
    hear_together,
    last_hours,
    new_series,
    removed,
    usual_interval_s,
    weakest,
    were_said,
    without_older,
)
from ble_exporter.device.transmission import NO_TRANSMISSION, Transmission
from ble_exporter.errors import UNRELATED, RejectReason
from ble_exporter.formats.measurement import Measurement
from ble_exporter.model import AddressType, Advertisement, Reading

Reader = Callable[[Advertisement], Reading]
"""Turns an advertisement of one device into a reading. Raises a DecodeError if the advertisement is rejected."""


def _no_reader(advertisement: Advertisement) -> Reading:
    raise AssertionError(f"{advertisement} is for a device without a reader")


_UNTIL_SCAN_ENDS = Lifetime()
# Shared, because each empty set takes 0.2 kB, and each empty dictionary 64 bytes. They are never changed.
_NO_WARNINGS: frozenset[str] = frozenset()
_NOTHING_SAID: Mapping[Measurement, tuple[int | str, float]] = MappingProxyType({})
_NOTHING_REFUSED: Counter[RejectReason] = Counter()


class Device:
    """
    One configured sensor.

    A sensor sends the result of one measurement several times under one packet id, often in two alternating kinds of
    packets. The packets with the same id form a transmission. A value repeated within a transmission counts as heard
    again, but not as a new measurement.

    Args:
        name, address: The name, which is the `device` label; the address in upper case, with colons, or empty.
        read: The reader of its advertisements. The default is for a device that gets no advertisement.
        lifetime: How long its values are shown; by default, until a scan ends in which they were not heard.

    Attributes:
        address_type, configured_type: The known and the configured type of the address; empty if there is none.
        glitch_filter, glitches: The filter that holds improbable values back, or None; the number of glitches.
        configured_labels: The labels in its configuration, by name; `labels` has the labels of its series.
        offsets: The numbers added to its measurements when they are shown, in the units of the formats' tables.
        series: Its measurements, including the expired ones.
        receptions: Its reception by each adapter, by the name of the adapter.
        said: The values other than measurements, such as texts and events, with their times; the latest comes last.
        packets: The number of advertisements that gave a reading.
        heard_s: The time of the latest reading; None before the first.
        formats, heard_from: The formats of the latest reading, and the adapter that heard it; empty before the first.
        is_triggered: Whether its latest packet says that the sensor sends only when something happens.
        left_out: The number of measurements and buttons left out for lack of room; the pipeline counts and resets it.
        is_present: Whether any value or reception of this device has not expired.
        transmission: Its current transmission, which also counts the measurements.
        last_update_s: The time of the latest new measurement; None before the first, and after everything has expired.
        refused, refusal: The number of rejected advertisements by reason; the latest reason and its time, see `refuse`.
        warnings: The warnings already logged.
        revision: Shared by all devices of a scrape; metrics.Readings sets it.
        shortest_presence_s: A shorter time without packets does not make the device silent.
        added_s: The time at which it was added to the configuration of the running program.
        expires_at: No value or reception of this device expires before this time.
    """

    # Without slots, a device takes 1 kB more memory, and a packet takes 7 % more time.
    __slots__ = (
        "__weakref__", "_full_from", "_full_s", "_minute_ends_s", "_shortest_limit_s",
        "added_s", "address", "address_type", "configured_labels", "configured_type", "events", "expires_at", "formats",
        "glitch_filter", "glitches", "heard_from", "heard_s", "is_present", "is_triggered", "labels", "last_update_s",
        "left_out", "lifetime", "name", "offsets", "packets", "read", "receptions", "refusal", "refused", "revision",
        "said", "series", "shortest_presence_s", "transmission", "warnings",
    )  # fmt: skip

    def __init__(
        self, name: str, address: str = "", read: Reader = _no_reader, lifetime: Lifetime = _UNTIL_SCAN_ENDS
    ) -> None:
        self.address = address
        self.address_type: AddressType = ""
        self.glitch_filter: GlitchFilter | None = None
        self.offsets: Mapping[Measurement, float] = {}
        self.configured_type: AddressType = ""
        self.configured_labels: Mapping[str, str] = {}
        self.series: dict[Measurement, Series] = {}
        self.receptions: dict[str, Reception] = {}
        self.events, self.transmission, self.revision = Events(), Transmission(), Revision()
        self.said, self.refused, self.warnings = _NOTHING_SAID, _NOTHING_REFUSED, _NO_WARNINGS
        self.packets = self.left_out = self.glitches = 0
        self.is_triggered = self.is_present = False
        self.heard_s: float | None = None
        # Kept instead of the reading and its advertisement, which take 0.7 kB.
        self.formats: tuple[str, ...] = ()
        self.heard_from = ""
        self.last_update_s: float | None = None
        self.refusal: tuple[RejectReason, float] | None = None
        self.configure(name, read, lifetime)
        self.expires_at, self.added_s, self._minute_ends_s = math.inf, -math.inf, 0.0
        # The time and the position of the latest measurement for which there was no room.
        self._full_s, self._full_from = -math.inf, 0

    def configure(self, name: str, read: Reader, lifetime: Lifetime) -> None:
        """Set or change the name, the reader and the lifetime; readings, counts and learned rhythms are kept."""
        self.name, self.labels, self.read, self.lifetime = name, Labels({"device": name}), read, lifetime
        for adapter, reception in self.receptions.items():
            reception.labels = self._labels_with(adapter)
        self._shortest_limit_s = min(lifetime.value(None), lifetime.reception(None))
        self.shortest_presence_s = lifetime.presence(None)  # known without searching for the interval
        self.revision.reshape()
        self.expires_at = self.revision.expires_at = -math.inf

    def _labels_with(self, adapter: str) -> Labels:
        return Labels({**self.labels, "adapter": adapter}) if adapter else self.labels

    def update(self, advertisement: Advertisement, reading: Reading, now_s: float) -> None:
        """Store the values of an advertisement, and keep those of other measurements."""
        if self.expires_at <= now_s:
            # Hearing the device again must not keep values that are already due to expire.
            self.expire(now_s)
        if self._minute_ends_s <= now_s:
            self._minute_ends_s = end_minute(self.series.values(), self._minute_ends_s, now_s)
        self.revision.number += 1
        self.packets += 1
        self.is_present = True
        adapter = advertisement.adapter
        self.heard_s, self.heard_from = now_s, adapter
        reception = self.receptions.get(adapter)
        if reception is None:
            reception = self.receptions[adapter] = Reception(self._labels_with(adapter), now_s, Rhythm(now_s))
        self.revision.shape += not reception.is_shown
        reception.hear(advertisement.rssi, now_s)
        expires_at = now_s + self._shortest_limit_s
        if expires_at < self.expires_at:
            self.expires_at = expires_at
            self.revision.expires_at = min(self.revision.expires_at, expires_at)
        measurements, others, packet_id, self.formats, _, self.is_triggered = reading
        transmission = self.transmission
        is_other_adapter = adapter != transmission.adapter
        if is_other_adapter and transmission.is_late(packet_id, now_s):
            measurements, number, is_copy = without_older(measurements, self.series, packet_id), NO_TRANSMISSION, True
        else:
            if packet_id is None or packet_id != transmission.packet_id:
                transmission.start(packet_id, adapter, now_s)
            number = transmission.number
            is_copy = (
                is_other_adapter and adapter != transmission.adapter and were_said(measurements, self.series, number)
            )
        if others:
            self.revision.events += 1
            # Must precede `_store`: an event counts as new if the packet's `count` differs from the stored value.
            self._note_said(adapter, reading, now_s)
        if self._store(measurements, packet_id, now_s, number, is_copy=is_copy):
            self.last_update_s = now_s

    def _store(
        self,
        measurements: Mapping[Measurement, float],
        packet_id: int | None,
        now_s: float,
        number: int,
        *,
        is_copy: bool,
    ) -> bool:
        """Store the values; return whether any value is new in its transmission. A copy does not change the rhythms."""
        is_new = False
        heard: list[Series] = []
        all_series = self.series
        for measurement, value in measurements.items():
            series = all_series.get(measurement)
            if series is None:
                series = self._new_series(measurement, now_s)
                if series is None:
                    continue
            else:
                heard.append(series)
            if series.said_in != number or series.value != value:
                is_new = True
                if series.value != value:
                    series.has_changed = series.said_in != NEVER_SAID
                    series.value = value
                series.said_in = number
            series.packet_id = packet_id
            series.heard_s = now_s
            if not series.is_shown:
                series.is_shown = True
                self.revision.shape += 1
        if heard and not is_copy:
            hear_together(heard, now_s)
        return is_new

    def _new_series(self, measurement: Measurement, now_s: float) -> Series | None:
        """Return a new series, which may replace another one; None if there is no room for it."""
        if len(self.series) >= MOST_SERIES:
            # Search only once per packet, because a flood of names would cause a slow search for each name.
            is_full = now_s == self._full_s and measurement.position >= self._full_from
            found = None if is_full else weakest(self.series, measurement, now_s)
            if found is None:
                self.left_out += 1
                if not is_full:
                    self._full_s, self._full_from = now_s, measurement.position
                return None
            self.left_out += removed(self.series, found).is_shown
        series = self.series[measurement] = new_series(self.series, now_s)
        return series

    def _note_said(self, adapter: str, reading: Reading, now_s: float) -> None:
        has_counted = any(
            name.name == "count" and name in self.series and self.series[name].value != value
            for name, value in reading.measurements.items()
        )
        self.left_out += self.events.hear(reading.others, reading.packet_id, now_s, adapter, has_counted=has_counted)
        self.said = with_latest(self.said, reading.others, now_s)

    def refuse(self, reason: RejectReason, now_s: float) -> None:
        """
        Count a rejected advertisement, and store its reason as the `refusal`.

        An UNRELATED reason is stored only before the first reading and the first refusal for another reason.
        """
        self.refused = self.refused or Counter()
        self.refused[reason] += 1
        before = self.refusal
        if reason not in UNRELATED or (self.heard_s is None and (before is None or before[0] in UNRELATED)):
            self.refusal = (reason, now_s)

    def expire(self, now_s: float) -> None:
        """Expire the values and receptions that have reached their limits. Before `expires_at`, do nothing."""
        if now_s < self.expires_at:
            return
        lasts = self.is_triggered and self.lifetime.lasts_if_triggered
        value_s, has_value = expire_all(self.series.values(), NO_LIMIT if lasts else self.lifetime.value, now_s)
        reception_s, has_reception = expire_all(self.receptions.values(), self.lifetime.reception, now_s)
        self.expires_at = min(value_s, reception_s)
        if has_value or has_reception:
            self._end_if_gone()

    def expire_unheard_since(self, moment_s: float) -> None:
        """Expire the values and receptions last heard before `moment_s`, regardless of their limits."""
        if self.is_present and expire_unheard_since(everything(self.series, self.receptions), moment_s):
            self._end_if_gone()

    def _end_if_gone(self) -> None:
        self.revision.reshape()
        self.is_present = any(kept.is_shown for kept in everything(self.series, self.receptions))
        if not self.is_present:
            self.last_update_s = None
            self.transmission.end()

    @property
    def interval_s(self) -> float | None:
        """
        The usual seconds between its advertisements, at the adapter that hears most of them; None if not yet known.

        An adapter that no longer hears the device counts only if no other adapter has an interval.
        """
        return usual_interval_s(self.receptions, self.lifetime)

    @property
    def presence_limit_s(self) -> float:
        """
        How long the device counts as heard after its latest advertisement, in seconds.

        Infinite with `never`, and for a device that sends only when something happens: its silence means nothing.
        """
        return math.inf if self.is_triggered else self.lifetime.presence(self.interval_s)

    def is_silent(self, now_s: float, since_s: float = 0.0) -> bool:
        """Return whether the device is silent; if it was never heard, its silence begins at `since_s`."""
        silent_s = now_s - (since_s if self.heard_s is None else self.heard_s)
        return silent_s >= self.shortest_presence_s and silent_s >= self.presence_limit_s

    def values(self) -> dict[Measurement, float]:
        """Return the values that have not expired, in the units of the formats' tables, without the offsets."""
        return {measurement: series.value for measurement, series in self.series.items() if series.is_shown}

    def last_hour(self, now_s: float) -> dict[Measurement, list[float | None]]:
        """Return POINTS values for each measurement heard in the last hour; the last value is that of this minute."""
        return last_hours(self.series, self._minute_ends_s, now_s)
