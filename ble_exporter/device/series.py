"""The state of one measurement of a device, and of its reception by one adapter. Times are monotonic seconds."""

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from ble_exporter.device.history import NO_POINTS, POINTS, STEP_S, end_of_minute, last_hour, with_minute
from ble_exporter.device.labels import Labels
from ble_exporter.device.lifetime import Lifetime
from ble_exporter.device.rhythm import Limit, Rhythm
from ble_exporter.device.sequence import LATE_STEPS, steps_behind
from ble_exporter.device.signal_trend import SAMPLE_S, SignalTrend
from ble_exporter.formats.measurement import Measurement

MOST_SERIES = 64
"""The maximum number of measurements of a device, including expired ones, which keep their rhythms."""

NEVER_SAID = 0
"""The transmission number of a series without a value; transmissions are numbered from 1."""


@dataclass(slots=True)
class Series:
    """
    One measurement of one device.

    Attributes:
        heard_s: The time when it was last heard, duplicates included.
        rhythm: The intervals at which it is heard.
        points: The points of the last hour, without that of the device's present minute.
        value: The latest value, in the unit of the formats' tables.
        is_shown: Whether it has not expired, and is therefore shown.
        packet_id: The packet id under which it was last heard; None if that packet had no id.
        has_changed: Whether another value was heard before.
        said_in: The number of the latest transmission in which `value` was heard; NO_TRANSMISSION for a late packet.
    """

    heard_s: float
    rhythm: Rhythm
    points: "array[float]"
    value: float = 0.0
    is_shown: bool = False
    packet_id: int | None = None
    has_changed: bool = False
    said_in: int = NEVER_SAID


def new_series(others: dict[Measurement, Series], now_s: float) -> Series:
    """Return a series that is heard for the first time; it shares the rhythm of the other new ones in its packet."""
    latest = next(reversed(others.values()), None)
    if latest is None or not latest.rhythm.began_at(now_s):
        return Series(now_s, Rhythm(now_s), NO_POINTS)
    latest.rhythm.sharers += 1
    return Series(now_s, latest.rhythm, NO_POINTS)


def removed(all_series: dict[Measurement, Series], measurement: Measurement) -> Series:
    """Remove a series, and return it; those that shared its rhythm go on without it."""
    series = all_series.pop(measurement)
    series.rhythm = series.rhythm.parted(1)
    return series


def hear_together(heard: Sequence[Series], now_s: float) -> None:
    """Note in the rhythms that these series, and no others of their device, were heard in one packet."""
    # Usually, the series that share a rhythm are in one packet, one after the other.
    rhythm, count = heard[0].rhythm, 0
    for one in heard:
        if one.rhythm is rhythm:
            count += 1
        elif count == rhythm.sharers:
            rhythm.hear(now_s)
            rhythm, count = one.rhythm, 1
        else:
            break
    else:
        if count == rhythm.sharers:
            rhythm.hear(now_s)
            return
    _hear_apart(heard, now_s)


def _hear_apart(heard: Iterable[Series], now_s: float) -> None:
    groups: dict[Rhythm, list[Series]] = {}
    for one in heard:
        groups.setdefault(one.rhythm, []).append(one)
    for rhythm, group in groups.items():
        own = rhythm if len(group) == rhythm.sharers else rhythm.parted(len(group))
        for one in group:
            one.rhythm = own
        # A rhythm that has already heard this packet ignores the gap of 0 s.
        own.hear(now_s)


def end_minute(all_series: Iterable[Series], ended_s: float, now_s: float) -> float:
    """Add the values heard in the minute that ended at `ended_s` to the points; return the end of the present one."""
    ends_s = end_of_minute(now_s)
    minutes = int(ends_s - ended_s) // STEP_S
    for one in all_series:
        one.points = with_minute(one.points, one.value if one.heard_s >= ended_s - STEP_S else None, minutes)
    return ends_s


def last_hours(
    all_series: Mapping[Measurement, Series], ended_s: float, now_s: float
) -> dict[Measurement, list[float | None]]:
    """Return the values of the last hour, see `last_hour`; `ended_s` is the latest result of `end_minute`."""
    minutes = max(0, int(end_of_minute(now_s) - ended_s) // STEP_S)
    hours = {
        name: last_hour(one.points, one.value if one.heard_s >= ended_s - STEP_S else None, minutes)
        for name, one in all_series.items()
    }
    return {name: hour for name, hour in hours.items() if any(point is not None for point in hour)}


def weakest(series: Mapping[Measurement, Series], newcomer: Measurement, now_s: float) -> Measurement | None:
    """
    Return the measurement that a new one replaces if the device has no more room; None if no measurement gives way.

    Anybody can send thousands of measurements under a sensor's address, but only at high positions, because formats
    have few names. A sensor's own measurements have low positions. So expired series give way first, then the series at
    the highest position, if that is higher than the new one's, or if the series was not heard for an hour. Of several,
    the one that was not heard for the longest time gives way.
    """

    def strength(measurement: Measurement) -> tuple[bool, int, float]:
        one = series[measurement]
        return one.is_shown, -measurement.position, one.heard_s

    found = min(series, key=strength)
    is_current = series[found].is_shown and now_s - series[found].heard_s < POINTS * STEP_S
    return None if is_current and found.position <= newcomer.position else found


def without_older(
    measurements: Mapping[Measurement, float], series: Mapping[Measurement, Series], packet_id: int | None
) -> Mapping[Measurement, float]:
    """Return the measurements of a late packet, except those also heard under a newer packet id."""

    def is_older(measurement: Measurement) -> bool:
        one = series.get(measurement)
        return one is not None and 0 < steps_behind(packet_id, one.packet_id) <= LATE_STEPS

    return {measurement: value for measurement, value in measurements.items() if not is_older(measurement)}


def were_said(measurements: Mapping[Measurement, float], series: Mapping[Measurement, Series], number: int) -> bool:
    """Return whether all of these values were already heard in the transmission with this number."""
    said = {name: one.value for name, one in series.items() if one.said_in == number}
    return measurements.items() <= said.items()


@dataclass(slots=True)
class Reception:
    """
    How one adapter receives one device.

    Attributes:
        labels: The device label, and the adapter label if the adapter has a name.
        heard_s: The time when the latest advertisement was heard.
        rhythm: The intervals at which it is heard.
        rssi: Received signal strength of the latest advertisement, in dBm; None if unknown.
        is_shown: Whether it has not expired, and is therefore shown.
        trend: The recent course of the RSSI.
        sample_due_s: The earliest time of the next sample for the trend.
    """

    labels: Labels
    heard_s: float
    rhythm: Rhythm
    rssi: int | None = None
    is_shown: bool = False
    trend: SignalTrend = field(default_factory=SignalTrend)
    sample_due_s: float = -math.inf

    def hear(self, rssi: int | None, now_s: float) -> None:
        """Note an advertisement."""
        self.rhythm.hear(now_s)
        self.rssi = rssi
        self.heard_s = now_s
        self.is_shown = True
        if self.sample_due_s <= now_s:
            self.sample_due_s = now_s + SAMPLE_S
            self.trend.add(rssi, now_s)


@dataclass(slots=True)
class Revision:
    """
    The combined state of all devices that share a scrape.

    Attributes:
        number: Increases with every change in the output of a scrape.
        events: Increases with every packet that may have an event or device information.
        shape: Increases whenever a value or a reception appears or expires, or a device's labels change.
        expires_at: Nothing expires before this time.
    """

    number: int = 0
    events: int = 0
    shape: int = 0
    expires_at: float = math.inf

    def reshape(self) -> None:
        """Note that a value or a reception has expired, or that labels have changed."""
        self.number += 1
        self.shape += 1


def everything(
    series: Mapping[Measurement, Series], receptions: Mapping[str, Reception]
) -> Iterable[Series | Reception]:
    """Return the series and the receptions of a device, all of which can expire."""
    return chain(series.values(), receptions.values())


def still_hearing(receptions: Mapping[str, Reception], lifetime: Lifetime) -> dict[str, Reception]:
    """
    Return the receptions, by adapter, of those adapters that still heard the device when its latest packet arrived.

    Other adapters have failed, were removed, or no longer hear the device: their rhythms and levels are out of date.
    """
    heard_s = max((one.heard_s for one in receptions.values()), default=0.0)

    def is_current(one: Reception) -> bool:
        if one.heard_s == heard_s:
            return True
        interval_s = one.rhythm.interval_s
        return heard_s - one.heard_s < min(lifetime.presence(interval_s), lifetime.reception(interval_s))

    return {adapter: one for adapter, one in receptions.items() if is_current(one)}


def usual_interval_s(receptions: Mapping[str, Reception], lifetime: Lifetime) -> float | None:
    """
    Return the shortest usual interval in seconds at the adapters that hear a device; None if it is not known.

    If no such adapter has an interval, those of all adapters count.
    """
    if len(receptions) == 1:
        # This is the usual case, and /status asks for all devices.
        (only,) = receptions.values()
        return only.rhythm.interval_s
    current = still_hearing(receptions, lifetime)
    for known in (current, receptions):
        intervals = [interval_s for one in known.values() if (interval_s := one.rhythm.interval_s)]
        if intervals:
            return min(intervals)
    return None


def expire_all(all_kept: Iterable[Series | Reception], limit: Limit, now_s: float) -> tuple[float, bool]:
    """
    Expire the values or receptions that have reached the limit.

    Returns:
        The time before which no other expires (infinite if no other can), and whether any has expired now.
    """
    next_s, has_expired = math.inf, False
    shortest_s = limit(None)
    for kept in all_kept:
        if kept.is_shown:
            expires_at = kept.heard_s + shortest_s
            if expires_at <= now_s:
                expires_at = kept.heard_s + limit(kept.rhythm.interval_s)
            if now_s < expires_at:
                next_s = min(next_s, expires_at)
            else:
                kept.is_shown, has_expired = False, True
    return next_s, has_expired


def expire_unheard_since(all_kept: Iterable[Series | Reception], moment_s: float) -> bool:
    """Expire the values or receptions last heard before a moment, and return whether there were any."""
    expired = [kept for kept in all_kept if kept.is_shown and kept.heard_s < moment_s]
    for kept in expired:
        kept.is_shown = False
    return bool(expired)
