"""
BTHome v2: the service data of UUID 0xFCD2.

    device information | object id, value | object id, value | …

The rules are those of bthome.io/format. A value's length follows from its object id, so nothing
behind an unknown id can be read: decoding stops there and keeps what it has.
"""

import struct

from ble_exporter.errors import DecodeError
from ble_exporter.formats.bthome_objects import OBJECTS, OTHERS, Raw
from ble_exporter.formats.decoded import Cipher, Decoded

UUID = "0000fcd2-0000-1000-8000-00805f9b34fb"

# The device-information byte: bit 0 encrypted, bit 1 reserved, bit 2 trigger based, bits 5 to 7 the version.
_ENCRYPTED = 0b0000_0001
_RESERVED = 0b0000_0010
_VERSION = 0b1110_0000
_VERSION_2 = 0b0100_0000
_CHECKED = _VERSION | _RESERVED | _ENCRYPTED

_PACKET_ID = 0x00

# Bluetooth Core, vol. 3, part C, 11: the length of a field of an advertisement is one byte.
_MAX_LENGTH = 255


# The rows by object id, as plain tuples in a list: finding and unpacking one is most of what decoding costs.
_NUMBERS: list[tuple[str, int, Raw, int] | None] = [None] * 256
for _object_id, _row in OBJECTS.items():
    _NUMBERS[_object_id] = (_row.name, _row.size, _row.read, _row.divisor)


def decode(payload: bytes, _address: str = "", _cipher: Cipher | None = None) -> Decoded:
    """
    Decode the service data of one BTHome v2 advertisement.

    Args:
        payload: Service data of UUID 0xFCD2, device-information byte first; 1 to 255 bytes.

    Raises:
        DecodeError: Wrong version, encrypted, a reserved bit set, cut short, or too long.

    Source: bthome.io/format
    """
    end = len(payload)
    if not 0 < end <= _MAX_LENGTH or payload[0] & _CHECKED != _VERSION_2:
        raise _header_error(payload)
    measurements: dict[str, float] = {}
    others: dict[str, int | str | bytes] = {}
    repeats: dict[str, int] = {}
    packet_id = unknown_object = None
    index = 1
    try:
        while index < end:
            object_id = payload[index]
            number = _NUMBERS[object_id]
            if number is not None:
                name, size, read, divisor = number
                value = read(payload, index + 1)[0] / divisor
                if name in measurements:
                    name = _numbered(name, repeats)
                measurements[name] = value
                index += 1 + size
            elif object_id == _PACKET_ID:
                packet_id = payload[index + 1]
                index += 2
            elif object_id in OTHERS:
                index = _decode_other(payload, index, others, repeats)
            else:
                unknown_object = object_id
                break
    except (IndexError, struct.error):
        raise DecodeError(
            "truncated", f"object 0x{payload[index]:02X} at byte {index} is cut short: {payload.hex()}"
        ) from None
    return Decoded(measurements, others, packet_id, unknown_object)


def _header_error(payload: bytes) -> DecodeError:
    if not payload:
        return DecodeError("truncated", "the service data is empty")
    if len(payload) > _MAX_LENGTH:
        return DecodeError("too_long", f"{len(payload)} bytes are more than an advertisement holds")
    information = payload[0]
    if information & _VERSION != _VERSION_2:
        return DecodeError("wrong_version", f"BTHome version {information >> 5} is not 2: {payload.hex()}")
    if information & _ENCRYPTED:
        return DecodeError("encrypted", f"the BTHome payload is encrypted: {payload.hex()}")
    # Some senders put their address behind this byte when bit 1 is set; the specification reserves the bit. Reading
    # on could only guess.
    return DecodeError("reserved_bit", f"the reserved bit 1 of the device information is set: {payload.hex()}")


def _numbered(name: str, repeats: dict[str, int]) -> str:
    """Tell a repeated object apart by its position among those of its name, as the specification does."""
    repeats[name] = position = repeats.get(name, 1) + 1
    return f"{name}_{position}"


def _decode_other(payload: bytes, index: int, others: dict[str, int | str | bytes], repeats: dict[str, int]) -> int:
    """Decode the object at `index` that is no number into `others`; return the index behind it."""
    name, length, value = OTHERS[payload[index]]
    start = index + 1
    behind = start + (length if isinstance(length, int) else length(payload, start))
    if behind > len(payload):
        raise IndexError
    others[_numbered(name, repeats) if name in others else name] = value(payload[start:behind])
    return behind
