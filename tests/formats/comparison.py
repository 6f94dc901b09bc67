"""The results of this project's decoders and of bthome-ble for one packet, and their differences."""

import math
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from cryptography.exceptions import InvalidTag

from ble_exporter.errors import DecodeError
from ble_exporter.formats.bthome_objects import OBJECTS, OTHERS
from ble_exporter.formats.ccm import Ccm
from ble_exporter.formats.decoded import Decoded
from ble_exporter.formats.registry import FORMATS
from tests.formats.oracle import KINDS, Answer, Object, as_ours, asked, places
from tests.formats.packets import Packet
from tests.formats.sealing import ADDRESS, unseal_v1, unseal_v2

CUT = "cut"


class No(Enum):
    """The reason why a decoder has no value for an object."""

    VALUE = "absent"
    POSSIBLE_VALUE = "impossible"


class Difference(NamedTuple):
    """
    One difference between the two decoders.

    Attributes:
        what: "acceptance", "value", "position", "counter", "unknown object", or "value without an object".
        ours, theirs: The results of the two decoders.
        one: The object that differs, or None if the difference is about the whole packet.
        is_overwritten: Whether bthome-ble gives a later object the same key.
    """

    what: str
    ours: object
    theirs: object
    one: Object | None = None
    is_overwritten: bool = False


class Comparison(NamedTuple):
    """
    A packet, and the results of both decoders.

    Attributes:
        objects: The complete objects in the packet, split by version 1's lengths or by bthome-ble's table; none if the
            packet can't be decrypted.
        end: CUT, an object id that bthome-ble does not know, or None if the last object is complete, or if there is
            none.
    """

    packet: Packet
    ours: Decoded | DecodeError
    theirs: Answer
    objects: list[Object]
    end: str | int | None


def compared(packet: Packet) -> Comparison:
    """Decode a packet with both decoders."""
    ours: Decoded | DecodeError
    try:
        ours = FORMATS[packet.uuid].decode(packet.payload, ADDRESS, Ccm(packet.key) if packet.key else None)
    except DecodeError as error:
        ours = error
    theirs = asked(packet.uuid, packet.payload, packet.key)
    return Comparison(packet, ours, theirs, *_split(packet))


def plaintext(packet: Packet) -> bytes:
    """
    Return the objects of a packet, decrypted without either of the two decoders.

    Raises:
        InvalidTag: The packet was not encrypted with the key, or was changed.
    """
    if packet.branch == "v1":
        return packet.payload
    if packet.branch == "v1 encrypted":
        return unseal_v1(packet.payload)
    return unseal_v2(packet.payload) if packet.payload[0] & 1 else packet.payload[1:]


def _split(packet: Packet) -> tuple[list[Object], str | int | None]:
    try:
        objects = plaintext(packet)
    except (InvalidTag, IndexError, ValueError):
        return [], None
    return _split_v1(objects) if packet.branch.startswith("v1") else _split_v2(objects)


def _split_v1(payload: bytes) -> tuple[list[Object], str | None]:
    objects: list[Object] = []
    while payload:
        length = payload[0] & 0x1F
        if length < 2 or len(payload) <= length:
            return objects, CUT
        objects.append(Object(payload[1], payload[0] >> 5, payload[2 : 1 + length]))
        payload = payload[1 + length :]
    return objects, None


def _split_v2(payload: bytes) -> tuple[list[Object], str | int | None]:
    objects: list[Object] = []
    while payload:
        object_id = payload[0]
        if object_id not in KINDS:
            return objects, object_id
        start, length = 1, KINDS[object_id].size
        if KINDS[object_id].data_format in ("string", "raw", "command"):
            if len(payload) < 2:
                return objects, CUT
            start, length = 2, payload[1]
            if object_id == 0x3B:
                length = 1 + (payload[1] & 0x1F)
        if len(payload) < start + length:
            return objects, CUT
        objects.append(Object(object_id, None, payload[start : start + length]))
        payload = payload[start + length :]
    return objects, None


def fits(one: Object) -> bool:
    """Return whether the value type is valid for the object id; in version 2 the id determines the type."""
    if one.value_type is None:
        return True
    if one.object_id in OBJECTS:
        is_float = one.value_type == 2 and len(one.data) in (2, 4, 8) and not OBJECTS[one.object_id].is_binary
        return is_float or one.value_type in (0, 1) or (one.value_type, one.object_id) == (5, 0x50)
    return one.object_id in (0x3A, 0x3C, 0x53, 0x54) or (one.object_id == 0 and len(one.data) == 1)


def differences(comparison: Comparison) -> Iterator[Difference]:
    """Yield all differences; if bthome-ble raises an exception or we reject the packet, at most one, in acceptance."""
    ours, theirs = comparison.ours, comparison.theirs
    if theirs.raised:
        yield Difference("acceptance", ours, theirs.raised)
        return
    if isinstance(ours, DecodeError):
        if theirs.is_accepted:
            yield Difference("acceptance", ours, True)
        return
    if not theirs.is_accepted:
        yield Difference("acceptance", True, False)
    our_counter = ours.counter.value if ours.counter else None
    if our_counter != theirs.counter:
        yield Difference("counter", our_counter, theirs.counter)
    yield from _differences_of_objects(comparison, ours)
    unknown = next(
        (one.object_id for one in comparison.objects if not fits(one) and one.value_type != 4), comparison.end
    )
    if ours.unknown_object != unknown:
        yield Difference("unknown object", ours.unknown_object, unknown)


def _differences_of_objects(comparison: Comparison, ours: Decoded) -> Iterator[Difference]:
    of_theirs = places(comparison.objects)
    last = {place: index for index, (place, _) in enumerate(of_theirs)}
    left = dict(comparison.theirs.values)
    our_left: dict[str, object] = {
        **{str(name): value for name, value in ours.others.items()},
        **{str(name): value for name, value in ours.measurements.items()},
        **dict.fromkeys(ours.impossible, No.POSSIBLE_VALUE),
    }
    positions: dict[str, int] = {}
    for index, (one, (place, their_position)) in enumerate(zip(comparison.objects, of_theirs, strict=True)):
        left.pop(place, None)
        our_value, our_position = _ours(one, ours, our_left, positions)
        value = comparison.theirs.values.get(place)
        their_value = No.VALUE if value is None else as_ours(value, one)
        if not _is_same(our_value, their_value):
            yield Difference("value", our_value, their_value, one, last[place] != index)
        if their_position and our_position and their_position != our_position:
            yield Difference("position", our_position, their_position, one)
    if our_left or left:
        yield Difference("value without an object", our_left, left)


def _ours(one: Object, ours: Decoded, left: dict[str, object], positions: dict[str, int]) -> tuple[object, int]:
    """Remove the value of an object from `left`; return the value and its position, or 0 without a position."""
    if not fits(one):
        return No.VALUE, 0
    if one.object_id == 0:
        return No.VALUE if ours.packet_id is None else float(ours.packet_id), 0
    name = (OBJECTS.get(one.object_id) or OTHERS[one.object_id]).name
    positions[name] = position = positions.get(name, 0) + 1
    return left.pop(f"{name}_{position}" if position > 1 else name, No.VALUE), position


def _is_same(ours: object, theirs: object) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-12, abs_tol=1e-9)
    return type(ours) is type(theirs) and ours == theirs
