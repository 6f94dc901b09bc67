"""BTHome v1: cases that no vector in tests/vectors/bthome_v1.json covers."""

import struct

import pytest

from ble_exporter.errors import DecodeError
from ble_exporter.formats import bthome_v1
from ble_exporter.formats.decoded import ANYTHING, LIKELY, POSSIBLE, Decoded, Guess
from ble_exporter.formats.field import Field

TEMPERATURE = "2302ca09"  # signed, two bytes: 25.06 °C
MAC_ADDRESS = "86a6808fe64854"


def decoded(payload: str) -> Decoded:
    """Return the result for a payload in hex digits."""
    return bthome_v1.decode(bytes.fromhex(payload), "", None)


@pytest.mark.parametrize(
    ("value_type", "size", "is_known"),
    [
        *((0, size, True) for size in range(1, 9)),
        *((1, size, True) for size in range(1, 9)),
        *((2, size, size in (2, 4, 8)) for size in range(1, 9)),
        *((value_type, 2, False) for value_type in range(3, 8)),
    ],
)
def test_the_type_says_whether_the_bytes_are_a_number(value_type: int, size: int, is_known: bool) -> None:
    """A text, or three bytes that are read as a floating-point number, would give a wrong temperature."""
    found = decoded(bytes([value_type << 5 | size + 1, 0x02]).hex() + bytes(size).hex())

    assert ({"temperature": 0.0} if is_known else {}) == found.measurements


def test_a_floating_point_number_is_multiplied_by_the_factor() -> None:
    """Without the factor, the value would be a hundred times too large: 2506.5 is a number of hundredths."""
    assert {"temperature": 25.065} == decoded("4502" + struct.pack("<f", 2506.5).hex()).measurements


def test_a_floating_point_number_may_be_larger_than_an_integer_of_its_size() -> None:
    """The bound of two signed bytes, 327.66 °C, must not remove the values of a kiln."""
    assert {"temperature": 400.0} == decoded("4302" + struct.pack("<e", 40000).hex()).measurements


@pytest.mark.parametrize("payload", [MAC_ADDRESS + TEMPERATURE, TEMPERATURE + MAC_ADDRESS])
def test_a_mac_address_is_skipped(payload: str) -> None:
    """A MAC address has no object id; unless it is skipped, its first byte would count as an unknown object."""
    found = decoded(payload)

    assert ({"temperature": 25.06}, None) == (found.measurements, found.unknown_object)


@pytest.mark.parametrize("first", ["3a", "3c", "53"])
def test_a_mac_address_is_no_event(first: str) -> None:
    """The first byte of an address may equal the id of a button: each packet would then count as a press."""
    assert {} == decoded(f"86{first}01abbb38c1{TEMPERATURE}").others


def test_raw_data_may_have_the_type_of_a_mac_address() -> None:
    """Version 1 has no type for raw data, so senders use this one, and their data must not be skipped."""
    assert {"raw": b"\x01\x02"} == decoded(f"83540102{TEMPERATURE}").others


def test_what_follows_an_unknown_object_is_read() -> None:
    """In version 1 each object has its length, so an unknown object must not hide the values after it."""
    found = decoded("02ff07" + TEMPERATURE)

    assert ({"temperature": 25.06}, 0xFF) == (found.measurements, found.unknown_object)


@pytest.mark.parametrize("control", ["00", "20", "e0"])
def test_an_object_without_a_value_is_rejected_at_its_place(control: str) -> None:
    """An object of length 0 has no id, so the decoder must not take the next byte for one."""
    with pytest.raises(DecodeError) as caught:
        decoded(TEMPERATURE + control)

    assert ("truncated", 4) == (caught.value.reason, caught.value.offset)


@pytest.mark.parametrize(
    ("payload", "is_typical"),
    [
        (TEMPERATURE, True),
        (f"{TEMPERATURE}0303bf13", True),
        ("2502ca090000", False),  # four bytes for a temperature
        ("0201ff", False),  # a battery of 255 %
        (f"{TEMPERATURE}02ff07", False),  # an unknown object
        ("4000b00151", False),  # version 2
        ("", False),
    ],
)
def test_a_typical_payload_has_known_objects_of_the_usual_sizes(payload: str, is_typical: bool) -> None:
    """`decode` shows a typical payload as version 1, even if other formats are possible."""
    assert is_typical == bthome_v1.is_typical(bytes.fromhex(payload))


@pytest.mark.parametrize(("size", "may_be"), [(8, False), (9, True)])
def test_encrypted_objects_look_like_anything_that_is_long_enough(size: int, may_be: bool) -> None:
    """Encrypted packets have no header, so only the size can rule them out: counter and MIC alone take 8 bytes."""
    guess = bthome_v1.guess_encrypted(bytes(size))

    assert (ANYTHING if may_be else None) == (guess and guess.rank)


@pytest.mark.parametrize(
    ("payload", "note"),
    [
        ("020161", "unsigned, 1 byte"),
        (TEMPERATURE, "signed, 2 bytes"),
        ("4302c4a8", "floating-point, 2 bytes"),
        ("65020a0b0c0d", "text, 4 bytes: unknown, skipped"),
        (MAC_ADDRESS, "MAC address, 5 bytes: skipped"),
        ("a55000000000", "clock, 4 bytes"),
        ("c20211", "type 6, 1 byte: unknown, skipped"),
        ("e20211", "type 7, 1 byte: unknown, skipped"),
        ("ff02" + 30 * "00", "type 7, 30 bytes: unknown, skipped"),
        ("02ff07", "unsigned, 1 byte: unknown, skipped"),
        ("020007", "unsigned, 1 byte"),
        ("023a01", "unsigned, 1 byte"),
    ],
)
def test_the_control_byte_is_explained(payload: str, note: str) -> None:
    """`decode` shows the type and the size of each object, and which objects give no value."""
    (field,) = bthome_v1.fields(bytes.fromhex(payload))

    assert isinstance(field, Field)
    assert note == field.note


_WHOLE = "it consists of version 1 objects only"
_UNUSUAL = "it consists of version 1 objects, some of them of an unusual size"
_BEGINS = "it begins with a version 1 object"


@pytest.mark.parametrize(
    ("payload", "rank", "why"),
    [
        (TEMPERATURE, LIKELY, _WHOLE),
        (f"{TEMPERATURE}020161", LIKELY, _WHOLE),
        ("0402ca0900", POSSIBLE, _UNUSUAL),
        ("0602ca09000000", POSSIBLE, _UNUSUAL),  # five bytes for a number
        (f"{TEMPERATURE}0702ca0900000000", POSSIBLE, _BEGINS),  # six bytes
        (f"{TEMPERATURE}0402ca0900", POSSIBLE, _UNUSUAL),
        (f"{TEMPERATURE}02ff07", POSSIBLE, _BEGINS),
        ("02016102ff07", POSSIBLE, _BEGINS),
        (f"{TEMPERATURE}ff", POSSIBLE, _BEGINS),
        ("02ff07", None, ""),
        ("0201ff", None, ""),
        ("0702ca0900000000", None, ""),
        ("", None, ""),
    ],
)
def test_a_guess_gives_its_reason(payload: str, rank: int | None, why: str) -> None:
    """Users choose among the guesses by their reasons, and the rank decides which guess comes first."""
    expected = None if rank is None else Guess(rank, bthome_v1.UUID, why)

    assert expected == bthome_v1.guess(bytes.fromhex(payload))
