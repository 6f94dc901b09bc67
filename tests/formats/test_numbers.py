"""The rows of the formats' tables, and the numbers that each kind of row reads."""

import struct
from collections.abc import Callable

import pytest

from ble_exporter.formats.numbers import Number, binary, sint, uint

DATA = b"\x99\xfe\xdc\xba\x98\x76"  # read from the second byte: a reader that ignores the index reads 0x99
UNSIGNED = {1: 0xFE, 2: 0xDCFE, 3: 0xBADCFE, 4: 0x98BADCFE}
SIGNED = {1: -2, 2: -0x2302, 4: -0x67452302}


@pytest.mark.parametrize("size", UNSIGNED)
def test_an_unsigned_integer_is_read_little_endian_at_its_index(size: int) -> None:
    """Each width has its own reader, and a wrong reader would give wrong values."""
    assert (UNSIGNED[size],) == uint("count", size, 1, "").read(DATA, 1)


@pytest.mark.parametrize("size", SIGNED)
def test_a_signed_integer_is_read_little_endian_at_its_index(size: int) -> None:
    """Read without its sign, a temperature of −1 °C would be 654.36 °C."""
    assert (SIGNED[size],) == sint("count", size, 1, "").read(DATA, 1)


@pytest.mark.parametrize(
    "number", [*(uint("a", size, 1, "") for size in UNSIGNED), *(sint("a", n, 1, "") for n in SIGNED)]
)
def test_a_byte_too_few_is_an_error(number: Number) -> None:
    """The error stops decoding; a number from too few bytes would look valid."""
    with pytest.raises(struct.error):
        number.read(DATA[: number.size], 1)


@pytest.mark.parametrize("make", [uint, sint])
@pytest.mark.parametrize("multiplier", [1, 2, 7])
def test_a_multiplier_is_part_of_what_is_read(make: Callable[..., Number], multiplier: int) -> None:
    """Pounds become kilograms before the bounds are checked: the bounds apply to the multiplied number."""
    number = make("mass", 1, 100, "kg", multiplier=multiplier)

    assert (multiplier * 100,) == number.read(b"\x64", 0)
    assert (100, multiplier) == (number.divisor, number.multiplier)


def test_a_row_says_what_it_was_made_of() -> None:
    """The metrics need the unit, and BTHome v1 needs the divisor."""
    assert ("power", 4, 100, "W", 1) == (*_attributes(sint("power", 4, 100, "W")),)
    assert ("power", 3, 100, "W", 1) == (*_attributes(uint("power", 3, 100, "W")),)
    assert ("door", 1, 1, "", 1) == (*_attributes(binary("door")),)


def _attributes(number: Number) -> tuple[str, int, int, str, int]:
    return number.name, number.size, number.divisor, number.unit, number.multiplier


@pytest.mark.parametrize(("raw", "expected"), [(0, 0), (1, 1), (2, 1), (0xFF, 1)])
def test_a_binary_sensor_reads_0_or_1(raw: int, expected: int) -> None:
    """A binary sensor's metric promises 0 or 1, and must not show 255."""
    assert (expected,) == binary("door").read(bytes([1 - expected, raw]), 1)


def test_only_a_binary_sensor_is_binary() -> None:
    """BTHome v1 reads a binary sensor as a flag of any width, and must not read a number in this way."""
    assert [True, False, False] == [row.is_binary for row in (binary("door"), uint("a", 1, 1, ""), sint("a", 1, 1, ""))]
