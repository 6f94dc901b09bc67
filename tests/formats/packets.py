"""Random BTHome packets of both versions, plain and encrypted, intact or damaged."""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ble_exporter.formats import bthome, bthome_v1
from ble_exporter.formats.bthome_objects import OBJECTS, OTHERS
from tests.formats.sealing import KEY, seal_v1, seal_v2

# The ids that the thermometers send.
_USUAL_IDS = [0x00, 0x01, 0x02, 0x03, 0x0C, 0x10, 0x11]
# Object id → size. From this project's tables: Python 3.10 and `make mutants` have no bthome-ble.
_SIZES = {
    0x00: 1,
    **{object_id: number.size for object_id, number in OBJECTS.items()},
    **{object_id: other.length if isinstance(other.length, int) else 1 for object_id, other in OTHERS.items()},
}
_IDS = sorted(_SIZES)
# Version 1 has no device information.
_V1_IDS = [object_id for object_id in _IDS if object_id < 0xF0]
_V1_INTEGERS = [0, 0, 1]
_V1_FLOATS = [2, 4, 8]
_TEXT_IDS = (0x53, 0x54)

BRANCHES = {
    "v2": bthome.UUID,
    "v2 encrypted": bthome.UUID,
    "v1": bthome_v1.UUID,
    "v1 encrypted": bthome_v1.UUID_ENCRYPTED,
}
"""The four kinds of packets, and the service UUID of each."""


class Packet(NamedTuple):
    """
    One packet.

    Attributes:
        branch: One of BRANCHES.
        payload: The service data that is received.
        key: The receiver's key, or None.
    """

    branch: str
    payload: bytes
    key: bytes | None

    @property
    def uuid(self) -> str:
        """The service UUID of the packet."""
        return BRANCHES[self.branch]


def sent(branch: str, plaintext: bytes, information: int, counter: int) -> bytes:
    """
    Return the service data that a sensor sends for these objects.

    Args:
        branch: One of BRANCHES.
        plaintext: The objects, concatenated.
        information: Version 2's device information byte.
        counter: The counter of an encrypted packet.
    """
    if branch == "v1":
        return plaintext
    if branch == "v1 encrypted":
        return seal_v1(plaintext, counter)
    if branch == "v2 encrypted":
        return seal_v2(plaintext, counter, information)
    return bytes([information]) + plaintext


def _object_id(rng: random.Random, branch: str) -> int:
    kind = rng.random()
    if kind < 0.4:
        return rng.choice(_USUAL_IDS)
    return rng.choice(_V1_IDS if branch.startswith("v1") and kind < 0.97 else _IDS)


def _object_v2(rng: random.Random, object_id: int) -> bytes:
    size = _SIZES[object_id]
    if object_id == 0x3B:
        length = rng.randrange(4)
        return bytes([object_id, rng.choice([0, 0x20]) | length, rng.randrange(7)]) + rng.randbytes(length)
    if object_id in _TEXT_IDS:
        return bytes([object_id, length := rng.randrange(6)]) + _text(rng, length)
    return bytes([object_id]) + _value(rng, object_id, size)


def _value(rng: random.Random, object_id: int, size: int) -> bytes:
    """Return a random value; sometimes the least or the greatest, which often reveal bugs."""
    if object_id in (0x3A, 0x3C):
        return bytes([rng.choice([*range(8), 0x80, 0x81])]) + rng.randbytes(size - 1)
    kind = rng.random()
    if kind < 0.1:
        return rng.choice(
            [b"\x00" * size, b"\xff" * size, b"\xff" * (size - 1) + b"\x7f", b"\x00" * (size - 1) + b"\x80"]
        )
    if kind < 0.5:  # mostly possible; most random bytes are impossible for a battery or a humidity
        return rng.randrange(100 if size == 1 else 10_000).to_bytes(size, "little")
    return rng.randbytes(size)


def _text(rng: random.Random, length: int) -> bytes:
    return rng.randbytes(length) if rng.random() < 0.3 else bytes(rng.randrange(0x20, 0x7F) for _ in range(length))


def _object_v1(rng: random.Random, object_id: int) -> bytes:
    value_type = rng.choice(_V1_INTEGERS)
    size = rng.randrange(1, 6) if object_id in _TEXT_IDS else _SIZES[object_id]
    kind = rng.random()
    if object_id in _TEXT_IDS:
        value_type = 3 if object_id == 0x53 else 4
        return bytes([value_type << 5 | 1 + size, object_id]) + _text(rng, size)
    if object_id == 0x50 and kind < 0.7:
        value_type, size = 5, rng.choice([4, 4, 4, 4, 5, 6])
    elif kind < 0.2:
        value_type, size = 2, rng.choice(_V1_FLOATS)
    elif kind < 0.3:
        size = rng.randrange(1, 9)
    elif kind < 0.35:
        value_type, size = rng.randrange(8), rng.randrange(31)
    return bytes([value_type << 5 | 1 + size, object_id]) + (_value(rng, object_id, size) if size else b"")


def _objects(rng: random.Random, branch: str) -> list[bytes]:
    one = _object_v1 if branch.startswith("v1") else _object_v2
    object_ids = [_object_id(rng, branch) for _ in range(rng.choice([1, 1, 2, 2, 3, 3, 4, 5, 6]))]
    if rng.random() < 0.2:  # one quantity twice, in the same unit or in two
        unit, other = rng.choice(
            [(object_ids[0],) * 2, (0x06, 0x07), (0x40, 0x41), (0x47, 0x48), (0x02, 0x45), (0x53,) * 2]
        )
        object_ids += [unit, other]
    objects = [one(rng, object_id) for object_id in object_ids]
    # The specification demands ascending ids, but some firmware ignores this.
    if branch.startswith("v2") and rng.random() < 0.7:
        objects.sort(key=lambda data: data[0])
    return objects


def _flipped(rng: random.Random, data: bytes, other: bytes) -> bytes:
    flipped = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8]) if data else 0):
        flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(flipped)


def _cut(rng: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _inserted(rng: random.Random, data: bytes, other: bytes) -> bytes:
    index = rng.randrange(len(data) + 1)
    return data[:index] + rng.randbytes(rng.choice([1, 1, 2, 7])) + data[index:]


def _spliced(rng: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def _random(rng: random.Random, data: bytes, other: bytes) -> bytes:
    return rng.randbytes(rng.choice([0, 1, 2, 3, 5, 8, 13, 21, 31]))


def _grown(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Return a payload of about the greatest length that fits into an advertisement, or a little longer."""
    return (data * 250)[: rng.randrange(230, 270)]


Mutation = Callable[[random.Random, bytes, bytes], bytes]
"""A change to bytes; the third argument is the bytes of another packet."""

_MUTATIONS: Sequence[Mutation] = [_flipped] * 4 + [_cut] * 3 + [_inserted] * 3 + [_spliced] * 3 + [_random, _grown]


def _wrong_mic(rng: random.Random, payload: bytes) -> bytes:
    return payload[:-4] + rng.randbytes(4)


def _wrong_counter(rng: random.Random, payload: bytes) -> bytes:
    return payload[:-8] + rng.randrange(2**32).to_bytes(4, "little") + payload[-4:]


def _wrong_first(rng: random.Random, payload: bytes) -> bytes:
    """Change one bit of the device information, or of the first control byte."""
    return bytes([payload[0] ^ 1 << rng.randrange(8)]) + payload[1:] if payload else payload


def _control_bytes(rng: random.Random, objects: list[bytes]) -> list[bytes]:
    """Change the type or length of version 1's objects."""
    return [bytes([rng.choice([rng.randrange(256), data[0] ^ 1 << rng.randrange(8)])]) + data[1:] for data in objects]


def packet(rng: random.Random) -> Packet:
    """Return a random packet; about half of all packets are intact."""
    branch = rng.choice(list(BRANCHES))
    objects = _objects(rng, branch)
    is_encrypted = "encrypted" in branch
    key = KEY if is_encrypted else None
    changed = rng.random()
    if 0.5 < changed < 0.55:
        objects.insert(rng.randrange(len(objects)), rng.choice(objects))
    elif 0.55 < changed < 0.6 and branch.startswith("v1"):
        objects = _control_bytes(rng, objects)
    plaintext = b"".join(objects)
    if 0.6 < changed < 0.8:
        plaintext = rng.choice(_MUTATIONS)(rng, plaintext, b"".join(_objects(rng, branch)))
    information = (0x41 if is_encrypted else 0x40) | rng.choice([0, 0, 0, 4])
    counter = rng.choice([rng.randrange(2**32), rng.randrange(100), 0, 2**32 - 1])
    payload = sent(branch, plaintext, information, counter)
    if 0.8 < changed < 0.85:  # received without the key, or plain for a receiver with a key
        key = None if is_encrypted else KEY
    elif changed > 0.85:
        payload = _damaged(rng, payload, packet(rng).payload, is_encrypted=is_encrypted)
    return Packet(branch, payload, key)


def _damaged(rng: random.Random, payload: bytes, other: bytes, *, is_encrypted: bool) -> bytes:
    kind = rng.random()
    if kind < 0.25:
        return _wrong_first(rng, payload)
    if is_encrypted and kind < 0.5:
        return rng.choice([_wrong_mic, _wrong_counter])(rng, payload)
    return rng.choice(_MUTATIONS)(rng, payload, other)
