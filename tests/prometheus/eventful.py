"""
An exporter with data for the panels of the dashboard, on a simulated radio with one adapter.

Run as a program (`python -m tests.prometheus.eventful`), it is the exporter itself; only the radio is replaced by one
that plays the capture, and whose adapter is reset and loses events.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from heapq import merge
from operator import attrgetter

from ble_exporter.errors import LossReason, ResetOutcome
from ble_exporter.formats.bthome import UUID
from ble_exporter.main import main
from ble_exporter.scanner import MockScanner, RadioSettings, Simulation
from ble_exporter.scanner.capture import Transmission, load_capture

LIVING_ROOM = "A4:C1:38:00:00:01"
GUEST_ROOM = "A4:C1:38:00:00:02"
CELLAR = "A4:C1:38:00:00:03"
SHED = "A4:C1:38:00:00:04"
GARDEN = "A4:C1:38:00:00:05"

# The name of the guest room contains special characters of regular expressions, which Grafana must escape.
GUEST_ROOM_NAME = "Gästezimmer (1. Stock)"
DEVICES = {
    LIVING_ROOM: "living_room",
    GUEST_ROOM: GUEST_ROOM_NAME,
    CELLAR: "cellar",
    SHED: "shed",
    GARDEN: "garden",
}
LABELS = {LIVING_ROOM: {"room": "living"}, GUEST_ROOM: {"room": "guests"}, CELLAR: {"room": "cellar"}}
"""The shed also sends faulty packets after a while, and the garden falls silent; neither has labels."""

SPEED = 20
"""Simulated seconds in a second. In real time, a sensor counts as silent after a minute, too long for a test."""

_ENDS_S = 1200.0
_SILENT_S = 40.0
_FAULTS_BEGIN_S = 60.0
_ENCRYPTED = "41a47266c95f730011223378237214"
_UNKNOWN_OBJECT = "4002c40970"
# Humidity, and a temperature that no sensor can have measured: 327.67 °C.
_IMPOSSIBLE = "4002ff7f03e803"


def capture() -> str:
    """Return the packets as the content of a capture file."""
    lines = []
    for sent in merge(*_senders(), key=attrgetter("at")):
        data = sent.service_data[UUID].hex()
        lines.append(f"{sent.at:.3f} {sent.address} {sent.rssi} {UUID} {data}\n")
    return "".join(lines)


def _senders() -> Iterator[Iterator[Transmission]]:
    healthy = Simulation([LIVING_ROOM, GUEST_ROOM, SHED], seed=1)
    yield _until(_ENDS_S, healthy.transmissions())
    yield _until(_SILENT_S, Simulation([GARDEN], seed=2).transmissions())
    yield _until(_ENDS_S, _sensor_with_falling_battery())
    for payload in (_ENCRYPTED, _IMPOSSIBLE, _UNKNOWN_OBJECT):
        yield _until(_ENDS_S, _faults(payload))


def _until(end_s: float, sent: Iterator[Transmission]) -> Iterator[Transmission]:
    for one in sent:
        if one.at >= end_s:
            return
        yield one


def _sensor_with_falling_battery() -> Iterator[Transmission]:
    """Yield the packets of a sensor whose battery falls by one percentage point every 30 s."""
    number = 0
    while True:
        at = 5.0 * number
        battery = max(0, 95 - int(at / 30))
        payload = bytes([0x40, 0x00, number % 256, 0x01, battery]) + bytes.fromhex("0278050360180c480b")
        yield Transmission(at, CELLAR, -70, {UUID: payload})
        number += 1


def _faults(payload: str) -> Iterator[Transmission]:
    at = _FAULTS_BEGIN_S
    while True:
        yield Transmission(at, SHED, -80, {UUID: bytes.fromhex(payload)})
        at += 30.0


class EventfulRadio(MockScanner):
    """A radio that plays a capture as if one adapter heard it; a reset and losses occur when the faults begin."""

    def __init__(self, capture_file: str, speed: float) -> None:
        self.adapters = {"hci0": True}
        self.adapter_resets: Counter[tuple[str, ResetOutcome]] = Counter()
        self.lost_events: Counter[tuple[str, LossReason]] = Counter()
        super().__init__(air=self._heard(load_capture(capture_file)), speed=speed)

    def _heard(self, sent: Iterator[Transmission]) -> Iterator[Transmission]:
        for one in sent:
            if one.at >= _FAULTS_BEGIN_S and not self.adapter_resets:
                self.adapter_resets["hci0", "heard"] = 1
                self.lost_events["hci0", "buffer_full"] = 3
            yield one._replace(adapter="hci0")


def build_eventful_radio(
    _settings: RadioSettings, *, replay: str, replay_speed: float, simulation: Simulation | None
) -> EventfulRadio:
    """Build the radio in place of `ble_exporter.scanner.build_radio`."""
    assert simulation is None
    return EventfulRadio(replay, replay_speed)


if __name__ == "__main__":
    sys.exit(main(build=build_eventful_radio))
