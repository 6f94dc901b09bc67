"""
The speed of our `parse_bthome`, compared with that of bthome-ble's `update()`: both functions decode service data.

For 4 s after a packet, bthome-ble drops packets whose id is not newer, so each packet here has the next id, as after a
new measurement. The parsers and inputs of bthome-ble are built before the timing begins.
"""

import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Protocol

from bleak.backends.device import BLEDevice

from bench.report import Report, Table
from bench.timing import DifferenceError, Rounds, compare, repeat
from ble_exporter.formats.bthome import UUID
from ble_exporter.parser import parse_bthome

STREAMS: Mapping[str, tuple[str, ...]] = {
    "pvvx v5.5, its two packets alternating": ("4000b00151028d0a038d11", "4000b00c200b10001101"),
    "THB2, one packet": ("4000620159020608034d120c530b",),
    "without packet id (as in an encrypted payload)": ("400151028d0a038d11", "400c200b10001101"),
}
"""Maps the name of a stream to the service data that one sensor sends in turn, in hex."""

AIM = "25 or more"
_ADDRESS = "A4:C1:38:AA:BB:CC"
_PEER_NEEDS = (3, 11)
_IDS = 256
ROUNDS = 11
TIMES = 10
# The keys of bthome-ble that differ from our names.
_OUR_NAME = {"power": "power_on"}
_NO_MEASUREMENTS = {"packet_id", "signal_strength"}

HEAD = ("packets", "bthome-ble µs", "ours µs", "times as fast (min–max)", "aim")
TABLE = Table(
    "Decoding BTHome v2",
    f"The time to decode one packet with our parse_bthome and with bthome-ble's update(). Aim: {AIM} times as fast.",
    HEAD,
    tuple(STREAMS),
    "The times grow linearly with the number of objects in a packet. The number of sensors makes no difference.",
)
TABLES = (TABLE,)


class Peer(Protocol):
    """The members of bthome-ble's BTHomeBluetoothDeviceData that are used here; mypy can't see the late import."""

    packet_id: float | None

    def update(self, data: object) -> object:
        """Decode one advertisement; return everything known about the sensor."""


class Libraries:
    """bthome-ble and habluetooth, imported late because they are not installed on Python 3.10."""

    def __init__(self) -> None:
        self.peer: Callable[[bytes | None], Peer] = import_module("bthome_ble").BTHomeBluetoothDeviceData
        self._service_info: Callable[..., object] = import_module("habluetooth").BluetoothServiceInfoBleak

    def heard(self, payload: bytes, uuid: str = UUID, address: str = _ADDRESS) -> object:
        """Return service data in the type that bthome-ble's `update()` takes."""
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
        """Return the measurements of an update by our names; the units of bthome-ble are the same as ours."""
        attributes = vars(update)
        return {
            _OUR_NAME.get(key.key, key.key): float(value.native_value)
            for key, value in {**attributes["entity_values"], **attributes["binary_entity_values"]}.items()
            if key.key not in _NO_MEASUREMENTS
        }


def run(report: Report) -> None:
    """
    Measure the decoding of BTHome v2, and print the table.

    Raises:
        DifferenceError: The two decoders read a packet differently, or bthome-ble dropped a packet.
    """
    add_rows(report, TABLE, lambda libraries, name: _row(libraries, STREAMS[name]))


def add_rows(report: Report, table: Table, row: Callable[[Libraries, str], Sequence[str]]) -> None:
    """
    Print a table of both decoders; without bthome-ble, print the reason instead.

    Args:
        report: Prints the table.
        table: The table; its rows are the names of streams.
        row: Measures a stream by its name; returns the microseconds of bthome-ble, our microseconds, ratio and aim.
    """
    try:
        libraries = Libraries()
    except ModuleNotFoundError as error:
        report.skip(table, f"there is no module {error.name}. {_why_missing()}")
        return
    report.add(table, {name: row(libraries, name) for name in table.rows})


def _row(libraries: Libraries, texts: Sequence[str]) -> Sequence[str]:
    packets = [bytes.fromhex(text) for text in texts]
    for packet in packets:
        _check_values(libraries, packet)
    stream = _with_next_ids(packets)
    _check_none_dropped(libraries, stream)
    measured = _measure(libraries, stream)
    micros = [f"{measured.median(who) / len(stream) * 1e6:.2f}" for who in ("bthome-ble", "ours")]
    return (*micros, str(measured.ratio("bthome-ble", "ours")), AIM)


def _why_missing() -> str:
    """Return why bthome-ble is missing, or how to install it."""
    if sys.version_info < _PEER_NEEDS:
        return f"bthome-ble needs Python 3.11 or newer, and this is {platform.python_version()}."
    return "It is a development dependency, which `make bench` installs."


def _with_next_ids(packets: list[bytes]) -> list[bytes]:
    """Return 256 packets that repeat the given ones; their packet ids, if any, count from 0 to 255."""
    stream = []
    for number in range(_IDS):
        packet = bytearray(packets[number % len(packets)])
        if packet[1] == 0x00:
            packet[2] = number
        stream.append(bytes(packet))
    return stream


def _check_values(libraries: Libraries, packet: bytes) -> None:
    """Raise DifferenceError unless both decoders find the same measurements, with equal values."""
    theirs = libraries.values(libraries.peer(None).update(libraries.heard(packet)))
    ours = parse_bthome(packet)
    if ours != theirs:
        raise DifferenceError(f"packet {packet.hex()}: bthome-ble reads {theirs}, we read {ours}")


def _check_none_dropped(libraries: Libraries, stream: list[bytes]) -> None:
    """Raise DifferenceError if bthome-ble drops a packet of the stream or of its repetition."""
    peer = libraries.peer(None)
    for packet in [*stream, *stream]:
        peer.update(libraries.heard(packet))
        if packet[1] == 0x00 and peer.packet_id != packet[2]:
            raise DifferenceError(f"packet {packet.hex()}: bthome-ble dropped it, so its time would not count")


def _measure(libraries: Libraries, stream: list[bytes]) -> Rounds:
    """Return the times of the whole stream, in seconds. bthome-ble uses one parser, as it does for one sensor."""
    peer = libraries.peer(None)
    heard = [libraries.heard(packet) for packet in stream]

    def theirs() -> None:
        for data in heard:
            peer.update(data)

    def ours() -> None:
        for packet in stream:
            parse_bthome(packet)

    # Our decoder runs more often, so that both times are long compared with the clock's and the scheduler's resolution.
    return compare({"bthome-ble": lambda: repeat(theirs, TIMES), "ours": lambda: repeat(ours, 10 * TIMES)}, ROUNDS)
