"""The share of the packets on air that each ear hears, in various rooms and with various controllers."""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .air import APPLE, Sender, Thermometer, local_name, manufacturer_data
from .exporter import PORT, Exporter
from .hci import AdvertisingType
from .polling import wait_until
from .process import SocketBuffers
from .registry import scenario_of
from .scenarios_modes import ALL_THE_TIME, EXPERIMENTAL, counter
from .scenarios_soak import IS_LONG, SET_UP_S, say
from .stack import STRICT_DUPLICATE_FILTER, Stack
from .table import markdown
from .virtual_radio import DuplicateFilter, VirtualRadio

SECONDS = 25.0 if IS_LONG else 12.0
"""The time for which packets are sent; the kernel restarts the scan, which clears the duplicate filter, every 11 s."""
REAL_CADENCE_S = 2.5
STABLE_S = 2.0
HEARD_FROM_STRICT = 0.9
"""The minimum share of the packets that a strict controller must report; restarts of the scan cost some."""
NONCONN = AdvertisingType.ADV_NONCONN_IND
BY_ADDRESS, BY_DATA = DuplicateFilter.SAME_ADDRESS, DuplicateFilter.SAME_DATA


@dataclass(frozen=True)
class Listener:
    """An exporter with an ear and a scan mode."""

    ear: str
    mode: str

    @property
    def title(self) -> str:
        """The heading of this listener's column."""
        return f"`{self.ear}`, {self.mode}"

    @property
    def hears_all(self) -> bool:
        """Whether the exporter must decode every packet that the controller reports."""
        return self.ear == "monitor"


LISTENERS = (
    Listener("bluez", "active"),
    Listener("bluez", "auto"),
    Listener("bluez", "passive"),
    Listener("monitor", "active"),
    Listener("monitor", "auto"),
)


@dataclass(frozen=True)
class Room:
    """The senders in range, and the controller that hears them."""

    title: str
    thermometers: int = 1
    others: int = 0
    """Other devices in range, each of which sends once a second."""
    answered: float = 1.0
    """The share of scan responses that arrive."""
    kind: AdvertisingType = AdvertisingType.ADV_IND
    duplicate_filter: DuplicateFilter = DuplicateFilter.NONE
    is_strict: bool = False
    """Whether the kernel knows that the controller filters by address."""
    copies: int = 1
    """The number of times that each packet is sent."""
    names_between: bool = False
    """Whether an advertisement with only a name follows each packet."""
    cadence_s: float = 0.25
    """The interval of each thermometer."""
    is_busy: bool = False
    """Whether the packets occupy the processor, so that only one exporter can hear them at a time."""


BUSY = Room("100 thermometers, 1,000 packets a second", 100, kind=NONCONN, cadence_s=0.1, is_busy=True)
STRICT = Room(
    "10 thermometers, filter by address, which the kernel knows",
    10,
    duplicate_filter=BY_ADDRESS,
    is_strict=True,
    cadence_s=REAL_CADENCE_S,
)
SHORT = (
    Room("1 thermometer, p = 0", answered=0.0),
    Room("10 thermometers, filter by address", 10, duplicate_filter=BY_ADDRESS, cadence_s=REAL_CADENCE_S),
    STRICT,
    BUSY,
)
LONG = (
    Room("1 thermometer, p = 1"),
    Room("1 thermometer, p = 0.7", answered=0.7),
    Room("1 thermometer, p = 0.3", answered=0.3),
    Room("1 thermometer, p = 0", answered=0.0),
    Room("3 thermometers, p = 1", 3),
    Room("3 thermometers, p = 0.3", 3, answered=0.3),
    Room("3 thermometers, p = 0", 3, answered=0.0),
    Room("3 thermometers, 20 other devices, p = 0.7", 3, 20, 0.7),
    Room("3 thermometers, 20 other devices, p = 0", 3, 20, 0.0),
    Room("2 thermometers, not connectable", 2, kind=NONCONN),
    Room("2 thermometers, not connectable, each packet five times", 2, kind=NONCONN, copies=5, cadence_s=0.1),
    Room("1 thermometer, not connectable, its name after each packet", kind=NONCONN, names_between=True),
    Room("1 thermometer, filter by data", duplicate_filter=BY_DATA, cadence_s=REAL_CADENCE_S),
    Room("10 thermometers, filter by data", 10, duplicate_filter=BY_DATA, cadence_s=REAL_CADENCE_S),
    Room("10 thermometers, filter by address", 10, duplicate_filter=BY_ADDRESS, cadence_s=REAL_CADENCE_S),
    STRICT,
    BUSY,
    Room("100 thermometers, 1,000 packets a second, connectable, p = 1", 100, cadence_s=0.1, is_busy=True),
)
ROOMS = [room for room in (LONG if IS_LONG else SHORT) if os.environ.get("RIG_ROOM", "") in room.title]
Results = dict[Room, list[str]]
"""The row of each room in the table."""


@dataclass
class Place:
    """
    A radio, and the exporter that listens to it.

    Attributes:
        reported: The number of the thermometers' packets that the controller has reported in the current room.
    """

    listener: Listener
    radio: VirtualRadio
    exporter: Exporter
    reported: int = 0

    def decoded(self) -> int:
        """Return the number of packets that the exporter has decoded."""
        return int(counter(self.exporter.scrape(), "advertisements_decoded"))

    def lost(self) -> int:
        """Return the number of lost events that the exporter has counted."""
        return self.exporter.scrape().total("events_lost")


def thermometers(room: Room) -> list[Thermometer]:
    """Return the thermometers of a room; no two rooms share one, because BlueZ remembers devices."""
    serial = ROOMS.index(room)
    return [
        Thermometer(
            f"sensor_{serial}_{number}", f"A4:C1:38:00:{serial:02X}:{number:02X}", 20 + number / 10, 50, 90, 2.9, -70
        )
        for number in range(room.thermometers)
    ]


def packets_of(room: Room, thermometer: Thermometer) -> Iterator[bytes]:
    """Yield the packets of a thermometer in this room, each repeated `copies` times."""
    for packet in thermometer.packets():
        yield from itertools.repeat(packet, room.copies)


def send_packets(room: Room, places: Sequence[Place]) -> int:
    """Send the room's packets to all radios for SECONDS; return their number."""
    senders = [(thermometer, packets_of(room, thermometer)) for thermometer in thermometers(room)]
    pause_s = room.cadence_s / room.thermometers
    began, sent = time.monotonic(), 0
    while (now := time.monotonic() - began) < SECONDS:
        # A guest's clock is too coarse for the pauses between 1,000 packets a second.
        while sent * pause_s <= now:
            thermometer, packets = senders[sent % room.thermometers]
            packet = next(packets)
            answer = local_name("ATC") if random.random() < room.answered else None
            address, rssi = thermometer.address, thermometer.rssi_dbm
            for place in places:
                place.reported += place.radio.advertise(
                    address, packet, rssi_dbm=rssi, kind=room.kind, scan_response=answer
                )
                if room.names_between:
                    place.radio.advertise(address, local_name("ATC"), rssi_dbm=rssi, kind=room.kind)
            sent += 1
        time.sleep(min(pause_s, 0.01) * random.random())
    return sent


def others(room: Room) -> list[Sender]:
    """Return the other devices in range."""
    packet = manufacturer_data(APPLE, bytes.fromhex("1006031eabcdef01"))
    return [
        Sender(f"C0:00:00:00:00:{number:02X}", itertools.repeat(packet), -80, random_address=True, cadence_s=1.0)
        for number in range(room.others)
    ]


def start_places(stack: Stack, rooms: Sequence[Room], listeners: Sequence[Listener]) -> list[Place]:
    """Plug in a radio for each listener, and start all exporters, which know the thermometers of these rooms."""
    known = [thermometer for room in rooms for thermometer in thermometers(room)]
    places = []
    for number, listener in enumerate(listeners):
        radio = stack.plug_in(VirtualRadio(f"00:1A:7D:DA:71:{number + 1:02X}"))
        if rooms[0].is_strict:
            stack.set_quirk(radio, STRICT_DUPLICATE_FILTER)
        exporter = stack.start_exporter(
            known,
            ear=listener.ear,
            scan_mode=listener.mode,
            adapter=f"hci{radio.index}",
            listen_port=PORT + number,
            # Between two rooms, the air is silent.
            silence_limit_seconds=SET_UP_S,
            **ALL_THE_TIME,
        )
        places.append(Place(listener, radio, exporter))
    wait_until(lambda: all(place.radio.scanning for place in places), "the radios scan", SET_UP_S)
    for place in places:
        place.exporter.wait_until_it_listens(f"hci{place.radio.index}")
    return places


def decoded_at_last(places: Sequence[Place]) -> list[int]:
    """Wait until the numbers of packets decoded at the places stop growing; return them."""
    before, since = [-1], time.monotonic()
    while time.monotonic() - since < STABLE_S:
        decoded = [place.decoded() for place in places]
        if decoded != before:
            before, since = decoded, time.monotonic()
        time.sleep(0.2)
    return before


def hear(stack: Stack, room: Room, places: Sequence[Place]) -> list[tuple[int, int, int]]:
    """Return, for each place, the numbers of packets on air, reported by the controller, and decoded."""
    for place in places:
        place.radio.duplicate_filter = room.duplicate_filter
        place.reported = 0
        # The kernel may still hold back a packet of the previous room; the next packet of any sender releases it.
        place.radio.advertise("C0:98:E5:00:00:07", local_name("Scale"), rssi_dbm=-90)
    before = decoded_at_last(places)
    airs = [stack.start_air(place.radio, *others(room)) for place in places]
    sent = send_packets(room, places)
    decoded = [now - then for now, then in zip(decoded_at_last(places), before, strict=True)]
    for air in airs:
        air.end()
    return [(sent, place.reported, number) for place, number in zip(places, decoded, strict=True)]


def faults(room: Room, place: Place, sent: int, reported: int, decoded: int) -> list[str]:
    """Return the faults of this place's ear, as text."""
    name = f"{room.title}: {place.listener.title}"
    found = []
    if place.listener.hears_all and decoded != reported:
        found.append(f"{name} decoded {decoded} of {reported}")
    if place.listener.hears_all and place.lost():
        found.append(f"{name} lost {place.lost()} events")
    if place.listener.mode != "active" and place.radio.filtered:
        found.append(f"{name}: the controller filtered {place.radio.filtered} packets in spite of the monitor")
    if room.is_strict and reported < HEARD_FROM_STRICT * sent:
        found.append(f"{name}: the controller reported only {reported} of {sent}")
    return found


def visit(stack: Stack, rooms: Sequence[Room], listeners: Sequence[Listener], results: Results) -> list[str]:
    """Let these listeners hear these rooms, add the results, and return the faults."""
    wrong: list[str] = []
    places = start_places(stack, rooms, listeners)
    for room in rooms:
        with SocketBuffers(places[-1].exporter.process.pid) as buffers:
            figures = hear(stack, room, places)
        for place, (sent, reported, decoded) in zip(places, figures, strict=True):
            wrong += faults(room, place, sent, reported, decoded)
            row = results.setdefault(room, [room.title, str(sent)])
            row.append(f"{100 * decoded / sent:.0f} % ({decoded} of {reported})")
            say(f"{room.title}: {place.listener.title}: {row[-1]} at {sent} on air")
        say(f"{room.title}: the socket of the last listener held at most {buffers.fullest} bytes")
    for place in places:
        place.exporter.terminate(SET_UP_S)
    for place in places:
        place.radio.unplug()
    return wrong


@scenario_of(len(ROOMS) * (SECONDS + SET_UP_S) + len(LISTENERS) * SET_UP_S)
def delivery(stack: Stack) -> None:
    """The monitor ear decodes every packet that the controller reports; the table shows what BlueZ's reports lose."""
    stack.start_dbus()
    stack.start_bluetoothd(EXPERIMENTAL)
    results: Results = {}
    wrong: list[str] = []
    # Rooms of one kind need the same radios; in a busy room, the processor can serve only one exporter at a time.
    for (_, is_busy), group in itertools.groupby(ROOMS, lambda room: (room.is_strict, room.is_busy)):
        rooms = list(group)
        for listeners in [[one] for one in LISTENERS] if is_busy else [LISTENERS]:
            wrong += visit(stack, rooms, listeners, results)
    heading = ["in the room", "on air", *(listener.title for listener in LISTENERS)]
    say("\nPackets decoded, in % of those on air (and in numbers: decoded of reported by the controller):\n")
    say(markdown(heading, list(results.values())))
    assert not wrong, "\n".join(wrong)
