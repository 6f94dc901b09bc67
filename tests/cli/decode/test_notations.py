"""Tests of `read`, which reads bytes in the notations of programming languages."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.cli.decode.notations import DECIMAL, read
from tests.conftest import PACKET_A


@given(data=st.binary(min_size=3, max_size=40))
def test_decimal_numbers_never_become_other_bytes(data: bytes) -> None:
    """A number of three digits can't be a byte in hex, so a list with such a number must be read as decimal."""
    text = ", ".join(map(str, data))
    if any(len(str(byte)) == 3 for byte in data):
        assert (data, (DECIMAL,)) == read([text])


def test_hexadecimal_numbers_are_preferred_in_doubt() -> None:
    """Nearly all programs print packets in hex."""
    assert (bytes.fromhex("101112"), ()) == read(["10 11 12"])


def test_base64_counts_only_if_a_format_confirms_it() -> None:
    """Many words are valid base64, and must not be decoded as packets."""
    assert PACKET_A == read([base64.b64encode(PACKET_A).decode()])[0]
    with pytest.raises(ValueError, match="not a hex digit"):
        read(["temperatures"])
    with pytest.raises(ValueError, match="not a hex digit"):
        read(["13_characters"])  # base64 never has such a length


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("300, 1, 2", "looks like decimal numbers, but not all of them are bytes"),
        ("capture.txt", "looks like the name of a file"),
        ("aGVsbG8gd29ybGQ=", "looks like base64"),
        ("hello", "paste the bytes of a packet"),
        ("40 3g", "'g' after"),
    ],
)
def test_an_error_says_what_the_text_looks_like(text: str, message: str) -> None:
    """A user who pasted something else needs to know what the command expects."""
    with pytest.raises(ValueError, match=message):
        read([text])
