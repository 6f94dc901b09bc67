"""Pvvx custom and ATC1441: properties of the layouts that no vector in tests/vectors/atc.json shows."""

from struct import pack

import pytest

from ble_exporter.errors import DecodeError
from ble_exporter.formats import atc
from ble_exporter.formats.decoded import LIKELY, Guess
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
    """A byte that two fields share, or that no field reads, shows a mistake; a plaintext has no MIC and no counter."""
    assert list(range(length - 1 - MIC_SIZE)) == occupied(atc.ENCRYPTED[length])


@pytest.mark.parametrize(
    ("temperature", "voltage", "rank"),
    [
        (21.5, 2.9, LIKELY),
        (-60.0, 1.0, LIKELY),
        (120.0, 5.0, LIKELY),
        (-60.01, 2.9, None),
        (120.01, 2.9, None),
        (21.5, 0.999, None),
        (21.5, 5.001, None),
    ],
)
def test_values_make_a_packet_likely_without_a_known_address(
    temperature: float, voltage: float, rank: int | None
) -> None:
    """Other bytes of the same length rarely give only values that a household thermometer could send."""
    values = pack("<hHHBBB", round(temperature * 100), 4500, round(voltage * 1000), 80, 1, 0)
    guess = rank and Guess(rank, atc.UUID, "15 bytes, like pvvx custom")

    assert guess == atc.guess(bytes.fromhex("112233445566") + values)


@pytest.mark.parametrize(
    ("payload", "is_likely"),
    [
        ("a4c138aabbcc00", True),
        ("ccbbaa38c1a400", True),
        ("a4c138aabbcc" + 20 * "00", True),
        ("a4c138aabbcc", False),
        ("a4c138aabb", False),
        ("112233445566" + 20 * "00", False),
    ],
)
def test_the_address_of_such_a_thermometer_makes_another_size_likely(payload: str, is_likely: bool) -> None:
    """A packet that is cut short, or from a later firmware, still begins with the address, in either byte order."""
    guess = Guess(LIKELY, atc.UUID, "it begins with an address, like pvvx custom and ATC1441") if is_likely else None

    assert guess == atc.guess(bytes.fromhex(payload))


@pytest.mark.parametrize(("payload", "size"), [("", 1), ("00", 1), ("0011", 2)])
def test_all_bytes_of_an_unknown_size_are_wrong(payload: str, size: int) -> None:
    """`decode` marks the wrong bytes; for an empty payload, it marks the place of the first byte."""
    with pytest.raises(DecodeError) as caught:
        list(atc.fields(bytes.fromhex(payload), None))

    assert (0, size) == (caught.value.offset, caught.value.size)


def test_a_narrow_column_tells_the_two_formats_apart() -> None:
    """`discover` shows a short name, which the size of the payload determines."""
    short_names = {size: short_name for size, (_, short_name) in atc.NAMES.items()}

    assert {15: "pvvx", 14: "pvvx", 13: "ATC1441", 11: "pvvx", 8: "ATC1441"} == short_names
