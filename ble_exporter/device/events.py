"""
What sensors say that is no measurement: events are counted, and what a sensor says of itself is known.

A sensor sends each event several times, so that it is heard. Which of the packets are one event follows from their
packet id; docs/metrics.md has the rule.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client.metrics_core import CounterMetricFamily, InfoMetricFamily, Metric

from ble_exporter.model import Reading
from ble_exporter.utils import base_and_position

EVENT_KINDS = ("button", "command", "dimmer")
INFO = ("device_type", "firmware_version")

# What BTHome sends for a button on which nothing happened, beside one on which something did.
_NOTHING = "none"
# The same event under the same packet id is a repeat when it was heard within so many seconds: a sensor may send its
# last event until the next one, but the ids begin anew after 256 packets, and with a new battery.
_SAME_ID_S = 600.0
# Without packet id a repeat looks like a second press: what is this near is taken for a repeat.
_NO_ID_S = 5.0
# Another adapter may tell of the event before, or of one of the few before that, late.
_LATE_PACKET_IDS = 4
_PACKET_IDS = 256
# Anybody can send some hundred buttons, and any version, under a sensor's address. A series that Prometheus has once
# seen it keeps: so many of each are taken of a device, and no more until the program starts anew.
_MOST_COUNTS = 64
_MOST_INFOS = 16


class _Event(NamedTuple):
    """The latest event of one button: its packet id, what it was, and when it was heard, in Unix time."""

    packet_id: int | None
    event: str
    heard_at: float


class Others:
    """What was said by each device, for as long as the program runs: a count that began anew would lose events."""

    def __init__(self) -> None:
        self._latest: dict[tuple[str, str], _Event] = {}
        self._counts: dict[str, dict[tuple[str, str], int]] = {}
        self._info: dict[str, dict[str, str]] = {}
        self._infos: dict[str, set[tuple[str, str]]] = {}

    def hear(self, reading: Reading) -> None:
        """Take in what a reading says beside its measurements."""
        for name, value in reading.others.items():
            kind, _ = base_and_position(name)
            if kind in EVENT_KINDS:
                self._hear_event(name, str(value), reading)
            elif name in INFO:
                self._hear_info(reading.device, name, str(value))

    def _hear_info(self, device: str, name: str, value: str) -> None:
        known = self._infos.setdefault(device, set())
        if (name, value) in known or len(known) < _MOST_INFOS:
            known.add((name, value))
            self._info.setdefault(device, {})[name] = value

    def _hear_event(self, name: str, event: str, reading: Reading) -> None:
        # Of what stands behind it (how far a dimmer was turned) there are too many for labels.
        kind = event.partition(" ")[0]
        if kind == _NOTHING:
            return
        heard = _Event(reading.packet_id, event, reading.heard_at)
        latest = self._latest.get((reading.device, name))
        if latest is not None and _is_late(heard, latest):
            return
        self._latest[reading.device, name] = heard
        if latest is None or not _is_repeat(heard, latest):
            counts = self._counts.setdefault(reading.device, {})
            of = (name, "unknown" if kind.startswith("unknown") else kind)
            if of in counts or len(counts) < _MOST_COUNTS:
                counts[of] = counts.get(of, 0) + 1

    def collect(self, devices: Iterable[Mapping[str, str]]) -> Iterator[Metric]:
        """Build the families of these devices, given by their labels; one without a series is left out."""
        events = CounterMetricFamily("ble_sensor_events", "Events heard, by kind (BTHome 0x3A, 0x3B, 0x3C).")
        info = InfoMetricFamily("ble_sensor_device", "What the sensor says of itself (BTHome 0xF0, 0xF1, 0xF2).")
        for labels in devices:
            device = labels["device"]
            for (name, event), count in self._counts.get(device, {}).items():
                kind, position = base_and_position(name)
                where = {"position": str(position)} if position > 1 else {}
                events.add_sample("ble_sensor_events_total", {**labels, "kind": kind, "event": event, **where}, count)
            if device in self._info:
                info.add_sample("ble_sensor_device_info", {**labels, **self._info[device]}, 1)
        yield from (family for family in (events, info) if family.samples)


def _is_late(heard: _Event, latest: _Event) -> bool:
    behind = _behind(heard, latest)
    return behind is not None and 0 < behind <= _LATE_PACKET_IDS and abs(heard.heard_at - latest.heard_at) < _NO_ID_S


def _is_repeat(heard: _Event, latest: _Event) -> bool:
    if heard.event != latest.event:
        return False
    behind = _behind(heard, latest)
    if behind is None:
        return abs(heard.heard_at - latest.heard_at) < _NO_ID_S
    return behind == 0 and abs(heard.heard_at - latest.heard_at) < _SAME_ID_S


def _behind(heard: _Event, latest: _Event) -> int | None:
    if heard.packet_id is None or latest.packet_id is None:
        return None
    return (latest.packet_id - heard.packet_id) % _PACKET_IDS
