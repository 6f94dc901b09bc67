"""
MiBeacon, Xiaomi's proprietary format: service data of UUID 0xFE95.

    frame control (2) | product (2) | frame counter (1) | MAC reversed (6) | capability (1 or 3) | objects
    …                                                                  | the objects, encrypted | counter (3) | MIC (4)

The frame control states which of the optional parts are present. An object consists of its id (2), its length (1) and
its value. So an object that is not in the table can be skipped: it is reported, and the objects after it are read.

Source: pvvx/ATC_MiThermometer at 7363cc8, InfoMijiaBLE (Xiaomi's description of versions 4 and 5) and src/mi_beacon.c
"""

from collections.abc import Generator, Iterator, Mapping
from functools import lru_cache, partial

from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import CERTAIN, LIKELY, POSSIBLE, Guess
from ble_exporter.formats.encryption import (
    ADDRESS_SIZE,
    REVERSED,
    Encrypted,
    address_field,
    check_sender,
    encrypted_fields,
)
from ble_exporter.formats.field import Field, check_room, check_size
from ble_exporter.formats.numbers import Number, sint, uint
from ble_exporter.formats.values import fold

UUID = "0000fe95-0000-1000-8000-00805f9b34fb"

# Bits of the frame control, a little-endian u16.
ENCRYPTED = 1 << 3
HAS_ADDRESS = 1 << 4
HAS_CAPABILITY = 1 << 5
HAS_OBJECT = 1 << 6
MESH = 1 << 7
VERSION_BIT = 12
_UNUSED = 0b111  # no thermometer sets these bits
_BITS: Mapping[int, str] = {
    ENCRYPTED: "encrypted",
    HAS_ADDRESS: "address",
    HAS_CAPABILITY: "capability",
    HAS_OBJECT: "object",
    MESH: "mesh",
}
_OLDEST_VERSION = 2
_OLDEST_ENCRYPTED_VERSION = 4  # earlier versions have other nonces, and a MIC of one byte
_NEWEST_VERSION = 5

_HEAD_SIZE = 5
_HAS_IO_CAPABILITY = 1 << 5  # a bit of the capability byte
_PRODUCTS: Mapping[int, str] = {0x055B: "LYWSD03MMC"}

_TEMPERATURE = sint("temperature", 2, 10, "°C")
_HUMIDITY = uint("humidity", 2, 10, "%")

OBJECTS: Mapping[int, tuple[Number, ...]] = {
    0x1004: (_TEMPERATURE,),
    0x1006: (_HUMIDITY,),
    0x100A: (uint("battery", 1, 1, "%"),),
    0x100D: (_TEMPERATURE, _HUMIDITY),
}
"""Object id to the numbers in its value, in payload order."""
_SIZES = {object_id: sum(number.size for number in numbers) for object_id, numbers in OBJECTS.items()}
NUMBERS = tuple(number for numbers in OBJECTS.values() for number in numbers)


def fields(payload: bytes, sender: str | None) -> Iterator[Field | Encrypted]:
    """
    Yield the fields of service data of UUID 0xFE95, from any product.

    A frame without an object only announces a sensor, and has no values.
    """
    check_size(payload)
    start, address = yield from _head(payload)
    control = int.from_bytes(payload[:2], "little")
    _check_frame(control)
    if address is not None:
        check_sender(address, sender)
    if not control & HAS_OBJECT:
        if start < len(payload):
            yield Field(start, len(payload), "ignored", note="the frame control indicates no object")
    elif control & ENCRYPTED:
        # The frame counter is the lowest byte of the counter, whose upper 24 bits follow the objects.
        nonce, low = (REVERSED, payload[2:_HEAD_SIZE]), payload[4:_HEAD_SIZE]
        yield from encrypted_fields(payload, start, 3, nonce, _objects, low_counter=low)
    else:
        yield from _objects(payload, start)


decode = partial(fold, fields)
"""See `decoded.Decoder`."""


def _head(payload: bytes) -> Generator[Field, None, tuple[int, Field | None]]:
    """Yield the fields before the objects; return the offset of the objects, and the address field or None."""
    check_room(payload, 0, 0, 2, "the frame control")
    control = int.from_bytes(payload[:2], "little")
    yield _frame_control(control)
    check_room(payload, 2, 0, 2, "the product")
    yield _product(payload[2:4])
    check_room(payload, 4, 0, 1, "the frame counter")
    if control & HAS_OBJECT and not control & ENCRYPTED:
        yield Field(4, 5, "frame counter", "packet_id", payload[4])
    else:
        yield Field(4, 5, "frame counter", note=str(payload[4]))
    start, address = _HEAD_SIZE, None
    if control & HAS_ADDRESS:
        start = check_room(payload, start, 0, ADDRESS_SIZE, "the address")
        address = address_field(payload[_HEAD_SIZE:start], _HEAD_SIZE, REVERSED)
        yield address
    if control & HAS_CAPABILITY:
        check_room(payload, start, 0, 1, "the capability")
        size = 3 if payload[start] & _HAS_IO_CAPABILITY else 1
        end = check_room(payload, start, 0, size, "the capability")
        yield Field(start, end, "capability", note="with I/O capability" if size > 1 else "")
        start = end
    return start, address


# Cached: a sensor sends only one or two different frame controls, and composing the note takes longer than decoding.
@lru_cache(maxsize=64)
def _frame_control(control: int) -> Field:
    notes = [f"version {control >> VERSION_BIT}", *(name for bit, name in _BITS.items() if control & bit)]
    return Field(0, 2, "frame control", note=", ".join(notes))


@lru_cache(maxsize=64)
def _product(data: bytes) -> Field:
    product = int.from_bytes(data, "little")
    return Field(2, 4, "product", note=f"0x{product:04X} {_PRODUCTS.get(product, '')}".rstrip())


def _check_frame(control: int) -> None:
    version = control >> VERSION_BIT
    oldest = _OLDEST_ENCRYPTED_VERSION if control & ENCRYPTED else _OLDEST_VERSION
    if version < oldest:
        how = "an encrypted" if control & ENCRYPTED else "a"
        text = f"MiBeacon version {version} is too old: {how} payload must be of version {oldest} or later"
        raise DecodeError("wrong_version", text, 1, 1)
    if control & MESH:
        raise DecodeError("reserved_bit", "the mesh bit is set, but thermometers are not mesh devices", 0, 1)


def _objects(payload: bytes, start: int = 0) -> Iterator[Field]:
    while start < len(payload):
        index = check_room(payload, start, 0, 3, "the object's head")
        object_id = int.from_bytes(payload[start : start + 2], "little")
        size = payload[start + 2]
        label = f"object 0x{object_id:04X}"
        end = check_room(payload, start, 3, size, label)
        if _SIZES.get(object_id) == size:
            for number in OBJECTS[object_id]:
                yield number.field(payload, index, start, end, label)
                index += number.size
        else:
            why = f"not known with a length of {size}" if object_id in OBJECTS else "unknown"
            yield Field(start, end, label, "unknown_object", object_id, note=f"{why}: skipped")
        start = end


def guess(payload: bytes) -> Guess | None:
    """Guess MiBeacon from the frame control, the product and the objects; return None if they do not fit."""
    control = int.from_bytes(payload[:2], "little")
    version = control >> VERSION_BIT
    is_known_product = int.from_bytes(payload[2:4], "little") in _PRODUCTS
    is_known_version = _OLDEST_VERSION <= version <= _NEWEST_VERSION
    if not (is_known_product or is_known_version):
        return None
    end, has_values = 0, False
    try:
        for one in fields(payload, None):
            if one.role != "encrypted":
                end, has_values = one.end, has_values or one.role == "measurement"
    except DecodeError:
        # All objects in the table have ids from 0x1000 to 0x10FF.
        has_object = end > _HEAD_SIZE and payload[end + 1 : end + 2] == b"\x10"
        has_head = len(payload) > _HEAD_SIZE and not control & (_UNUSED | MESH)
        why = f"it begins like a frame of version {version}, but the rest does not fit"
        rank = LIKELY if is_known_product else POSSIBLE
        return Guess(rank, UUID, why) if is_known_product or has_head or has_object else None
    is_confirmed = is_known_product or has_values
    is_likely = control & HAS_ADDRESS and control & HAS_OBJECT and not control & _UNUSED
    rank = CERTAIN if is_confirmed and is_known_version else LIKELY if is_confirmed or is_likely else POSSIBLE
    return Guess(rank, UUID, f"it begins like a frame of version {version}, and the rest fits")
