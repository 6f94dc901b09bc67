"""Pvvx custom and ATC1441: what no vector shows of their layouts. The vectors are in tests/vectors/atc.json."""

import pytest

from ble_exporter.formats import atc
from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.formats.encryption import MIC_LENGTH

UNITS = {number.name: number.unit for number in OBJECTS.values()}
ADDRESS_LENGTH = 6


def occupied(layout: atc.Layout) -> list[int]:
    """Return the index of each byte that a layout reads, in order."""
    bytes_of_numbers = [index + offset for index, number in layout.numbers.items() for offset in range(number.size)]
    return sorted(bytes_of_numbers if layout.flags is None else [*bytes_of_numbers, layout.flags])


@pytest.mark.parametrize("length", atc.PLAIN)
def test_every_byte_of_a_plain_payload_is_one_field_s(length: int) -> None:
    """Two fields that share a byte, or a byte that nobody reads, is a layout that was copied wrong."""
    layout, _, counter = atc.PLAIN[length]

    assert list(range(ADDRESS_LENGTH, length)) == sorted([*occupied(layout), counter])


@pytest.mark.parametrize("length", atc.ENCRYPTED)
def test_every_byte_of_a_plaintext_is_one_field_s(length: int) -> None:
    """Of the payload, the counter is in front of the plaintext and the MIC behind it."""
    assert list(range(length - 1 - MIC_LENGTH)) == occupied(atc.ENCRYPTED[length])


LAYOUTS = [*(plain.layout for plain in atc.PLAIN.values()), *atc.ENCRYPTED.values()]


@pytest.mark.parametrize("layout", LAYOUTS, ids=[*atc.PLAIN, *atc.ENCRYPTED])
def test_a_measurement_has_the_unit_that_its_name_has_in_bthome(layout: atc.Layout) -> None:
    """The store takes a value by its name: in another unit it would be another metric's."""
    for number in layout.numbers.values():
        assert UNITS[number.name] == number.unit
