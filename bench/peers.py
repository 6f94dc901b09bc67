"""
`python -m bench.peers` compares decoding with the decoders of Home Assistant and TheengsGateway, in half a minute.

Each decoder gets the service data of one sensor in the form in which its own program passes it on, and returns the
values by name: our decoder takes bytes, bthome-ble's `update()` an object of habluetooth, and TheengsGateway's
`decode_advertisement()` a dictionary, which it turns into JSON for its library in C++ and back. Nothing is published.
The radio rig measures the whole programs. `make bench-peers` runs this comparison and the rig's.
"""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module

from bench.__main__ import describe_machine
from bench.decoding import ROUNDS, STREAMS, TIMES, Libraries
from bench.formats import STREAMS as OTHER_STREAMS
from bench.report import Report, Table
from bench.timing import Contestant, DifferenceError, compare, repeat
from ble_exporter.formats import bthome
from ble_exporter.formats.ccm import Ccm
from ble_exporter.formats.registry import FORMATS
from tests.formats.sealing import ADDRESS, KEY

OURS, HA, THEENGS = "ours", "bthome-ble", "TheengsGateway"
_PLAIN = "BTHome v2, pvvx firmware, two alternating"
_SEALED = "BTHome v2 encrypted, two alternating"
SUPPORT: Mapping[str, tuple[str, ...]] = {
    _PLAIN: (HA, THEENGS),
    _SEALED: (HA,),
    "pvvx custom": (THEENGS,),
    "pvvx custom encrypted": (THEENGS,),
    "ATC1441": (THEENGS,),
}
"""The rows, and the other decoders that read them: bthome-ble reads BTHome only."""
TABLE = Table(
    "Decoding one packet",
    f"Processor time: medians of {ROUNDS} interleaved rounds; each ratio (min–max) is taken within a round. All "
    f"decoders must read the same values. A dash: not supported, or not compared.",
    ("packets", "ours µs", "bthome-ble µs", "ratio (min–max)", "TheengsGateway µs", "ratio (min–max)"),
    tuple(SUPPORT),
    "The times grow linearly with the number of values in a packet.",
)
_OUR_NAMES = {"tempc": "temperature", "hum": "humidity", "batt": "battery", "volt": "voltage"}
_PACKETS = 256

Values = Mapping[str, float]


class TheengsDecoder:
    """
    The decoder of TheengsGateway, without a broker.

    Args:
        key: The bindkey; None if the packets are not encrypted.
    """

    def __init__(self, key: bytes | None) -> None:
        module = import_module("TheengsGateway.ble_gateway")
        defaults = import_module("TheengsGateway.config").DEFAULT_CONFIG
        bindkeys = {ADDRESS: key.hex()} if key else {}
        self._gateway = module.Gateway({**defaults, "discovery": 0, "publish_all": 0, "bindkeys": bindkeys})
        # The gateway's last step would pass the decoded values to the MQTT client; here they are kept.
        self._gateway.publish_json = self._keep
        self._decoded: Mapping[str, object] = {}

    def _keep(self, values: Mapping[str, object], *, decoded: bool) -> None:
        self._decoded = values if decoded else {}

    def decode(self, packet: bytes, short_uuid: str) -> None:
        """Decode service data of a sensor with the firmware's default name."""
        data = {"id": ADDRESS, "rssi": -60, "name": "ATC_AABBCC", "servicedatauuid": short_uuid}
        self._gateway.decode_advertisement({**data, "servicedata": packet.hex()})

    def values(self, packet: bytes, short_uuid: str) -> Values:
        """Return the measurements in service data; the keys are our names."""
        self._decoded = {}
        self.decode(packet, short_uuid)
        found = {_OUR_NAMES[key]: value for key, value in self._decoded.items() if key in _OUR_NAMES}
        return {name: float(value) for name, value in found.items() if isinstance(value, (int, float))}


def check(who: str, packet: bytes, theirs: Values, ours: Values) -> None:
    """Raise DifferenceError if the other decoder found no value, or a value that differs from ours."""
    if not theirs or any(ours.get(name) != value for name, value in theirs.items()):
        raise DifferenceError(f"packet {packet.hex()}: {who} reads {theirs}, we read {ours}")


def main() -> int:
    """Print the machine, the versions and the table; return the exit status."""
    print(describe_machine(("bthome-ble", "habluetooth", "TheengsGateway", "TheengsDecoder")))
    print()
    report = Report()
    try:
        report.add(TABLE, {name: _row(name) for name in SUPPORT})
    except DifferenceError as error:
        print(f"bench: the results differ, so their times cannot be compared: {error}", file=sys.stderr)
        return 1
    return 0


def _row(name: str) -> Sequence[str]:
    uuid, packets, has_key = _stream(name)
    contestants: dict[str, Contestant] = {}
    decode = FORMATS[uuid].decode
    cipher = Ccm(KEY) if has_key else None
    ours = [decode(packet, ADDRESS, cipher).measurements for packet in packets]
    contestants[OURS] = lambda: repeat(lambda: [decode(packet, ADDRESS, cipher) for packet in packets], 10 * TIMES)
    named = [{str(measurement): value for measurement, value in values.items()} for values in ours]
    if HA in SUPPORT[name]:
        contestants[HA] = _bthome_ble(uuid, packets, named, KEY if has_key else None)
    if THEENGS in SUPPORT[name]:
        contestants[THEENGS] = _theengs(uuid[4:8], packets, named, KEY if has_key else None)
    measured = compare(contestants, ROUNDS)
    cells = [f"{measured.median(OURS) / _PACKETS * 1e6:.2f}"]
    for who in (HA, THEENGS):
        if who in measured:
            cells += [f"{measured.median(who) / _PACKETS * 1e6:.2f}", str(measured.ratio(who, OURS))]
        else:
            cells += ["–", ""]
    return cells


def _stream(name: str) -> tuple[str, list[bytes], bool]:
    """Return the UUID of a row, its packets with ascending packet ids or counters, and whether they are encrypted."""
    if name == _PLAIN:
        plain = [bytes.fromhex(text) for text in next(iter(STREAMS.values()))]
        numbered = [plain[number % 2][:2] + bytes([number]) + plain[number % 2][3:] for number in range(_PACKETS)]
        return bthome.UUID, numbered, False
    stream = next(each for each in OTHER_STREAMS if each.name == name)
    return stream.uuid, [stream.packet(number) for number in range(_PACKETS)], stream.has_key


def _bthome_ble(uuid: str, packets: Sequence[bytes], ours: Sequence[Values], key: bytes | None) -> Contestant:
    libraries = Libraries()
    peer = libraries.peer(key)
    heard = [libraries.heard(packet, uuid, ADDRESS) for packet in packets]
    known: dict[str, float] = {}
    for packet, data, values in zip(packets, heard, ours, strict=True):
        # An update contains the latest value of every measurement, not only those of this packet.
        known |= values
        check(HA, packet, libraries.values(peer.update(data)), known)
    return partial(repeat, lambda: [peer.update(data) for data in heard], TIMES)


def _theengs(short_uuid: str, packets: Sequence[bytes], ours: Sequence[Values], key: bytes | None) -> Contestant:
    decoder = TheengsDecoder(key)
    for packet, values in zip(packets, ours, strict=True):
        check(THEENGS, packet, decoder.values(packet, short_uuid), values)

    def work() -> None:
        for packet in packets:
            decoder.decode(packet, short_uuid)

    return partial(repeat, work, TIMES)


if __name__ == "__main__":
    sys.exit(main())
