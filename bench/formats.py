"""
The time to decode all formats except plain BTHome v2, compared with that of bthome-ble if it supports the format.

As with a real sensor, each encrypted packet has the next counter, and each plain packet the next packet id.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from bench.decoding import HEAD, ROUNDS, TIMES, Libraries, add_rows
from bench.report import Report, Table
from bench.timing import DifferenceError, compare, repeat
from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.formats.ccm import Ccm
from ble_exporter.formats.decoded import Decoder
from ble_exporter.formats.registry import FORMATS
from tests.formats.sealing import ADDRESS, KEY, REVERSED, seal_atc, seal_mibeacon, seal_v1, seal_v2

_PACKETS = 256
_AIM_ENCRYPTED = "10 or more"

Packets = Callable[[int], bytes]
"""Returns the packet whose counter or packet id is the argument, from 0 to 255."""


class Stream(NamedTuple):
    """
    The packets of one sensor.

    Attributes:
        name: The name in the table.
        uuid: The UUID of the service data.
        packet: Returns the packet with a given number.
        has_key: Whether the packets are encrypted.
        has_peer: Whether bthome-ble supports the format.
    """

    name: str
    uuid: str
    packet: Packets
    has_key: bool
    has_peer: bool


def _encrypted(seal: Callable[[bytes, int], bytes], *plaintexts: str) -> Packets:
    """Return a source of packets that contain the plaintexts in turn, encrypted by `seal`."""
    return lambda number: seal(bytes.fromhex(plaintexts[number % len(plaintexts)]), number)


def _plain(before: str, after: str) -> Packets:
    return lambda number: bytes.fromhex(before) + bytes([number]) + bytes.fromhex(after)


_MAC = REVERSED.hex()
STREAMS = [
    Stream(
        "BTHome v2 encrypted, two alternating",
        bthome.UUID,
        _encrypted(seal_v2, "0151028d0a038d11", "0c200b10001101"),
        has_key=True,
        has_peer=True,
    ),
    Stream("BTHome v1", bthome_v1.UUID, _plain("0200", "23026c070303ff1302014e"), has_key=False, has_peer=True),
    Stream(
        "BTHome v1 encrypted",
        bthome_v1.UUID_ENCRYPTED,
        _encrypted(seal_v1, "23026c070303ff1302014e"),
        has_key=True,
        has_peer=True,
    ),
    Stream("pvvx custom", atc.UUID, _plain(f"{_MAC}6c07fa13d60a52", "0f"), has_key=False, has_peer=False),
    Stream("pvvx custom encrypted", atc.UUID, _encrypted(seal_atc, "6c07fa13520f"), has_key=True, has_peer=False),
    Stream("ATC1441", atc.UUID, _plain("a4c138aabbcc00ce33430a6e", ""), has_key=False, has_peer=False),
    Stream("ATC encrypted", atc.UUID, _encrypted(seal_atc, "763256"), has_key=True, has_peer=False),
    Stream("MiBeacon", mibeacon.UUID, _plain("50585b05", f"{_MAC}0d1004be000002"), has_key=False, has_peer=False),
    Stream("MiBeacon encrypted", mibeacon.UUID, _encrypted(seal_mibeacon, "041002be00"), has_key=True, has_peer=False),
]


TABLE = Table(
    "Decoding the other formats",
    "The time to decode one packet. All decoders get the sender's address, and those of encrypted packets also get a "
    "cipher.",
    HEAD,
    tuple(stream.name for stream in STREAMS),
    "The times grow as for BTHome v2. Decryption adds a constant time, because a packet has only a few bytes.",
)
TABLES = (TABLE,)


def run(report: Report) -> None:
    """
    Measure the decoding of each format, and print the table.

    Raises:
        DifferenceError: The two decoders read a packet differently, or bthome-ble dropped a packet.
    """
    streams = {stream.name: stream for stream in STREAMS}
    add_rows(report, TABLE, lambda libraries, name: _row(libraries, streams[name]))


def _row(libraries: Libraries, stream: Stream) -> Sequence[str]:
    packets = [stream.packet(number) for number in range(_PACKETS)]
    decode: Decoder = FORMATS[stream.uuid].decode
    cipher = Ccm(KEY) if stream.has_key else None
    contestants = {"ours": lambda: repeat(lambda: [decode(packet, ADDRESS, cipher) for packet in packets], 10 * TIMES)}
    if stream.has_peer:
        peer = libraries.peer(KEY if stream.has_key else None)
        heard = [libraries.heard(packet, stream.uuid, ADDRESS) for packet in packets]
        for packet, data in zip([*packets, *packets], [*heard, *heard], strict=True):
            theirs = libraries.values(peer.update(data))
            missing = {
                name: value
                for name, value in decode(packet, ADDRESS, cipher).measurements.items()
                if theirs.get(name) != value
            }
            if missing:
                raise DifferenceError(f"{stream.name}, {packet.hex()}: bthome-ble reads {theirs}, we read {missing}")
        contestants["bthome-ble"] = partial(repeat, lambda: [peer.update(data) for data in heard], TIMES)
    measured = compare(contestants, ROUNDS)
    ours = f"{measured.median('ours') / _PACKETS * 1e6:.2f}"
    if not stream.has_peer:
        return ("–", ours, "–", "")
    theirs_micros = f"{measured.median('bthome-ble') / _PACKETS * 1e6:.2f}"
    aim = _AIM_ENCRYPTED if stream.uuid == bthome.UUID else ""
    return (theirs_micros, ours, str(measured.ratio("bthome-ble", "ours")), aim)
