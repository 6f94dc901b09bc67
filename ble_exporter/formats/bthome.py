"""
BTHome v2: the service data of UUID 0xFCD2.

    device information | object id, value | object id, value | …
    device information | the objects, encrypted | counter (4) | MIC (4)

The rules are those of bthome.io/format and bthome.io/encryption. A value's length follows from its object id, so
nothing behind an unknown id can be read: decoding stops there and keeps what it has.
"""

import struct

from ble_exporter.errors import DecodeError
from ble_exporter.formats.bthome_objects import OBJECTS, OTHERS
from ble_exporter.formats.decoded import Cipher, Counter, Decoded
from ble_exporter.formats.encryption import MIC_LENGTH, octets, opened
from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.numbers import Raw
from ble_exporter.formats.values import numbered, sifted

UUID = "0000fcd2-0000-1000-8000-00805f9b34fb"

# The device-information byte: bit 0 encrypted, bit 1 reserved, bit 2 trigger based, bits 5 to 7 the version.
ENCRYPTED = 0b0000_0001
RESERVED = 0b0000_0010
VERSION = 0b1110_0000
VERSION_2 = 0b0100_0000
_CHECKED = VERSION | RESERVED | ENCRYPTED

_PLAIN = bytes([VERSION_2])

PACKET_ID = 0x00
_UUID_IN_NONCE = b"\xd2\xfc"
_COUNTER_AND_MIC = 4 + MIC_LENGTH

# Bluetooth Core, vol. 3, part C, 11: the length of a field of an advertisement is one byte.
MAX_LENGTH = 255


# The rows by object id, as plain tuples in a list: finding and unpacking one is most of what decoding costs.
_NUMBERS: list[tuple[Measurement, int, Raw, int, int, int] | None] = [None] * 256
for _object_id, _row in OBJECTS.items():
    _NUMBERS[_object_id] = (_row.name, 1 + _row.size, _row.read, _row.divisor, _row.least, _row.most)

# A tenth of decoding would be the constructor that NamedTuple generates.
_new = tuple.__new__


def decode(payload: bytes, address: str = "", cipher: Cipher | None = None) -> Decoded:
    """
    Decode the service data of one BTHome v2 advertisement, plain or encrypted.

    Args:
        payload: Service data of UUID 0xFCD2, device-information byte first; 1 to 255 bytes.
        address: The sender's; what is plain is decoded without.
        cipher: Of its key.

    Raises:
        DecodeError: Wrong version, encrypted (and no cipher), wrong key, a reserved bit set, cut short, too long, or
            without a possible value.

    Source: bthome.io/format
    """
    end = len(payload)
    if not 0 < end <= MAX_LENGTH or payload[0] & _CHECKED != VERSION_2:
        return _decode_sealed(payload, address, cipher)
    measurements: dict[Measurement, float] = {}
    others: dict[Measurement, int | str | bytes] = {}
    repeats: dict[Measurement, int] = {}
    packet_id = unknown_object = None
    impossible: tuple[Measurement, ...] = ()
    index = 1
    try:
        while index < end:
            object_id = payload[index]
            number = _NUMBERS[object_id]
            if number is not None:
                name, step, read, divisor, least, most = number
                raw = read(payload, index + 1)[0]
                if name in measurements:
                    name = numbered(name, repeats)
                measurements[name] = raw / divisor
                if not least <= raw <= most:
                    impossible += (name,)
                index += step
            elif object_id == PACKET_ID:
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
    if impossible:
        return sifted(Decoded(measurements, others, packet_id, unknown_object, None, impossible), payload)
    return _new(Decoded, (measurements, others, packet_id, unknown_object, None, ()))


def _decode_sealed(payload: bytes, address: str, cipher: Cipher | None) -> Decoded:
    """Decode what is not plain: encrypted, or an error."""
    if cipher is None or len(payload) > MAX_LENGTH or not payload or payload[0] & _CHECKED != VERSION_2 | ENCRYPTED:
        raise _header_error(payload)
    if len(payload) < 1 + _COUNTER_AND_MIC:
        raise DecodeError("truncated", f"the encrypted payload has no room for counter and MIC: {payload.hex()}")
    information, counter = payload[:1], payload[-_COUNTER_AND_MIC:-MIC_LENGTH]
    nonce = octets(address) + _UUID_IN_NONCE + information + counter
    plaintext = cipher.decrypt(nonce, payload[1:-_COUNTER_AND_MIC] + payload[-MIC_LENGTH:], None)
    return opened(decode, _PLAIN + plaintext, Counter(int.from_bytes(counter, "little"), 32), payload)


def _header_error(payload: bytes) -> DecodeError:
    if not payload:
        return DecodeError("truncated", "the service data is empty")
    if len(payload) > MAX_LENGTH:
        return DecodeError("too_long", f"{len(payload)} bytes are more than an advertisement holds")
    information = payload[0]
    if information & VERSION != VERSION_2:
        return DecodeError("wrong_version", f"BTHome version {information >> 5} is not 2: {payload.hex()}")
    if information & RESERVED:
        # Some senders put their address behind this byte when bit 1 is set; the specification reserves the bit. Reading
        # on could only guess.
        return DecodeError("reserved_bit", f"the reserved bit 1 of the device information is set: {payload.hex()}")
    return DecodeError("encrypted", f"the BTHome payload is encrypted: {payload.hex()}")


def _decode_other(
    payload: bytes, index: int, others: dict[Measurement, int | str | bytes], repeats: dict[Measurement, int]
) -> int:
    """Decode the object at `index` that is no number into `others`; return the index behind it."""
    name, length, value = OTHERS[payload[index]]
    start = index + 1
    behind = start + (length if isinstance(length, int) else length(payload, start))
    if behind > len(payload):
        raise IndexError
    others[numbered(name, repeats) if name in others else name] = value(payload[start:behind])
    return behind
