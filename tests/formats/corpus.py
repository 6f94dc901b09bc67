"""
The inputs of the fuzzer: each has the name of a target (see TARGETS), and the bytes for that target.

tests/corpus/formats.txt contains the kept inputs, one per line: the target's name, and the bytes in hex.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ble_exporter.formats import mibeacon
from ble_exporter.formats.encryption import mac_bytes
from ble_exporter.formats.registry import FORMATS
from tests.data import HERE, vectors
from tests.formats.invariants import NAMES, TARGETS
from tests.formats.sealing import ADDRESS, PRINTED, REVERSED, VECTOR_FILES

KEPT = HERE / "corpus" / "formats.txt"
_TARGETS = list(TARGETS)


class Input(NamedTuple):
    """
    One input of the fuzzer.

    Attributes:
        target: A name in TARGETS.
        data: The bytes for the target.
    """

    target: str
    data: bytes

    def __str__(self) -> str:
        """Return the input's line in the file."""
        return f"{self.target} {self.data.hex()}".rstrip()

    def to_bytes(self) -> bytes:
        """Return the input in the fuzzer's form: one byte for the target, then the data."""
        return bytes([_TARGETS.index(self.target)]) + self.data

    def check(self) -> None:
        """Check the target's invariants for these bytes."""
        TARGETS[self.target](self.data)


def from_bytes(data: bytes) -> Input:
    """Return the input for the fuzzer's bytes; any first byte selects a target."""
    return Input(_TARGETS[data[0] % len(_TARGETS)] if data else _TARGETS[0], data[1:])


def kept(path: Path = KEPT) -> list[Input]:
    """Return the inputs that are kept in a file."""
    lines = path.read_text(encoding="ascii").splitlines()
    return [Input(target, bytes.fromhex(data)) for target, _, data in (line.partition(" ") for line in lines)]


def keep(inputs: Iterable[Input], path: Path = KEPT) -> None:
    """Write the inputs to a file, sorted and without duplicates."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in sorted(set(map(str, inputs)))), encoding="ascii")


def from_vectors() -> Iterator[Input]:
    """Yield the payloads of the vectors, for each target that accepts their format."""
    for one in VECTOR_FILES:
        name, service = NAMES[one.uuid], list(FORMATS).index(one.uuid)
        for vector in vectors(one.vectors):
            payload = _from_our_sender(bytes.fromhex(vector["payload"]), vector.get("address", ADDRESS))
            yield Input(name, payload)
            yield Input(f"{name}+key", payload)
            yield Input("advertisement", bytes([service, len(payload)]) + payload)
            yield Input("advertisement+key", bytes([service, len(payload)]) + payload)
            if "key" not in vector:
                yield from _plaintexts(one.uuid, payload)


def _from_our_sender(payload: bytes, address: str) -> bytes:
    """Return a payload in which ADDRESS replaces each occurrence of the sender's address, in either byte order."""
    sender = mac_bytes(address)
    return payload.replace(sender, PRINTED).replace(sender[::-1], REVERSED)


def _plaintexts(uuid: str, payload: bytes) -> Iterator[Input]:
    """Yield, for each encrypted format, approximately the part of a plain payload that the format would encrypt."""
    yield Input("bthome+sealed", payload[1:])
    yield Input("bthome_v1_encrypted+sealed", payload)
    yield Input("atc+sealed", payload[6:12])
    yield Input("atc+sealed", payload[6:9])
    yield Input("mibeacon+sealed", payload[11:] if uuid == mibeacon.UUID else payload)
