"""
Formats of custom firmware for Xiaomi thermometers: service data of UUID 0x181A, distinguished by its size.

    bytes
       15  pvvx custom    MAC reversed (6) | t s16 ×0.01 | h u16 ×0.01 | mV u16 | battery u8 | counter | flags
       14  the same without flags: firmware without a trigger
       13  ATC1441        MAC as printed (6) | t s16 ×0.1 | h u8 | battery u8 | mV u16 | counter; big-endian
       11  pvvx custom    counter | t s16 ×0.01, h u16 ×0.01, battery u8, flags, encrypted | MIC (4)
        8  ATC            counter | (t + 40) × 2, h × 2, battery and bit 7 trigger, encrypted | MIC (4)

Source: pvvx/ATC_MiThermometer, README.md, src/custom_beacon.h and custom_beacon.c at 7363cc8;
atc1441/ATC_MiThermometer, README.md. docs/formats.md explains the values.
"""

import math
from collections.abc import Iterator, Mapping
from functools import cache, partial
from struct import Struct
from typing import NamedTuple

from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import CERTAIN, LIKELY, POSSIBLE, Guess
from ble_exporter.formats.encryption import (
    ADDRESS_SIZE,
    AS_PRINTED,
    REVERSED,
    Encrypted,
    address_field,
    check_sender,
    encrypted_fields,
)
from ble_exporter.formats.field import Field
from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.numbers import Number, sint, uint
from ble_exporter.formats.values import fold
from ble_exporter.utils import number_of

UUID = "0000181a-0000-1000-8000-00805f9b34fb"


class Layout(NamedTuple):
    """
    The layout of a payload, or of the plaintext of an encrypted one.

    Attributes:
        name, short_name: Name and short name of the format.
        numbers: Offset to number, in ascending order.
        counter, flags: Offsets of the counter and the flags, which follow the numbers; None if absent.
        address_order: Byte order of the address at the beginning of a plain payload.
    """

    name: str
    short_name: str
    numbers: Mapping[int, Number]
    counter: int | None = None
    flags: int | None = None
    address_order: int = REVERSED


_TEMPERATURE = sint("temperature", 2, 100, "°C")
_HUMIDITY = uint("humidity", 2, 100, "%")
_BATTERY = uint("battery", 1, 1, "%")
# The chip measures its supply voltage, which is never 65.535 V.
_NO_VOLTAGE = 0xFFFF
_PVVX_VOLTAGE = uint("voltage", 2, 1000, "V")._replace(most=_NO_VOLTAGE - 1)
_ATC1441_VOLTAGE = _PVVX_VOLTAGE._replace(read=Struct(">H").unpack_from)
_PVVX = {6: _TEMPERATURE, 8: _HUMIDITY, 10: _PVVX_VOLTAGE, 12: _BATTERY}
_ATC1441 = {
    6: sint("temperature", 2, 10, "°C")._replace(read=Struct(">h").unpack_from),
    8: uint("humidity", 1, 1, "%"),
    9: _BATTERY,
    10: _ATC1441_VOLTAGE,
}

PLAIN: Mapping[int, Layout] = {
    15: Layout("pvvx custom", "pvvx", _PVVX, 13, flags=14),
    14: Layout("pvvx custom, without flags", "pvvx", _PVVX, 13),
    13: Layout("ATC1441", "ATC1441", _ATC1441, 12, address_order=AS_PRINTED),
}
"""Size of a plain payload in bytes to its layout."""

ENCRYPTED: Mapping[int, Layout] = {
    11: Layout("pvvx custom", "pvvx", {0: _TEMPERATURE, 2: _HUMIDITY, 4: _BATTERY}, flags=5),
    8: Layout(
        "ATC",
        "ATC1441",
        {
            0: uint("temperature", 1, 2, "°C")._replace(read=lambda payload, index: (payload[index] - 80,)),
            1: uint("humidity", 1, 2, "%"),
            # Bit 7 is set if a trigger is configured.
            2: _BATTERY._replace(read=lambda payload, index: (payload[index] & 0b0111_1111,)),
        },
    ),
}
"""Size of an encrypted payload in bytes to the layout of its plaintext."""

_LAYOUTS: Mapping[int, Layout] = {**PLAIN, **ENCRYPTED}
NUMBERS = tuple(number for layout in _LAYOUTS.values() for number in layout.numbers.values())
NAMES: Mapping[int, tuple[str, str]] = {size: (one.name, one.short_name) for size, one in _LAYOUTS.items()}
"""Size of a payload in bytes to the name and the short name of its format."""

# Bit number to flag. The names are those in the same firmware's BTHome packets: "opening" is the reed switch and
# "power_on" the trigger's output. BTHome has no objects for the other flags.
FLAGS = {0: Measurement("opening"), 1: Measurement("power_on")}

# Telink's OUI, with which the addresses of most of these thermometers begin.
_TELINK = bytes.fromhex("a4c138")


# Limits that only guesses use, in °C and in V. The voltages are those of one nearly flat 1.5 V cell to three full ones.
_PLAUSIBLE = {"temperature": (-60.0, 120.0), "voltage": (1.0, 5.0)}


def fields(payload: bytes, sender: str | None) -> Iterator[Field | Encrypted]:
    """Yield the fields of service data of UUID 0x181A."""
    size = len(payload)
    if size in PLAIN:
        address = address_field(payload[:ADDRESS_SIZE], 0, PLAIN[size].address_order)
        yield address
        check_sender(address, sender)
        yield from _values(payload, PLAIN[size])
    elif size in ENCRYPTED:
        yield Field(0, 1, "counter", "counter", payload[0])
        # The nonce continues with the beginning of the AD structure: length, type, UUID and counter.
        between = bytes([size + 3, 0x16, 0x1A, 0x18]) + payload[:1]
        plaintext_fields = partial(_values, layout=ENCRYPTED[size])
        yield from encrypted_fields(payload, 1, 0, (REVERSED, between), plaintext_fields, low_counter=payload[:1])
    else:
        # 0x181A is Environmental Sensing, which other devices use too.
        known = ", ".join(f"{known} ({layout.name})" for known, layout in _LAYOUTS.items())
        text = f"no known format has {number_of(size, 'byte')}; the formats have {known}"
        raise DecodeError("no_known_format", text, 0, max(size, 1))


decode = partial(fold, fields)
"""See `decoded.Decoder`."""


def _values(payload: bytes, layout: Layout) -> Iterator[Field]:
    _, _, numbers, counter, flags, _ = layout
    for index, number in numbers.items():
        yield number.field(payload, index, index, index + number.size, number.name)
    if counter is not None:
        yield Field(counter, counter + 1, "counter", "packet_id", payload[counter])
    if flags is not None:
        yield from _flag_fields(flags, payload[flags])


@cache  # for 256 flags at two indices
def _flag_fields(index: int, flags: int) -> tuple[Field, ...]:
    return tuple(
        Field(index, index + 1, "flags", "measurement", float(flags >> bit & 1), name, note=f"0b{flags:08b}")
        for bit, name in FLAGS.items()
    )


def guess(payload: bytes) -> Guess | None:
    """Guess pvvx custom or ATC1441 from the size, address and values of service data; return None if neither fits."""
    size = len(payload)
    if size in ENCRYPTED:
        return Guess(POSSIBLE, UUID, f"{size} bytes, like encrypted {ENCRYPTED[size].name}")
    if size not in PLAIN:
        address = payload[:ADDRESS_SIZE]
        begins_with_address = address.startswith(_TELINK) or address[::REVERSED].startswith(_TELINK)
        why = "it begins with an address, like pvvx custom and ATC1441"
        return Guess(LIKELY, UUID, why) if begins_with_address and size > ADDRESS_SIZE else None
    layout = PLAIN[size]
    if payload[:ADDRESS_SIZE][:: layout.address_order].startswith(_TELINK):
        return Guess(CERTAIN, UUID, f"{size} bytes with an address, like {layout.name}")
    if all(_is_plausible(field) for field in _values(payload, layout)):
        return Guess(LIKELY, UUID, f"{size} bytes, like {layout.name}")
    return None


def _is_plausible(field: Field) -> bool:
    """Return whether a household thermometer is likely to send the value; random bytes rarely give only such values."""
    least, most = _PLAUSIBLE.get(field.name.name, (-math.inf, math.inf))
    return field.is_possible and least <= float(field.value) <= most
