"""The rows of the formats' tables: the name, size, reader, divisor, unit and limits of a number."""

from collections.abc import Callable, Mapping
from struct import Struct
from typing import NamedTuple

from ble_exporter.formats.field import Field
from ble_exporter.formats.limits import bounds
from ble_exporter.formats.measurement import Measurement

Raw = Callable[[bytes, int], tuple[int]]
"""Reads the integer at an index of a payload, as `Struct.unpack_from` does; raises struct.error or IndexError."""


class Number(NamedTuple):
    """
    An integer in a payload that encodes a sensor's value, or the 0 or 1 of a binary sensor.

    Attributes:
        name: Name of the measurement. All rows of one name have one unit: pounds are converted to kilograms.
        size: Size in bytes, without the object id.
        read: Reads the integer, and multiplies it by `multiplier`.
        divisor: Divides the integer; the quotient is the value. A factor would be inexact: `raw * 0.01` misses the
            nearest double of the two-decimal value for 8,780 of the 65,536 int16 inputs, `raw / 100` for none.
        unit: Unit of the value; empty for a plain number and for a binary sensor.
        least, most: Bounds of the integer after the multiplication; a value outside them is impossible.
        multiplier: The factor that `read` applies. BTHome v1 applies it without `read`: its objects state their own
            size.
    """

    name: Measurement
    size: int
    read: Raw
    divisor: int
    unit: str
    least: int
    most: int
    multiplier: int = 1

    @property
    def is_binary(self) -> bool:
        """Whether the number is that of a binary sensor, where every number except 0 means 1."""
        return self.read is _flag

    def field(self, payload: bytes, index: int, start: int, end: int, label: str) -> Field:
        """
        Return the field from `start` to `end`, with the number at `index`. The payload must contain the whole field.

        The field may begin before the number, with the object id.
        """
        name, _, read, divisor, unit, least, most, _ = self
        raw = read(payload, index)[0]
        return _new(Field, (start, end, label, "measurement", raw / divisor, name, unit, least <= raw <= most, ""))


# `tuple.__new__` takes half as long as the constructor that NamedTuple generates.
_new = tuple.__new__

_LOW_AND_HIGH = Struct("<HB").unpack_from


def _uint24(payload: bytes, index: int) -> tuple[int]:
    low, high = _LOW_AND_HIGH(payload, index)
    return (low | high << 16,)


_UNSIGNED: Mapping[int, Raw] = {
    1: Struct("<B").unpack_from,
    2: Struct("<H").unpack_from,
    3: _uint24,
    4: Struct("<I").unpack_from,
}
_SIGNED: Mapping[int, Raw] = {
    1: Struct("<b").unpack_from,
    2: Struct("<h").unpack_from,
    4: Struct("<i").unpack_from,
}


def _flag(payload: bytes, index: int) -> tuple[int]:
    return (1 if payload[index] else 0,)


def uint(name: str, size: int, divisor: int, unit: str, multiplier: int = 1) -> Number:
    """Return the row of a little-endian unsigned integer of 1 to 4 bytes."""
    read = _multiplied(_UNSIGNED[size], multiplier)
    return Number(Measurement(name), size, read, divisor, unit, *bounds(name, divisor), multiplier)


def sint(name: str, size: int, divisor: int, unit: str, multiplier: int = 1) -> Number:
    """Return the row of a little-endian signed integer of 1, 2 or 4 bytes."""
    read = _multiplied(_SIGNED[size], multiplier)
    return Number(Measurement(name), size, read, divisor, unit, *bounds(name, divisor, size, multiplier), multiplier)


def binary(name: str) -> Number:
    """Return the row of a binary sensor."""
    return Number(Measurement(name), 1, _flag, 1, "", *bounds(name, 1))


def _multiplied(read: Raw, multiplier: int) -> Raw:
    return read if multiplier == 1 else lambda payload, index: (read(payload, index)[0] * multiplier,)
