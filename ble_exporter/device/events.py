"""
Events of one sensor, each counted once, and the device information that the sensor sends.

A sensor sends each event several times. docs/metrics.md has the rule that decides which packets are the same event.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ble_exporter.device.sequence import is_late_copy, steps_behind
from ble_exporter.formats.measurement import Measurement

EVENT_KINDS = frozenset({"button", "command", "dimmer"})
INFO = frozenset({"device_type", "firmware_version"})

# A packet about several buttons has this value for each button that was not pressed (BTHome).
_NO_EVENT = "none"
# The same event under the same packet id counts as a duplicate for this long. A sensor may repeat its latest event
# until the next one, but packet ids wrap after 256 packets, and restart with a new battery.
_SAME_ID_S = 600.0
# Without a packet id, a duplicate looks like a second press. A packet within this time counts as a duplicate.
_NO_ID_S = 5.0
# Limits for each device until the program restarts. Anybody can send hundreds of buttons and any version under a
# sensor's address, and Prometheus keeps every series that it has scraped.
_MOST_COUNTS = 64
_MOST_INFOS = 16


class _Event(NamedTuple):
    """An event of one button, with its arguments; first heard at `since_s`, last heard at `heard_s`."""

    event: str
    packet_id: int | None
    adapter: str
    heard_s: float
    since_s: float


class Events:
    """
    The events and the device information of one sensor. They are kept until the program ends: counters never decrease.

    Attributes:
        counts: The number of times each event happened, by its source (such as a button) and its name.
        info: The latest value of each kind of device information in INFO.
    """

    __slots__ = ("_infos", "_latest", "counts", "info")

    def __init__(self) -> None:
        self.counts: dict[tuple[Measurement, str], int] = {}
        self.info: dict[str, str] = {}
        self._latest: dict[Measurement, _Event] = {}
        self._infos: set[tuple[str, int | str | bytes]] = set()

    def hear(
        self, said: Mapping[Measurement, int | str | bytes], packet_id: int | None, now_s: float, adapter: str
    ) -> None:
        """Count the new events among a packet's values, and store its device information."""
        for name, value in said.items():
            if name.name in EVENT_KINDS:
                self._hear_event(name, _Event(str(value), packet_id, adapter, now_s, now_s))
            elif name in INFO and ((name, value) in self._infos or len(self._infos) < _MOST_INFOS):
                self._infos.add((name, value))
                self.info[name] = str(value)

    def _hear_event(self, name: Measurement, heard: _Event) -> None:
        # The rest of the text, such as the number of steps of a dimmer, has too many values for a label.
        event = heard.event.partition(" ")[0]
        if event == _NO_EVENT:
            return
        latest = self._latest.get(name)
        if latest is not None and _is_late(heard, latest):
            return
        if latest is not None and _is_repeat(heard, latest):
            self._latest[name] = heard._replace(since_s=latest.since_s)
        else:
            self._latest[name] = heard
            counted = (name, "unknown" if event.startswith("unknown") else event)
            if counted in self.counts or len(self.counts) < _MOST_COUNTS:
                self.counts[counted] = self.counts.get(counted, 0) + 1


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
    return heard.packet_id == latest.packet_id and age_s < _SAME_ID_S
