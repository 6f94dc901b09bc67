"""
BTHome v2: service data of UUID 0xFCD2.

    device information | object id, value | object id, value | …
    device information | the objects, encrypted | counter (4) | MIC (4)

The rules are those of bthome.io/format and bthome.io/encryption. The object id determines the length of the value, so
nothing after an unknown id can be read: decoding stops there and keeps the values before it.

Folding `fields`, as the other formats do, takes five times as long as the loop in `decode`, which reads payloads and
plaintexts that contain only possible numbers and packet ids. All other payloads are folded. A property test checks that
both ways give the same values.
"""

import struct
from collections.abc import Iterator

from ble_exporter.errors import DecodeError
from ble_exporter.formats.bthome_objects import OBJECTS, OTHERS
from ble_exporter.formats.decoded import CERTAIN, LIKELY, POSSIBLE, Cipher, Counter, Decoded, Guess
from ble_exporter.formats.encryption import AS_PRINTED, MIC_SIZE, Encrypted, encrypted_fields, mac_bytes
from ble_exporter.formats.field import MAX_SIZE, Field, Role, check_room, check_size
from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.numbers import Raw
from ble_exporter.formats.values import fold, is_fully_known, numbered
from ble_exporter.utils import number_of

UUID = "0000fcd2-0000-1000-8000-00805f9b34fb"

# The device-information byte: bit 0 means encrypted, bit 1 is reserved, bit 2 means trigger based; bits 5 to 7 are the
# version.
_ENCRYPTED = 0b0000_0001
_RESERVED = 0b0000_0010
_TRIGGER_BASED = 0b0000_0100
_VERSION = 0b1110_0000
_VERSION_2 = 0b0100_0000
_UNUSED = 0b0001_1000
_CHECKED = _VERSION | _RESERVED | _ENCRYPTED

_PACKET_ID = 0x00
_COUNTER_SIZE = 4
_MIN_ENCRYPTED_SIZE = 1 + _COUNTER_SIZE + MIC_SIZE
_UUID_IN_NONCE = b"\xd2\xfc"

# Rows by object id, as plain tuples in a list: most of the decoding time goes into finding and unpacking rows.
_NUMBERS: list[tuple[Measurement, int, Raw, int, int, int] | None] = [None] * 256
for _object_id, _row in OBJECTS.items():
    _NUMBERS[_object_id] = (_row.name, 1 + _row.size, _row.read, _row.divisor, _row.least, _row.most)

# The constructor that NamedTuple generates would take a tenth of the decoding time.
_new = tuple.__new__


def decode(payload: bytes, address: str = "", cipher: Cipher | None = None) -> Decoded:
    """
    Decode the service data of one BTHome v2 advertisement, plain or encrypted.

    Args:
        payload: Service data of UUID 0xFCD2, device-information byte first; 1 to 255 bytes.
        address: The sender's address; only an encrypted payload needs it.
        cipher: The cipher for the sender's key.

    Raises:
        DecodeError: The payload has the wrong version or the reserved bit 1 set, is cut short or too long, has only
            impossible values, or can't be decrypted because the key or the address is missing or wrong.

    Source: bthome.io/format
    """
    end = len(payload)
    if not 0 < end <= MAX_SIZE or (information := payload[0]) & _CHECKED != _VERSION_2:
        return _decode_encrypted(payload, address, cipher)
    measurements: dict[Measurement, float] = {}
    repeats: dict[Measurement, int] = {}
    packet_id = None
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
                    break
                index += step
            elif object_id == _PACKET_ID:
                packet_id = payload[index + 1]
                index += 2
            else:
                break
        else:
            is_triggered = information != _VERSION_2 and bool(measurements and information & _TRIGGER_BASED)
            return _new(Decoded, (measurements, {}, packet_id, None, None, (), is_triggered))
    except (IndexError, struct.error):
        pass  # The payload is cut short; `fields` raises an error with the offset.
    return fold(fields, payload, address)


def _decode_encrypted(payload: bytes, address: str, cipher: Cipher | None) -> Decoded:
    """Decode an encrypted payload, or reject an invalid one."""
    has_room = _MIN_ENCRYPTED_SIZE <= len(payload) <= MAX_SIZE
    if cipher is not None and has_room and payload[0] & _CHECKED == _VERSION_2 | _ENCRYPTED:
        counter = payload[-_COUNTER_SIZE - MIC_SIZE : -MIC_SIZE]
        try:
            nonce = mac_bytes(address) + _UUID_IN_NONCE + payload[:1] + counter
            ciphertext = payload[1 : -_COUNTER_SIZE - MIC_SIZE] + payload[-MIC_SIZE:]
            # The plain payload keeps the trigger bit of the encrypted one.
            plain = decode(bytes([payload[0] & ~_ENCRYPTED]) + cipher.decrypt(nonce, ciphertext, None))
        except DecodeError:
            pass  # This error may quote the plaintext; the error that `fold` raises does not.
        else:
            measurements, others, packet_id, unknown_object, _, impossible, is_triggered = plain
            count = _new(Counter, (int.from_bytes(counter, "little"), 8 * _COUNTER_SIZE))
            return _new(Decoded, (measurements, others, packet_id, unknown_object, count, impossible, is_triggered))
    return fold(fields, payload, address, cipher)


def fields(payload: bytes, _sender: str | None = None) -> Iterator[Field | Encrypted]:
    """Yield the fields of a payload. See `values.Fields`."""
    check_size(payload)
    information = payload[0]
    version = information >> 5
    notes = [f"version {version}", "encrypted" if information & _ENCRYPTED else "not encrypted"]
    notes += ["trigger based"] if information & _TRIGGER_BASED else []
    notes += ["reserved bit 1"] if information & _RESERVED else []
    role: Role = "trigger" if information & _TRIGGER_BASED else "structure"
    yield Field(0, 1, "device information", role, note=", ".join(notes))
    if information & _VERSION != _VERSION_2:
        raise DecodeError("wrong_version", f"BTHome version {version} is not 2", 0, 1)
    if information & _RESERVED:
        # Some senders set bit 1 if their address follows this byte, but the specification reserves the bit. The
        # layout of the rest could only be guessed.
        raise DecodeError("reserved_bit", "the reserved bit 1 of the device information is set", 0, 1)
    if information & _ENCRYPTED:
        nonce = (AS_PRINTED, _UUID_IN_NONCE + payload[:1])
        yield from encrypted_fields(payload, 1, _COUNTER_SIZE, nonce, _objects, associated_data=None)
    else:
        yield from _objects(payload, 1)


def _objects(payload: bytes, start: int = 0) -> Iterator[Field]:
    while start < len(payload):
        object_id = payload[start]
        label = f"object 0x{object_id:02X}"
        if object_id in OBJECTS:
            number = OBJECTS[object_id]
            end = check_room(payload, start, 1, number.size, label)
            yield number.field(payload, start + 1, start, end, label)
        elif object_id == _PACKET_ID:
            end = check_room(payload, start, 1, 1, label)
            yield Field(start, end, label, "packet_id", payload[start + 1])
        elif object_id in OTHERS:
            name, length, value = OTHERS[object_id]
            if not isinstance(length, int):
                check_room(payload, start, 1, 1, label)
                length = length(payload, start + 1)
            end = check_room(payload, start, 1, length, label)
            yield Field(start, end, label, "other", value(payload[start + 1 : end]), name)
        else:
            end = len(payload)
            note = f"unknown, so its length is unknown too: {number_of(end - start - 1, 'byte')} after it can't be read"
            yield Field(start, end, label, "unknown_object", object_id, note=note)
        start = end


def guess(payload: bytes) -> Guess | None:
    """Guess BTHome v2 from the device-information byte and the objects; return None if neither fits."""
    if not payload or payload[0] & _UNUSED:
        return None
    has_known_objects = is_fully_known(fields, bytes([_VERSION_2]) + payload[1:])
    if payload[0] & ~(_ENCRYPTED | _TRIGGER_BASED) == _VERSION_2:
        rank = LIKELY if payload[0] & _ENCRYPTED else CERTAIN if has_known_objects else POSSIBLE
        return Guess(rank, UUID, f"it begins with 0x{payload[0]:02X}, as device information does")
    if (
        has_known_objects
        and payload[0] & _VERSION
        and (payload[0] & _VERSION == _VERSION_2 or not payload[0] & _RESERVED)
    ):
        return Guess(POSSIBLE, UUID, f"known objects follow 0x{payload[0]:02X}, which is not valid device information")
    if payload[0] & _CHECKED == _VERSION_2 | _RESERVED | _ENCRYPTED and len(payload) >= _MIN_ENCRYPTED_SIZE:
        return Guess(POSSIBLE, UUID, f"it begins with 0x{payload[0]:02X}, device information with the reserved bit 1")
    return None
