"""
MiBeacon, Xiaomi's own: the service data of UUID 0xFE95.

    frame control (2) | product (2) | frame counter (1) | MAC reversed (6) | capability (1 or 3) | objects
    …                                                                  | the objects, encrypted | counter (3) | MIC (4)

The frame control says which of them are there. An object is its id (2), its length (1) and its value, so one that is
not in the table can be stepped over: it is reported, and what stands behind it is read.

Source: pvvx/ATC_MiThermometer at 7363cc8, InfoMijiaBLE (Xiaomi's description of versions 4 and 5) and src/mi_beacon.c
"""

from collections.abc import Mapping
from functools import partial

from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import Cipher, Counter, Decoded
from ble_exporter.formats.encryption import ASSOCIATED_DATA, MIC_LENGTH, check_sender, octets, opened
from ble_exporter.formats.numbers import Number, sint, uint
from ble_exporter.formats.values import Values

UUID = "0000fe95-0000-1000-8000-00805f9b34fb"

# Frame control, a little-endian u16.
ENCRYPTED = 1 << 3
HAS_ADDRESS = 1 << 4
HAS_CAPABILITY = 1 << 5
HAS_OBJECT = 1 << 6
MESH = 1 << 7
VERSION_BIT = 12
OLDEST_VERSION = 2
OLDEST_ENCRYPTED_VERSION = 4  # before it there were other nonces, and a MIC of one byte

_FRAME_COUNTER = 4  # index
_HEAD = 5
HAS_IO_CAPABILITY = 1 << 5  # of the capability
_COUNTER_AND_MIC = 3 + MIC_LENGTH
MAX_LENGTH = 255

_TEMPERATURE = sint("temperature", 2, 10, "°C")
_HUMIDITY = uint("humidity", 2, 10, "%")

OBJECTS: Mapping[int, tuple[Number, ...]] = {
    0x1004: (_TEMPERATURE,),
    0x1006: (_HUMIDITY,),
    0x100A: (uint("battery", 1, 1, "%"),),
    0x100D: (_TEMPERATURE, _HUMIDITY),
}
"""Object id to the numbers in its value, one behind the other."""
NUMBERS = tuple(number for numbers in OBJECTS.values() for number in numbers)


def decode(payload: bytes, address: str, cipher: Cipher | None = None) -> Decoded:
    """
    Decode the service data of one MiBeacon advertisement, plain or encrypted, of whatever product.

    Args:
        payload: Service data of UUID 0xFE95; 5 to 255 bytes.
        address: The sender's.
        cipher: Of its key (Xiaomi: bindkey).

    Returns:
        Nothing at all for a frame without an object: sensors announce themselves so, in between.

    Raises:
        DecodeError: Another's address, an old version, a mesh device, encrypted (and no cipher), wrong key, cut short,
            too long, or without a possible value.
    """
    if len(payload) > MAX_LENGTH:
        raise DecodeError("too_long", f"{len(payload)} bytes are more than an advertisement holds")
    control = int.from_bytes(payload[:2], "little")
    start = _objects_start(payload, control)
    _check_frame(payload, control)
    if control & HAS_ADDRESS:
        check_sender(payload[_HEAD : _HEAD + 6][::-1], address, payload)
    if not control & HAS_OBJECT:
        return Decoded({}, {}, None, None)
    if control & ENCRYPTED:
        return _decode_sealed(payload, start, address, cipher)
    return _values(payload, start, payload[_FRAME_COUNTER])


def _decode_sealed(payload: bytes, start: int, address: str, cipher: Cipher | None) -> Decoded:
    """Decrypt and read the objects."""
    if cipher is None:
        raise DecodeError("encrypted", f"the MiBeacon payload is encrypted: {payload.hex()}")
    if len(payload) < start + _COUNTER_AND_MIC:
        raise DecodeError("truncated", f"the encrypted payload has no room for counter and MIC: {payload.hex()}")
    counter = payload[-_COUNTER_AND_MIC:-MIC_LENGTH]
    nonce = octets(address)[::-1] + payload[2:_HEAD] + counter
    plaintext = cipher.decrypt(nonce, payload[start:-_COUNTER_AND_MIC] + payload[-MIC_LENGTH:], ASSOCIATED_DATA)
    # The frame counter is the lowest byte of the whole one, of which 24 bits follow behind the objects.
    whole = Counter(int.from_bytes(payload[_FRAME_COUNTER:_HEAD] + counter, "little"), 32)
    return opened(partial(_values, start=0, packet_id=None), plaintext, whole, payload)


def _objects_start(payload: bytes, control: int) -> int:
    """Return the index of the first object."""
    start = _HEAD + (6 if control & HAS_ADDRESS else 0)
    if control & HAS_CAPABILITY:
        capability = payload[start] if start < len(payload) else 0
        start += 3 if capability & HAS_IO_CAPABILITY else 1
    if start > len(payload):
        raise DecodeError("truncated", f"the head of the MiBeacon payload is cut short: {payload.hex()}")
    return start


def _check_frame(payload: bytes, control: int) -> None:
    version = control >> VERSION_BIT
    if version < (OLDEST_ENCRYPTED_VERSION if control & ENCRYPTED else OLDEST_VERSION):
        how = "encrypted " if control & ENCRYPTED else ""
        raise DecodeError("wrong_version", f"{how}MiBeacon version {version} is too old: {payload.hex()}")
    if control & MESH:
        raise DecodeError("reserved_bit", f"the bit of mesh devices is set, which no thermometer is: {payload.hex()}")


def _values(payload: bytes, start: int, packet_id: int | None) -> Decoded:
    """Read the objects."""
    values = Values()
    unknown_object = None
    while start < len(payload):
        head = payload[start : start + 3]
        value = start + 3
        start = value + head[-1]
        # Also of a head that is cut short.
        if start > len(payload):
            raise DecodeError("truncated", f"the object at byte {value - 3} is cut short: {payload.hex()}")
        object_id = int.from_bytes(head[:2], "little")
        numbers = OBJECTS.get(object_id, ())
        if not numbers or sum(number.size for number in numbers) != head[-1]:
            unknown_object = object_id if unknown_object is None else unknown_object
            continue
        for number in numbers:
            values.read(number, payload, value)
            value += number.size
    return values.decoded(payload, packet_id, unknown_object)
