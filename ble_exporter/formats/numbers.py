"""The rows of the formats' tables: a number, its size, how it is read, its unit, and its limits."""

from collections.abc import Callable, Mapping
from struct import Struct
from typing import NamedTuple

from ble_exporter.formats.field import Field
from ble_exporter.formats.limits import bounds
from ble_exporter.formats.measurement import Measurement

Raw = Callable[[bytes, int], tuple[int]]
"""Reads the integer at an index of a payload, as `Struct.unpack_from` does. Raises struct.error or IndexError."""


class Number(NamedTuple):
    """
    An integer that is a sensor's value, or a binary sensor's 0 or 1.

    Attributes:
        name: The measurement's name. One name has one unit: pounds are converted to kilograms.
        size: In bytes, without the object id.
        read: Reads the integer, which it multiplies by `multiplier`.
        divisor: The value is the integer divided by it. Not a factor: `raw * 0.01` misses the nearest double of
            the two-decimal value for 8,780 of the 65,536 int16 inputs, `raw / 100` for none.
        unit: Of the value; empty for a plain number and for a binary sensor.
        least, most: Outside these bounds the integer is impossible.
        multiplier: For BTHome v1, whose objects state their size and can't use `read`.
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
        """Whether it is a binary sensor's, where every number but 0 means 1."""
        return self.read is _flag

    def field(self, payload: bytes, index: int, start: int, end: int, label: str) -> Field:
        """
        Return the field from `start` to `end` with the number at `index`, all of which the payload has.

        The field may begin in front of the number, with the object's id.
        """
        name, _, read, divisor, unit, least, most, _ = self
        raw = read(payload, index)[0]
        return _new(Field, (start, end, label, "measurement", raw / divisor, name, unit, least <= raw <= most, ""))


# Takes half as long as the constructor that NamedTuple generates.
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
