"""
What the firmwares for Xiaomi's thermometers send as service data of UUID 0x181A, told apart by its length.

    bytes
       15  pvvx custom    MAC reversed (6) | t s16 ×0.01 | h u16 ×0.01 | mV u16 | battery u8 | counter | flags
       14  the same without flags: a firmware without a trigger
       13  ATC1441        MAC as printed (6) | t s16 ×0.1 | h u8 | battery u8 | mV u16 | counter; big-endian
       11  pvvx custom    counter | t s16 ×0.01, h u16 ×0.01, battery u8, flags, encrypted | MIC (4)
        8  ATC            counter | (t + 40) × 2, h × 2, battery and bit 7 trigger, encrypted | MIC (4)

Source: pvvx/ATC_MiThermometer, README.md, src/custom_beacon.h and custom_beacon.c at 7363cc8;
atc1441/ATC_MiThermometer, README.md. docs/formats.md has what that means.
"""

from collections.abc import Mapping
from functools import partial
from struct import Struct
from typing import NamedTuple

from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import Cipher, Counter, Decoded
from ble_exporter.formats.encryption import ASSOCIATED_DATA, check_sender, octets, opened
from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.numbers import Number, sint, uint
from ble_exporter.formats.values import Values

UUID = "0000181a-0000-1000-8000-00805f9b34fb"


class Layout(NamedTuple):
    """
    What is where in a payload, or in its plaintext.

    Attributes:
        numbers: Index to the number there.
        flags: Index of the flags; None where there are none.
    """

    numbers: Mapping[int, Number]
    flags: int | None = None


class Plain(NamedTuple):
    """
    A plain payload.

    Attributes:
        address_step: 1 where the address is in the order in which it is printed, -1 where it is reversed.
        counter: Index of the counter.
    """

    layout: Layout
    address_step: int
    counter: int


_TEMPERATURE = sint("temperature", 2, 100, "°C")
_HUMIDITY = uint("humidity", 2, 100, "%")
_BATTERY = uint("battery", 1, 1, "%")
# The chip measures its own supply: 65.535 V is none.
_NO_VOLTAGE = 0xFFFF
_PVVX_VOLTAGE = uint("voltage", 2, 1000, "V")._replace(most=_NO_VOLTAGE - 1)
_ATC1441_VOLTAGE = _PVVX_VOLTAGE._replace(read=Struct(">H").unpack_from)
_PVVX = {6: _TEMPERATURE, 8: _HUMIDITY, 10: _PVVX_VOLTAGE, 12: _BATTERY}
_ATC1441 = {
    6: sint("temperature", 2, 10, "°C", read=Struct(">h").unpack_from),
    8: uint("humidity", 1, 1, "%"),
    9: _BATTERY,
    10: _ATC1441_VOLTAGE,
}

PLAIN: Mapping[int, Plain] = {
    15: Plain(Layout(_PVVX, flags=14), -1, 13),
    14: Plain(Layout(_PVVX), -1, 13),
    13: Plain(Layout(_ATC1441), 1, 12),
}
ENCRYPTED: Mapping[int, Layout] = {
    11: Layout({0: _TEMPERATURE, 2: _HUMIDITY, 4: _BATTERY}, flags=5),
    8: Layout(
        {
            0: uint("temperature", 1, 2, "°C", read=lambda payload, index: (payload[index] - 80,)),
            1: uint("humidity", 1, 2, "%"),
            # Bit 7 tells whether a trigger is set up: no measurement.
            2: uint("battery", 1, 1, "%", read=lambda payload, index: (payload[index] & 0b0111_1111,)),
        }
    ),
}

NUMBERS = tuple(
    number
    for layout in (*(plain.layout for plain in PLAIN.values()), *ENCRYPTED.values())
    for number in layout.numbers.values()
)
NAMES: Mapping[int, tuple[str, str]] = {
    15: ("pvvx custom", "pvvx"),
    14: ("pvvx custom, without flags", "pvvx"),
    13: ("ATC1441", "ATC1441"),
    11: ("pvvx custom", "pvvx"),
    8: ("ATC", "ATC1441"),
}
"""Payload size in bytes to the format's name and short name."""

# The flags by their bits, as the firmware gives them in its BTHome packets: the reed switch as opening, the trigger's
# output as power. What it says by the others, it says nowhere else.
FLAGS = {0: Measurement("opening"), 1: Measurement("power_on")}


def decode(payload: bytes, address: str, cipher: Cipher | None = None) -> Decoded:
    """
    Decode the service data of one pvvx custom or ATC1441 advertisement, plain or encrypted.

    Args:
        payload: Service data of UUID 0x181A; 15, 14, 13, 11 or 8 bytes.
        address: The sender's.
        cipher: Of its key.

    Raises:
        DecodeError: Another length, another's address, encrypted (and no cipher), wrong key, or without a possible
            value.
    """
    length = len(payload)
    if length in PLAIN:
        layout, address_step, counter = PLAIN[length]
        check_sender(payload[:6][::address_step], address, payload)
        return _values(payload, layout, packet_id=payload[counter])
    if length not in ENCRYPTED:
        # 0x181A is Environmental Sensing, which others send too.
        raise DecodeError("no_known_format", f"{length} bytes are neither pvvx custom nor ATC1441: {payload.hex()}")
    if cipher is None:
        raise DecodeError("encrypted", f"the pvvx or ATC payload is encrypted: {payload.hex()}")
    # The nonce goes on with the head of the field in the advertisement: its length, its type, the UUID.
    head = bytes([length + 3, 0x16, 0x1A, 0x18])
    nonce = octets(address)[::-1] + head + payload[:1]
    plaintext = cipher.decrypt(nonce, payload[1:], ASSOCIATED_DATA)
    return opened(partial(_values, layout=ENCRYPTED[length]), plaintext, Counter(payload[0], 8), payload)


def _values(payload: bytes, layout: Layout, packet_id: int | None = None) -> Decoded:
    values = Values()
    for index, number in layout.numbers.items():
        values.read(number, payload, index)
    if layout.flags is not None:
        for bit, name in FLAGS.items():
            values.add(name, float(payload[layout.flags] >> bit & 1), is_possible=True)
    return values.decoded(payload, packet_id)
