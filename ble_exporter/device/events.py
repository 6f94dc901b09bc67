"""
Events of one sensor, each counted once, and the device information that the sensor sends.

A sensor sends each event several times. docs/metrics.md has the rule that decides which packets are the same event.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from ble_exporter.device.sequence import is_late_copy, steps_behind
from ble_exporter.formats.bthome_objects import EVENT_NAMES, NO_EVENT
from ble_exporter.formats.measurement import Measurement

INFO = frozenset({"device_type", "firmware_version"})

_UNKNOWN = "unknown"
# The same event under the same packet id counts as a duplicate for this long. A sensor may repeat its latest event
# until the next one, but packet ids wrap after 255, and restart with a new battery.
_SAME_ID_S = 600.0
# Without a packet id, a duplicate looks like a second press, so a packet counts as a duplicate within this time. The
# same applies to an unchanged packet id after the sensor has said that the event is over.
_NO_ID_S = 5.0
# Limits for each device until the program restarts. Anybody can send hundreds of buttons and any version under a
# sensor's address, and Prometheus keeps every series that it has scraped.
_MOST_SOURCES = 16
_MOST_INFOS = 16
_MOST_TEXTS = 32


class _Event(NamedTuple):
    """
    An event of one button, with its arguments; first heard at `since_s`, last heard at `heard_s`.

    The event is over when the sensor has reported that the button is not pressed, or has sent another count.
    """

    event: str
    packet_id: int | None
    adapter: str
    heard_s: float
    since_s: float
    is_over: bool = False


@dataclass(slots=True)
class Source:
    """
    A button, a dimmer or a command of one device.

    Attributes:
        counts: The number of times each event happened, by name; 0 for possible events that have not happened.
        counted_from_s: Before this time, a scrape shows 0 for each event; infinite before the first scrape. Prometheus
            can't see the first event of a series that begins with 1.
        latest: The latest event; None before the first.
    """

    counts: dict[str, int]
    counted_from_s: float = math.inf
    latest: _Event | None = None


# Shared, because most sensors have neither events nor information, and each empty set takes 0.2 kB.
_NO_SOURCES: Mapping[Measurement, Source] = MappingProxyType({})
_NO_INFO: Mapping[str, str] = MappingProxyType({})
_NO_INFOS: frozenset[tuple[str, int | str | bytes]] = frozenset()


class Events:
    """
    The events and the device information of one sensor, kept until the program ends: counters must never decrease.

    Attributes:
        sources: The buttons, dimmers and commands of the sensor.
        info: The latest value of each kind of device information in INFO.
    """

    __slots__ = ("_infos", "info", "sources")

    def __init__(self) -> None:
        self.sources = _NO_SOURCES
        self.info = _NO_INFO
        self._infos = _NO_INFOS

    @property
    def happened(self) -> dict[tuple[Measurement, str], int]:
        """The number of times each event happened, by its source and its name, without zeros."""
        return {
            (name, event): count
            for name, source in self.sources.items()
            for event, count in source.counts.items()
            if count
        }

    def hear(
        self,
        said: Mapping[Measurement, int | str | bytes],
        packet_id: int | None,
        now_s: float,
        adapter: str,
        *,
        has_counted: bool = False,
    ) -> int:
        """
        Count the new events among a packet's values, and store its device information.

        Args:
            said: The values of the packet that are not measurements.
            packet_id: The packet id; None if the packet has none.
            now_s: Monotonic seconds.
            adapter: The adapter that received the packet.
            has_counted: Whether a count in the packet differs from the previous one.

        Returns:
            The number of sources that were left out, or displaced by others, because there was no room for more.
        """
        left_out = 0
        for name, value in said.items():
            if name.name in EVENT_NAMES:
                left_out += name not in self.sources and len(self.sources) >= _MOST_SOURCES
                source = self.sources.get(name) or self._new_source(name)
                if source is not None:
                    _count(source, _Event(str(value), packet_id, adapter, now_s, now_s), has_counted=has_counted)
            elif name in INFO and ((name, value) in self._infos or len(self._infos) < _MOST_INFOS):
                self._infos |= {(name, value)}
                self.info = {**self.info, name: str(value)}
        return left_out

    def _new_source(self, name: Measurement) -> Source | None:
        """Return a new source, which may replace one at a higher position; None if there is no room for it."""
        sources = dict(self.sources)
        if len(sources) >= _MOST_SOURCES:
            last = max(sources, key=lambda known: known.position)
            if last.position <= name.position:
                return None
            del sources[last]
        source = sources[name] = Source(dict.fromkeys((*EVENT_NAMES[name.name], _UNKNOWN), 0))
        self.sources = sources
        return source


def _count(source: Source, heard: _Event, *, has_counted: bool) -> None:
    """Count an event, unless it is a late copy or a duplicate."""
    # The text after the name, such as a dimmer's number of steps, has too many values for a label.
    event = heard.event.partition(" ")[0]
    latest = source.latest
    if latest is not None:
        if _is_late(heard, latest):
            return
        if has_counted or event == NO_EVENT:
            latest = source.latest = latest._replace(is_over=True)
    if event == NO_EVENT:
        return
    if latest is not None and _is_repeat(heard, latest):
        source.latest = heard._replace(since_s=latest.since_s)
    else:
        source.latest = heard
        source.counts[event if event in source.counts else _UNKNOWN] += 1


def _is_late(heard: _Event, latest: _Event) -> bool:
    return heard.adapter != latest.adapter and is_late_copy(
        steps_behind(heard.packet_id, latest.packet_id), heard.heard_s - latest.since_s
    )


def _is_repeat(heard: _Event, latest: _Event) -> bool:
    if heard.event != latest.event:
        return False
    age_s = heard.heard_s - latest.heard_s
    if heard.packet_id is None or latest.packet_id is None:
        return age_s < _NO_ID_S
    return heard.packet_id == latest.packet_id and age_s < (_NO_ID_S if latest.is_over else _SAME_ID_S)


def with_latest(
    said: Mapping[Measurement, tuple[int | str, float]], others: Mapping[Measurement, int | str | bytes], now_s: float
) -> Mapping[Measurement, tuple[int | str, float]]:
    """Return `said` with a packet's values other than measurements, without the oldest values if there are too many."""
    # The latest values come last, so that the oldest ones are left out.
    kept = {name: value for name, value in said.items() if name not in others}
    for name, value in others.items():
        kept[name] = (value.hex() if isinstance(value, bytes) else value, now_s)
    return dict(list(kept.items())[-_MOST_TEXTS:])
