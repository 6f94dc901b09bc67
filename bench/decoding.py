"""
Decoding: our `parse_bthome` against bthome-ble's `update()`, what each offers to whoever has service data in hand.

bthome-ble drops a packet whose id it has had within 4 s, so each packet here has the next id, as if the sensor had
measured anew. Its parsers and its inputs are built beforehand and not timed.
"""

import platform
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Protocol, TypeVar

from bleak.backends.device import BLEDevice

from bench.timing import DifferenceError, Rounds, compare, print_table, repeat
from ble_exporter.formats.bthome import UUID
from ble_exporter.parser import parse_bthome

STREAMS: Mapping[str, tuple[str, ...]] = {
    "pvvx v5.5, its two packets in turn": ("4000b00151028d0a038d11", "4000b00c200b10001101"),
    "THB2, one packet": ("4000620159020608034d120c530b",),
    "without packet id (inside an encrypted one)": ("400151028d0a038d11", "400c200b10001101"),
}
"""Name to the packets that one sensor sends in turn, in hex, device-information byte first."""

AIM = "25 or more"
_ADDRESS = "A4:C1:38:AA:BB:CC"
_PEER_NEEDS = (3, 11)
_IDS = 256
ROUNDS = 11
TIMES = 10
# bthome-ble's keys where they are not our names.
_OUR_NAME = {"power": "power_on"}
_NO_MEASUREMENTS = {"packet_id", "signal_strength"}


Item = TypeVar("Item")


class Peer(Protocol):
    """What of bthome-ble's BTHomeBluetoothDeviceData is used here: nothing imports it at type-checking time."""

    packet_id: float | None

    def update(self, data: object) -> object:
        """Take in one advertisement; return all that is known of the sensor."""


class Libraries:
    """bthome-ble and what it needs, imported late: it is not there for Python 3.10."""

    def __init__(self) -> None:
        self.peer: Callable[[bytes | None], Peer] = import_module("bthome_ble").BTHomeBluetoothDeviceData
        self._service_info: Callable[..., object] = import_module("habluetooth").BluetoothServiceInfoBleak

    def heard(self, payload: bytes, uuid: str = UUID, address: str = _ADDRESS) -> object:
        """Wrap service data as bthome-ble wants it."""
        return self._service_info(
            name="ATC_AABBCC",
            address=address,
            rssi=-60,
            manufacturer_data={},
            service_data={uuid: payload},
            service_uuids=[],
            source="",
            device=BLEDevice(address, None, None),
            advertisement=None,
            connectable=True,
            time=0.0,
            tx_power=None,
        )

    @staticmethod
    def values(update: object) -> dict[str, float]:
        """Return the measurements of an update, by our names."""
        said = vars(update)
        return {
            _OUR_NAME.get(key.key, key.key): float(value.native_value)
            for key, value in {**said["entity_values"], **said["binary_entity_values"]}.items()
            if key.key not in _NO_MEASUREMENTS
        }


def run() -> None:
    """
    Measure and print.

    Raises:
        DifferenceError: The two decoders read a packet differently, or bthome-ble dropped one.
    """
    print(f"Decoding one packet: bthome-ble's update() against our parse_bthome. Aim: {AIM}.\n")
    print_rows(_row, STREAMS.items())


def print_rows(row: Callable[[Libraries, Item], tuple[str, ...]], streams: Iterable[Item]) -> None:
    """
    Print the table of both decoders, a row for each stream; or why there is none.

    Args:
        row: Gives the name, the microseconds of bthome-ble and ours, how many times as fast ours is, and the aim.
        streams: What it measures.
    """
    try:
        libraries = Libraries()
    except ModuleNotFoundError as error:
        print(f"  Left out: no module {error.name}. {_why_missing()}\n")
        return
    head = ("packets", "bthome-ble µs", "ours µs", "times as fast (min–max)", "aim")
    print_table([head, *(row(libraries, stream) for stream in streams)])
    print()


def _row(libraries: Libraries, item: tuple[str, tuple[str, ...]]) -> tuple[str, ...]:
    name, texts = item
    packets = [bytes.fromhex(text) for text in texts]
    for packet in packets:
        _check_values(libraries, packet)
    stream = _with_next_ids(packets)
    _check_none_dropped(libraries, stream)
    measured = _measure(libraries, stream)
    micros = [f"{measured.median(who) / len(stream) * 1e6:.2f}" for who in ("bthome-ble", "ours")]
    return (name, *micros, str(measured.ratio("bthome-ble", "ours")), AIM)


def _why_missing() -> str:
    """Return what to do about a missing bthome-ble."""
    if sys.version_info < _PEER_NEEDS:
        return f"bthome-ble needs Python 3.11 or newer, and this is {platform.python_version()}."
    return "It is in the development dependencies: make bench sets them up."


def _with_next_ids(packets: list[bytes]) -> list[bytes]:
    """The packets in turn, 256 in all, with ids that go round once; those without an id as they are."""
    stream = []
    for number in range(_IDS):
        packet = bytearray(packets[number % len(packets)])
        if packet[1] == 0x00:
            packet[2] = number
        stream.append(bytes(packet))
    return stream


def _check_values(libraries: Libraries, packet: bytes) -> None:
    """Both decoders must find the same measurements, with equal values."""
    theirs = libraries.values(libraries.peer(None).update(libraries.heard(packet)))
    ours = parse_bthome(packet)
    if ours != theirs:
        raise DifferenceError(f"packet {packet.hex()}: bthome-ble reads {theirs}, we read {ours}")


def _check_none_dropped(libraries: Libraries, stream: list[bytes]) -> None:
    """Each packet must arrive at bthome-ble, from the stream's end to its beginning too."""
    peer = libraries.peer(None)
    for packet in [*stream, *stream]:
        peer.update(libraries.heard(packet))
        if packet[1] == 0x00 and peer.packet_id != packet[2]:
            raise DifferenceError(f"packet {packet.hex()}: bthome-ble dropped it, so its time would not count")


def _measure(libraries: Libraries, stream: list[bytes]) -> Rounds:
    """Time the whole stream, in seconds, with one parser at bthome-ble: it has one for each sensor."""
    peer = libraries.peer(None)
    heard = [libraries.heard(packet) for packet in stream]

    def theirs() -> None:
        for data in heard:
            peer.update(data)

    def ours() -> None:
        for packet in stream:
            parse_bthome(packet)

    # Ours runs more often, so that a turn of either is long against the clock's and the scheduler's grain.
    return compare({"bthome-ble": lambda: repeat(theirs, TIMES), "ours": lambda: repeat(ours, 10 * TIMES)}, ROUNDS)
