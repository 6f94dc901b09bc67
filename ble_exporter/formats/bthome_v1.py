"""
BTHome v1: service data of UUID 0x181C, or 0x181E if it is encrypted.

    control byte, object id, value | control byte, object id, value | …
    the objects, encrypted | counter (4) | MIC (4)

Bits 0 to 4 of the control byte are the length of the rest of the object, bits 5 to 7 the type of its value. So an
object that is not in the table can be skipped: it is reported, and the objects after it are read. The ids and their
factors are those of BTHome v2, but the control byte gives the size of an integer and whether it is signed.

Source: bthome.io/v1
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from struct import Struct

from ble_exporter.errors import DecodeError
from ble_exporter.formats.bthome_objects import OBJECTS, OTHERS
from ble_exporter.formats.decoded import ANYTHING, LIKELY, POSSIBLE, Guess
from ble_exporter.formats.encryption import AS_PRINTED, MIC_SIZE, Encrypted, encrypted_fields
from ble_exporter.formats.field import MAX_SIZE, Field, check_room, check_size
from ble_exporter.formats.limits import bounds
from ble_exporter.formats.numbers import Number
from ble_exporter.formats.values import fold, is_fully_known
from ble_exporter.utils import number_of

UUID = "0000181c-0000-1000-8000-00805f9b34fb"
UUID_ENCRYPTED = "0000181e-0000-1000-8000-00805f9b34fb"

_LENGTH = 0b0001_1111
_TYPE_BIT = 5
_UNSIGNED, _SIGNED, _FLOAT, _STRING, _ADDRESS, _TIME = range(6)
_TYPES = ("unsigned", "signed", "floating-point", "text", "MAC address", "clock", "type 6", "type 7")
_NOTES = tuple(
    f"{_TYPES[control >> _TYPE_BIT]}, {number_of((control & _LENGTH) - 1, 'byte')}" for control in range(256)
)
"""Control byte to its meaning as text."""
_FLOATS: Mapping[int, Struct] = {2: Struct("<e"), 4: Struct("<f"), 8: Struct("<d")}

_PACKET_ID, _RAW = 0x00, 0x54
_OTHERS: Mapping[int, Callable[[bytes], int | str | bytes]] = {
    0x3A: OTHERS[0x3A].value,
    0x3C: OTHERS[0x3C].value,
    # The control byte gives the length, so no length precedes the value.
    0x53: lambda data: data.decode(errors="replace"),
    _RAW: lambda data: data,
}

_COUNTER_SIZE = 4
_UUID_IN_NONCE = b"\x1e\x18"


# `tuple.__new__` takes half as long as the constructor that NamedTuple generates.
_new = tuple.__new__


def fields(payload: bytes, _sender: str | None = None) -> Iterator[Field]:
    """Yield the fields of plain service data (UUID 0x181C)."""
    check_size(payload)
    yield from _objects(payload)


def encrypted_payload_fields(payload: bytes, _sender: str | None = None) -> Iterator[Field | Encrypted]:
    """Yield the fields of encrypted service data (UUID 0x181E)."""
    check_size(payload)
    yield from encrypted_fields(payload, 0, _COUNTER_SIZE, (AS_PRINTED, _UUID_IN_NONCE), _objects, least=1)


decode = partial(fold, fields)
"""See `decoded.Decoder`."""

decode_encrypted = partial(fold, encrypted_payload_fields)
"""See `decoded.Decoder`."""


def _objects(payload: bytes) -> Iterator[Field]:
    start = 0
    while start < len(payload):
        control = payload[start]
        length = control & _LENGTH
        end = check_room(payload, start, 1, length, "the object")
        if length < 2:
            text = f"the object at byte {start} has no value: its control byte 0x{control:02X} gives length {length}"
            raise DecodeError("truncated", text, start, 1)
        yield _object(payload, start, end)
        start = end


def _object(payload: bytes, start: int, end: int) -> Field:
    value_type, object_id, data = payload[start] >> _TYPE_BIT, payload[start + 1], payload[start + 2 : end]
    label = f"object 0x{object_id:02X}"
    note = _NOTES[payload[start]]
    if object_id in OBJECTS:
        number = OBJECTS[object_id]
        raw = _raw(number, value_type, data)
        if raw is not None:
            signed_size = len(data) if value_type == _SIGNED else 0
            least, most = bounds(number.name, number.divisor, signed_size, number.multiplier)
            value, is_possible = raw / number.divisor, least <= raw <= most
            return _new(Field, (start, end, label, "measurement", value, number.name, number.unit, is_possible, note))
    # A MAC address has no object id: its first byte, which may equal one, must not become an event. Raw data has the
    # same type.
    if object_id in _OTHERS and (value_type != _ADDRESS or object_id == _RAW):
        return Field(start, end, label, "other", _OTHERS[object_id](data), OTHERS[object_id].name, note=note)
    if object_id == _PACKET_ID and len(data) == 1:
        return Field(start, end, label, "packet_id", data[0], note=note)
    # Every advertisement has the sender's address already.
    if value_type == _ADDRESS:
        return Field(start, end, label, note=f"{note}: skipped")
    return Field(start, end, label, "unknown_object", object_id, note=f"{note}: unknown, skipped")


def _raw(number: Number, value_type: int, data: bytes) -> float | None:
    """Return the number before the division; None if the value type or the size does not fit the object."""
    if value_type == _FLOAT and len(data) in _FLOATS and not number.is_binary:
        real: float = _FLOATS[len(data)].unpack(data)[0]
        return real * number.multiplier
    if value_type not in (_UNSIGNED, _SIGNED) and (value_type, number.name) != (_TIME, "timestamp"):
        return None
    raw = int.from_bytes(data, "little", signed=value_type == _SIGNED)
    return raw != 0 if number.is_binary else raw * number.multiplier


def guess(payload: bytes) -> Guess | None:
    """Guess plain BTHome v1 if all objects are known and not too large, or the first is typical; else return None."""
    if is_typical(payload):
        return Guess(LIKELY, UUID, "it consists of version 1 objects only")
    if is_fully_known(fields, payload) and all(
        one.end - one.start <= _most(payload[one.start]) for one in fields(payload)
    ):
        return Guess(POSSIBLE, UUID, "it consists of version 1 objects, some of them of an unusual size")
    first = payload[: 1 + (payload[0] & _LENGTH)] if payload else b""
    if len(first) < len(payload) and is_typical(first):
        return Guess(POSSIBLE, UUID, "it begins with a version 1 object")
    return None


def guess_encrypted(payload: bytes) -> Guess | None:
    """Guess encrypted BTHome v1 for any service data that is long enough; otherwise return None."""
    if len(payload) > _COUNTER_SIZE + MIC_SIZE:
        return Guess(ANYTHING, UUID_ENCRYPTED, "any bytes fit, because encrypted data looks random")
    return None


def _most(control: int) -> int:
    """Return the largest plausible size, in bytes, of an object with this control byte, including that byte and id."""
    return 7 if control >> _TYPE_BIT in (_UNSIGNED, _SIGNED) else MAX_SIZE


def is_typical(payload: bytes) -> bool:
    """Return whether a payload consists only of known objects with possible values and their usual sizes."""
    return is_fully_known(fields, payload) and all(
        field.is_possible and _has_usual_size(payload[field.start + 1], field.end - field.start - 2)
        for field in fields(payload)
    )


def _has_usual_size(object_id: int, size: int) -> bool:
    return object_id not in OBJECTS or OBJECTS[object_id].size == size
