"""The fields of BTHome, version 2 and 1."""

from ble_exporter.cli.decode.fields import FieldError, Part, Sealed, Value
from ble_exporter.formats import bthome, bthome_v1
from ble_exporter.formats.bthome_objects import OBJECTS, OTHERS
from ble_exporter.utils import number_of

_TRIGGER_BASED = 0b0000_0100
_TYPES = ("unsigned", "signed", "floating-point", "text", "MAC address", "clock", "type 6", "type 7")


def walk_v2(part: Part) -> Sealed | None:
    """
    Find the fields of a BTHome v2 payload.

    Raises:
        FieldError: What bthome.decode rejects; not what is found by the key.
    """
    _check_length(part, bthome.MAX_LENGTH)
    information = part.data[0]
    version = information >> 5
    notes = [f"version {version}", "encrypted" if information & bthome.ENCRYPTED else "not encrypted"]
    notes += ["trigger based"] if information & _TRIGGER_BASED else []
    notes += ["reserved bit 1"] if information & bthome.RESERVED else []
    part.take(1, "device information", ", ".join(notes))
    if information & bthome.VERSION != bthome.VERSION_2:
        raise FieldError("wrong_version", f"BTHome version {version} is not 2", 0)
    if information & bthome.RESERVED:
        raise FieldError("reserved_bit", "bit 1 of the device information is reserved, and set", 0)
    if information & bthome.ENCRYPTED:
        return part.seal(_objects_v2, 4)
    _objects_v2(part)
    return None


def _objects_v2(part: Part) -> None:
    while part.left():
        object_id = part.data[part.index]
        what = f"object 0x{object_id:02X}"
        if object_id in OBJECTS:
            number = OBJECTS[object_id]
            part.need(number.size, what, head=1)
            part.numbers((number,), what, head=1)
        elif object_id == bthome.PACKET_ID:
            part.need(1, what, head=1)
            part.take(2, what, values=(_packet_id(part.data[part.index + 1]),))
        elif object_id in OTHERS:
            name, length, value = OTHERS[object_id]
            if not isinstance(length, int):
                part.need(1, what, head=1)
                length = length(part.data, part.index + 1)
            part.need(length, what, head=1)
            data = part.data[part.index + 1 : part.index + 1 + length]
            part.take(1 + length, what, values=(part.other(name, value(data)),))
        else:
            behind = part.left() - 1
            note = f"unknown, and so its length: {number_of(behind, 'byte')} behind it can't be read"
            part.unknown(part.left(), object_id, what, note)


def walk_v1(part: Part) -> Sealed | None:
    """
    Find the fields of a plain BTHome v1 payload.

    Raises:
        FieldError: What bthome_v1.decode rejects.
    """
    _check_length(part, bthome_v1.MAX_LENGTH)
    _objects_v1(part)
    return None


def walk_v1_encrypted(part: Part) -> Sealed | None:
    """
    Find the fields of an encrypted BTHome v1 payload.

    Raises:
        FieldError: What bthome_v1.decode_encrypted rejects; not what is found by the key.
    """
    _check_length(part, bthome_v1.MAX_LENGTH)
    return part.seal(_objects_v1, 4, least=1)


def _objects_v1(part: Part) -> None:
    while part.left():
        control = part.data[part.index]
        length = control & bthome_v1.LENGTH
        value_type = control >> bthome_v1.TYPE_BIT
        part.need(length, "the object", head=1)
        if length < 2:
            text = (
                f"the object at byte {part.index} has no value: its control byte 0x{control:02X} says length {length}"
            )
            raise FieldError("truncated", text, part.index)
        object_id = part.data[part.index + 1]
        data = part.data[part.index + 2 : part.index + 1 + length]
        what, note = (
            f"object 0x{object_id:02X}",
            f"{_TYPES[value_type]}, {len(data)} bytes".replace(" 1 bytes", " 1 byte"),
        )
        value = _value_v1(part, value_type, object_id, data)
        if value is not None:
            part.take(1 + length, what, note, (value,))
        elif value_type == bthome_v1.ADDRESS:
            part.take(1 + length, what, f"{note}: stepped over")
        else:
            part.unknown(1 + length, object_id, what, f"{note}: unknown, stepped over")


def _value_v1(part: Part, value_type: int, object_id: int, data: bytes) -> Value | None:
    if object_id in OBJECTS:
        number = OBJECTS[object_id]
        measured = bthome_v1.number_of(number, value_type, data)
        if measured is not None:
            return part.measured(number.name, measured[0], number.unit, is_possible=measured[1])
    if object_id in bthome_v1.V1_OTHERS:
        return part.other(OTHERS[object_id].name, bthome_v1.V1_OTHERS[object_id](data))
    if object_id == bthome_v1.PACKET_ID and len(data) == 1:
        return _packet_id(data[0])
    return None


def _packet_id(packet_id: int) -> Value:
    return Value("packet_id", "packet_id", "packet_id", packet_id)


def _check_length(part: Part, most: int) -> None:
    if not part.data:
        raise part.error("truncated", "there is no byte")
    if len(part.data) > most:
        raise part.error(
            "too_long", f"{len(part.data)} bytes are more than the {most} that an advertisement's field holds"
        )
