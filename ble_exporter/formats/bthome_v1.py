"""
BTHome v1: the service data of UUID 0x181C, and encrypted of UUID 0x181E.

    control byte, object id, value | control byte, object id, value | …
    the objects, encrypted | counter (4) | MIC (4)

The control byte has the length of what follows in bits 0 to 4, and the value's type in bits 5 to 7. So an object that
is not in the table can be stepped over: it is reported, and what stands behind it is read. The ids and their factors
are those of BTHome v2, but how long an integer is, and whether it has a sign, is the object's to say.

Source: bthome.io/v1
"""

from collections.abc import Callable, Iterator, Mapping
from struct import Struct

from ble_exporter.errors import DecodeError
from ble_exporter.formats.bthome_objects import OBJECTS, OTHERS
from ble_exporter.formats.decoded import Cipher, Counter, Decoded
from ble_exporter.formats.encryption import ASSOCIATED_DATA, MIC_LENGTH, octets, opened
from ble_exporter.formats.limits import bounds, is_possible
from ble_exporter.formats.numbers import Number
from ble_exporter.formats.values import Values

UUID = "0000181c-0000-1000-8000-00805f9b34fb"
UUID_ENCRYPTED = "0000181e-0000-1000-8000-00805f9b34fb"

LENGTH = 0b0001_1111
TYPE_BIT = 5
_UNSIGNED, _SIGNED, _FLOAT, _STRING, ADDRESS, _TIME = range(6)
_FLOATS: Mapping[int, Struct] = {2: Struct("<e"), 4: Struct("<f"), 8: Struct("<d")}

PACKET_ID = 0x00
V1_OTHERS: Mapping[int, Callable[[bytes], int | str | bytes]] = {
    0x3A: OTHERS[0x3A].value,
    0x3C: OTHERS[0x3C].value,
    # The control byte has the length, so the value has none.
    0x53: lambda data: data.decode(errors="replace"),
    0x54: lambda data: data,
}

MAX_LENGTH = 255
_UUID_IN_NONCE = b"\x1e\x18"
_COUNTER_AND_MIC = 4 + MIC_LENGTH


def decode(payload: bytes, _address: str = "", _cipher: Cipher | None = None) -> Decoded:
    """
    Decode the service data of one plain BTHome v1 advertisement.

    Args:
        payload: Service data of UUID 0x181C; 1 to 255 bytes.

    Raises:
        DecodeError: Cut short, too long, or without a possible value.
    """
    _check_length(payload)
    values = Values()
    packet_id = unknown_object = None
    for value_type, object_id, data in _objects(payload):
        measured = number_of(OBJECTS[object_id], value_type, data) if object_id in OBJECTS else None
        if measured is not None:
            value, possible = measured
            values.add(OBJECTS[object_id].name, value, is_possible=possible)
        elif object_id in V1_OTHERS:
            values.add_other(OTHERS[object_id].name, V1_OTHERS[object_id](data))
        elif object_id == PACKET_ID and len(data) == 1:
            packet_id = data[0]
        # A MAC address is in no table of ids, and says nothing that is not known: the sender is.
        elif value_type != ADDRESS and unknown_object is None:
            unknown_object = object_id
    return values.decoded(payload, packet_id, unknown_object)


def decode_encrypted(payload: bytes, address: str, cipher: Cipher | None) -> Decoded:
    """
    Decode the service data of one encrypted BTHome v1 advertisement.

    Args:
        payload: Service data of UUID 0x181E; 8 to 255 bytes.
        address: The sender's.
        cipher: Of its key.

    Raises:
        DecodeError: No cipher, wrong key, cut short, too long, or without a possible value.
    """
    _check_length(payload)
    if cipher is None:
        raise DecodeError("encrypted", f"the BTHome v1 payload is encrypted: {payload.hex()}")
    if len(payload) <= _COUNTER_AND_MIC:
        raise DecodeError("truncated", f"nothing is in front of counter and MIC: {payload.hex()}")
    counter = payload[-_COUNTER_AND_MIC:-MIC_LENGTH]
    sealed = payload[:-_COUNTER_AND_MIC] + payload[-MIC_LENGTH:]
    plaintext = cipher.decrypt(octets(address) + _UUID_IN_NONCE + counter, sealed, ASSOCIATED_DATA)
    return opened(decode, plaintext, Counter(int.from_bytes(counter, "little"), 32), payload)


def _check_length(payload: bytes) -> None:
    if not payload:
        raise DecodeError("truncated", "the service data is empty")
    if len(payload) > MAX_LENGTH:
        raise DecodeError("too_long", f"{len(payload)} bytes are more than an advertisement holds")


def _objects(payload: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the type, the id and the value's bytes (at least one) of each object."""
    index = 0
    while index < len(payload):
        control = payload[index]
        behind = index + 1 + (control & LENGTH)
        if behind > len(payload) or behind < index + 3:
            raise DecodeError("truncated", f"the object at byte {index} is cut short: {payload.hex()}")
        yield control >> TYPE_BIT, payload[index + 1], payload[index + 2 : behind]
        index = behind


def number_of(number: Number, value_type: int, data: bytes) -> tuple[float, bool] | None:
    """Return the value, and whether it is possible; None where such bytes are no number."""
    if value_type == _FLOAT and len(data) in _FLOATS and not number.is_binary:
        real = _FLOATS[len(data)].unpack(data)[0] * number.multiplier / number.divisor
        return real, is_possible(number.name, real)
    if value_type not in (_UNSIGNED, _SIGNED) and (value_type, number.name) != (_TIME, "timestamp"):
        return None
    is_signed = value_type == _SIGNED
    raw = int.from_bytes(data, "little", signed=is_signed) * number.multiplier
    if number.is_binary:
        return float(raw != 0), True
    least, most = bounds(number.name, number.divisor, len(data) if is_signed else 0, number.multiplier)
    return raw / number.divisor, least <= raw <= most
