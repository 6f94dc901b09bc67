"""Pvvx custom and ATC1441: properties of the layouts that no vector in tests/vectors/atc.json shows."""

import pytest

from ble_exporter.formats import atc
from ble_exporter.formats.encryption import MIC_SIZE

ADDRESS_LENGTH = 6


def occupied(layout: atc.Layout) -> list[int]:
    """Return the index of each byte that a layout reads, sorted."""
    bytes_of_numbers = [index + offset for index, number in layout.numbers.items() for offset in range(number.size)]
    return sorted(bytes_of_numbers if layout.flags is None else [*bytes_of_numbers, layout.flags])


@pytest.mark.parametrize("length", atc.PLAIN)
def test_every_byte_of_a_plain_payload_is_one_field_s(length: int) -> None:
    """A byte that two fields share, or that no field reads, shows a mistake in the layout."""
    layout = atc.PLAIN[length]
    counter = [] if layout.counter is None else [layout.counter]

    assert list(range(ADDRESS_LENGTH, length)) == sorted([*occupied(layout), *counter])


@pytest.mark.parametrize("length", atc.ENCRYPTED)
def test_every_byte_of_a_plaintext_is_one_field_s(length: int) -> None:
    """A byte that two fields share, or that no field reads, shows a mistake; MIC and counter are not encrypted."""
    assert list(range(length - 1 - MIC_SIZE)) == occupied(atc.ENCRYPTED[length])
