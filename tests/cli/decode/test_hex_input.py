"""Tests of the functions that parse hex digits and keys."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.cli.decode.hex_input import bytes_from_hex, key_in, key_of
from ble_exporter.errors import ConfigError

KEY = "231d39c1d7cc1ab1aee224cd096db932"


@given(data=st.binary(min_size=1, max_size=40), separator=st.sampled_from(["", " ", ":", "-", "\n", ", ", " 0x"]))
def test_no_separator_changes_the_bytes(data: bytes, separator: str) -> None:
    """Programs that print bytes separate them in different ways."""
    text = data.hex(separator[:1]).replace(separator[:1], separator) if separator else data.hex()

    assert data == bytes_from_hex(text)


def test_a_key_is_read_from_a_file(tmp_path: Path) -> None:
    """Editors add a byte-order mark or a line break, neither of which is part of the key."""
    path = tmp_path / "room.key"
    path.write_bytes(b"\xef\xbb\xbf" + KEY.upper().encode() + b"\r\n")

    assert bytes.fromhex(KEY) == key_in(str(path)) == key_of("0x" + KEY, "--key")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (KEY[:-2], "the key has 30 hex digits instead of 32"),
        (KEY[:-1] + "g", "the key has characters other than hex digits"),
        ("", "the key has 0 hex digits instead of 32"),
        ("2", "the key has 1 hex digit instead of 32"),
    ],
)
def test_an_invalid_key_is_refused_without_showing_it(text: str, problem: str, tmp_path: Path) -> None:
    """A mistyped key is nearly complete: anyone who sees it can guess the rest."""
    path = tmp_path / "room.key"
    path.write_text(text)
    hint = "give the 32 hex digits on the firmware's page"

    with pytest.raises(ConfigError) as caught:
        key_in(str(path))
    assert f"--key-file {path}: {problem}; {hint}" == str(caught.value)


@pytest.mark.parametrize("name", ["missing.key", "a\0b"])
def test_a_key_file_that_can_not_be_read_says_so(name: str, tmp_path: Path) -> None:
    """The user must learn why the file can't be read, and what to give instead."""
    with pytest.raises(
        ConfigError, match=r"can't be read .*; give the path of a file with the key's 32 hex digits, or -"
    ):
        key_in(str(tmp_path / name))
