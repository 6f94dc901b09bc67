"""Hex digits as people copy them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.commands.hexadecimal import key_in, key_of, octets_of
from ble_exporter.errors import ConfigError

PACKET = bytes.fromhex("4000b00151028d0a038d11")
KEY = "231d39c1d7cc1ab1aee224cd096db932"


@pytest.mark.parametrize(
    "text",
    [
        "4000b00151028d0a038d11",
        "0x4000B00151028D0A038D11",
        "40 00 b0 01 51 02 8d 0a 03 8d 11",
        "40:00:B0:01:51:02:8D:0A:03:8D:11\n",
        "40-00-b0-01-51-02-8d-0a-03-8d-11",
        "0x40, 0x00, 0xb0, 0x01, 0x51, 0x02, 0x8d, 0x0a, 0x03, 0x8d, 0x11",
        "\\x40\\x00\\xb0\\x01\\x51\\x02\\x8d\\x0a\\x03\\x8d\\x11",
        "4000b0015102\r\n8d0a038d11\r\n",
        "          Data[11]: 4000b00151028d0a038d11",
        "  40 00 b0 01 51 02 8d 0a 03 8d 11                 @...Q......",
        r"b'@\x00\xb0\x01Q\x02\x8d\n\x03\x8d\x11'",
        r'b"@\x00\xb0\x01Q\x02\x8d\n\x03\x8d\x11"',
    ],
)
def test_what_is_pasted_is_taken(text: str) -> None:
    """From btmon, bluetoothctl, nRF Connect, C and Python."""
    assert PACKET == octets_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "0000fcd2-0000-1000-8000-00805f9b34fb 4000b00151028d0a038d11",
        r"'0000fcd2-0000-1000-8000-00805f9b34fb': b'@\x00\xb0\x01Q\x02\x8d\n\x03\x8d\x11'",
        "        Service Data (UUID 0xfcd2): 4000b00151028d0a038d11",
        "        Service Data: Allterco Robotics ltd (0xfcd2)\n          Data[11]: 4000b00151028d0a038d11\n",
    ],
)
def test_the_service_is_in_front_where_it_is_named(text: str) -> None:
    """In btmon's lines and the log's the service is known: a guess could only be worse."""
    assert b"\xfc\xd2" + PACKET == octets_of(text)


def test_characters_beside_a_dump_that_are_hex_digits_too_do_not_count() -> None:
    """They are told by being what the bytes are as characters."""
    assert bytes.fromhex("61626364") == octets_of("61 62 63 64   abcd")
    assert bytes.fromhex("6162ffff") == octets_of("61 62   ff ff")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there are no hex digits"),
        (" -:\n", "there are no hex digits"),
        ("400", "3 hex digits are half a byte too much, or too little"),
        (
            "0000fcd2-0000-1000-8000-00805f9b34fb 4000, 0000181a-0000-1000-8000-00805f9b34fb 00",
            "there is service data of several services: give one at a time",
        ),
        (r"b'\xg0'", 'behind 1 hex digits stands "\'", which is none'),
        ("40 0g", "behind 3 hex digits stands 'g', which is none"),
        ("40\x1b[2J", "behind 2 hex digits stands '\\x1b', which is none"),
    ],
)
def test_what_is_no_hex_says_where(text: str, message: str) -> None:
    """A letter O for a zero is not seen by eye."""
    with pytest.raises(ValueError, match=r".") as caught:
        octets_of(text)

    assert message == str(caught.value)


@given(data=st.binary(min_size=1, max_size=40), separator=st.sampled_from(["", " ", ":", "-", "\n", ", ", " 0x"]))
def test_no_separator_changes_the_bytes(data: bytes, separator: str) -> None:
    """Whatever the source puts between them."""
    assert data == octets_of(data.hex(separator[:1]).replace(separator[:1], separator) if separator else data.hex())


@given(text=st.text(max_size=60))
def test_any_text_gives_bytes_or_a_clean_error(text: str) -> None:
    """Whatever was in the clipboard."""
    said = ""
    try:
        said = octets_of(text).hex()
    except ValueError as error:
        said = str(error)

    assert said
    assert said.isprintable()


def test_a_key_is_read_from_a_file(tmp_path: Path) -> None:
    """With what an editor puts in front of it and behind."""
    path = tmp_path / "room.key"
    path.write_bytes(b"\xef\xbb\xbf" + KEY.upper().encode() + b"\r\n")

    assert bytes.fromhex(KEY) == key_in(str(path)) == key_of("0x" + KEY, "--key")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (KEY[:-2], "it has 30 hex digits, and not 32"),
        (KEY[:-1] + "g", "not all of it is hex digits"),
        ("", "it has 0 hex digits, and not 32"),
    ],
)
def test_what_is_no_key_is_refused_without_showing_it(text: str, problem: str, tmp_path: Path) -> None:
    """It is nearly one: whoever sees it can guess the rest."""
    path = tmp_path / "room.key"
    path.write_text(text)
    remedy = "give the 32 that the firmware's page shows"

    with pytest.raises(ConfigError) as caught:
        key_in(str(path))
    assert f"--key-file {path}: {problem}; {remedy}" == str(caught.value)


@pytest.mark.parametrize("name", ["missing.key", "a\0b"])
def test_a_key_file_that_can_not_be_read_says_so(name: str, tmp_path: Path) -> None:
    """With the cause and the remedy."""
    with pytest.raises(ConfigError, match=r"can't be read .*: name a file with the key's 32 hex digits, or -"):
        key_in(str(tmp_path / name))
