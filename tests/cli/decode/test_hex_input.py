"""Tests of reading hex digits in the notations that users paste."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.cli.decode.hex_input import bytes_from_hex, key_in, key_of, pasted
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
        r"bytearray(b'@\x00\xb0\x01Q\x02\x8d\n\x03\x8d\x11')",
        "(0x) 40-00-B0-01-51-02-8D-0A-03-8D-11",
        "<4000b001 51028d0a 038d11>",
        "{length = 11, bytes = 0x4000b00151028d0a038d11}",
        '"4000b00151028d0a038d11"',
        "{ 0x40, 0x00, 0xb0, 0x01, 0x51, 0x02, 0x8d, 0x0a, 0x03, 0x8d, 0x11 };",
        "['40', '00', 'b0', '01', '51', '02', '8d', '0a', '03', '8d', '11']",
        "\ufeff40\u00a000\u2013b0\u200b0151 028d0a 038d11",
    ],
)
def test_each_common_notation_is_read(text: str) -> None:
    """Users paste from btmon, bluetoothctl, Wireshark, nRF Connect, LightBlue, web pages, and C or Python source."""
    assert (PACKET, "") == pasted(text)


REPORT = """> HCI Event: LE Meta Event (0x3e) plen 30       #1 [hci0] 0.000000
      LE Advertising Report (0x02)
        Num reports: 1
        Event type: Connectable undirected - ADV_IND (0x00)
        Address: A4:C1:38:00:00:01 (OUI A4-C1-38)
        Data length: 18
        Flags: 0x06
          LE General Discoverable Mode
        Service Data: Allterco Robotics ltd (0xfcd2)
          Data[11]: 4000b00151028d0a038d11
        RSSI: -60 dBm (0xc4)
        Company: Telink Semiconductor Co. Ltd. (529)
          Data[2]: beef
"""
BLUETOOTHCTL = """[CHG] Device A4:C1:38:00:00:01 RSSI: 0xffffffc4 (-60)
        UUID: Environmental Sensing     (0000181a-0000-1000-8000-00805f9b34fb)
[CHG] Device A4:C1:38:00:00:01 ManufacturerData Key: 0x0211
[CHG] Device A4:C1:38:00:00:01 ManufacturerData Value:
  be ef                                            ..
[CHG] Device A4:C1:38:00:00:01 ServiceData Key: 0000fcd2-0000-1000-8000-00805f9b34fb
[CHG] Device A4:C1:38:00:00:01 ServiceData Value:
  40 00 b0 01 51 02 8d 0a 03 8d 11                 @...Q......
[CHG] Device A4:C1:38:00:00:01 ManufacturerData Value:
  be ef                                            ..
"""
LOG = r"""Sensor_000001 (A4:C1:38:00:00:01): AdvertisementData(local_name='ATC', manufacturer_data={529: b'\xbe\xef'},
 service_data={'0000fcd2-0000-1000-8000-00805f9b34fb': b'@\x00\xb0\x01Q\x02\x8d\n\x03\x8d\x11'},
 service_uuids=['0000181a-0000-1000-8000-00805f9b34fb'], rssi=-60)"""


@pytest.mark.parametrize(
    "text",
    [
        "0000fcd2-0000-1000-8000-00805f9b34fb 4000b00151028d0a038d11",
        r"{'0000fcd2-0000-1000-8000-00805f9b34fb': b'@\x00\xb0\x01Q\x02\x8d\n\x03\x8d\x11'}",
        '{"service_data": {"0000fcd2-0000-1000-8000-00805f9b34fb": "4000b00151028d0a038d11"}, "rssi": -60}',
        "        Service Data (UUID 0xfcd2): 4000b00151028d0a038d11",
        "        Service Data: Allterco Robotics ltd (0xfcd2)\n          Data[11]: 4000b00151028d0a038d11\n",
        "Service Data: UUID: 0xFCD2 Data: 0x4000B00151028D0A038D11",
        "Service Data - 16 bit UUID\n  UUID 16: Allterco (0xfcd2)\n  Service Data: 4000b00151028d0a038d11",
        "  ServiceData.0000fcd2-0000-1000-8000-00805f9b34fb:\n  40 00 b0 01 51 02 8d 0a 03 8d 11   @...Q......",
        "WARNING a (A4:C1:38:00:00:01): refused: 0000fcd2-0000-1000-8000-00805f9b34fb 4000b00151028d0a038d11",
        REPORT,
        BLUETOOTHCTL,
        LOG,
    ],
)
def test_the_service_is_found_in_the_text(text: str) -> None:
    """The rest of the text is ignored, because users copy too much rather than too little."""
    assert (PACKET, "fcd2") == pasted(text)


def test_a_service_without_a_known_format_is_returned_too() -> None:
    """The command then reports an unknown format and does not guess one."""
    assert (b"\x10", "feaa") == pasted("Service Data (UUID 0xFEAA): 10")


def test_a_wrong_character_does_not_end_the_bytes() -> None:
    """If the bytes ended at the wrong character, the payload would be explained as truncated."""
    with pytest.raises(ValueError, match="'g' after 9 hex digits is not a hex digit"):
        pasted("Service Data (UUID 0xfcd2): 4000b0\n  010g")


HEXDUMP = """00000000  02 01 06 0e 16 d2 fc 40  00 b0 01 51 02 8d 0a 03  |.......@...Q....|
00000010  8d 11                                             |..|
00000012
"""


@pytest.mark.parametrize(
    "dump",
    [
        "0000   02 01 06 0e 16 d2 fc 40 00 b0 01 51 02 8d 0a 03   .......@...Q....\n0010   8d 11      ..\n",
        "00000000: 0201 060e 16d2 fc40 00b0 0151 028d 0a03  .......@...Q....\n00000010: 8d11             ..\n",
        HEXDUMP,
        "        02 01 06 0e 16 d2 fc 40 00 b0 01 51 02 8d 0a 03  .......@...Q....\n        8d 11             ..\n",
    ],
)
def test_offsets_in_front_of_a_dump_do_not_count(dump: str) -> None:
    """Wireshark, xxd and hexdump print offsets, which must not be read as payload bytes; btmon prints none."""
    assert bytes.fromhex("0201060e16d2fc") + PACKET == pasted(dump)[0]


def test_digits_that_could_be_offsets_are_bytes_unless_the_first_offset_is_0() -> None:
    """A dump with offsets starts at offset 0, so any other first number is part of the payload."""
    assert bytes.fromhex("40000002") + b"\x51" == pasted("4000\n0002  51")[0]
    assert bytes.fromhex("00000000") == pasted("00000000")[0]


def test_a_single_digit_with_0x_is_a_byte() -> None:
    """C code prints bytes as 0x0; joined with the next digits, such a byte would change the packet."""
    assert bytes.fromhex("4000015102ca09") == pasted("0x40,0x0,0x1,0x51,0x2,0xca,0x9")[0]


def test_hex_digits_in_the_ascii_column_of_a_dump_do_not_count() -> None:
    """The ASCII column is recognised because it repeats the bytes, so it must not be read as more bytes."""
    assert bytes.fromhex("61626364") == pasted("61 62 63 64   abcd")[0]
    assert bytes.fromhex("6162ffff") == pasted("61 62   ff ff")[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there are no hex digits"),
        (" -:\n", "there are no hex digits"),
        ("400", "3 hex digits are not whole bytes: one digit is missing or extra"),
        (
            "0000fcd2-0000-1000-8000-00805f9b34fb 4000, 0000181a-0000-1000-8000-00805f9b34fb 00",
            "there is service data of several services or packets; give one at a time",
        ),
        (r"b'\xg0'", "the text in quotes is not a valid Python bytes literal"),
        ("64, 0, 176", "a single digit after 2 hex digits is not whole bytes: write two digits for each byte"),
        ("64 176 10", "a group of 3 after 2 hex digits is not whole bytes: write two digits for each byte"),
        ("Service Data (UUID 0xfcd2):", "there are no hex digits"),
        (REPORT + REPORT, "there is service data of several services or packets; give one at a time"),
        ("40 0g", "'g' after 3 hex digits is not a hex digit"),
        ("40\x1b[2J", "'\\x1b' after 2 hex digits is not a hex digit"),
    ],
)
def test_an_error_names_the_position_of_the_wrong_character(text: str, message: str) -> None:
    """A letter O in place of a zero is easily overlooked."""
    with pytest.raises(ValueError, match=r".") as caught:
        pasted(text)

    assert message == str(caught.value)


@given(data=st.binary(min_size=1, max_size=40), separator=st.sampled_from(["", " ", ":", "-", "\n", ", ", " 0x"]))
def test_no_separator_changes_the_bytes(data: bytes, separator: str) -> None:
    """Each program that prints bytes separates them differently."""
    text = data.hex(separator[:1]).replace(separator[:1], separator) if separator else data.hex()

    assert data == bytes_from_hex(text) == pasted(text)[0]


@given(text=st.text(max_size=60))
def test_any_text_gives_bytes_or_a_clean_error(text: str) -> None:
    """A clipboard may contain any text, and none may cause a traceback."""
    said = ""
    try:
        said = pasted(text)[0].hex()
    except ValueError as error:
        said = str(error)

    assert said
    assert said.isprintable()


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
    """The message names the cause and has a hint."""
    with pytest.raises(ConfigError, match=r"can't be read .*; name a file with the key's 32 hex digits, or -"):
        key_in(str(tmp_path / name))
