"""Tests of the search for a payload in the text that users paste."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ble_exporter.cli.decode.pasted_text import Pasted, pasted
from ble_exporter.utils import is_visible

EXAMPLE = "paste the bytes of a packet, such as 4000b00151028d0a038d11"
TWO_DIGITS = ": write two hex digits for each byte"
DECIMAL = "; the text looks like decimal numbers, but not all of them are bytes (-128 to 255)"
FILE = "the text looks like the name of a file: `decode - < FILE` reads the bytes in it"
BASE64 = "the text looks like base64, but its bytes match no known format"
NO_BYTES = (
    "the text has no bytes of a packet; hcidump prints them with --raw, other programs at a more verbose log level"
)
PACKET = bytes.fromhex("4000b00151028d0a038d11")


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
        r"@\x00\xb0\x01Q\x02\x8d\n\x03\x8d\x11",
        r'"\u0040\u0000\u00b0\u0001Q\u0002\u008d\n\u0003\u008d\u0011"',
        r"@\000\260\001Q\002\215\012\003\215\021",
        "$40,$00,$B0,$01,$51,$02,$8D,$0A,$03,$8D,$11",
        "&H40 &H00 &HB0 &H01 &H51 &H02 &H8D &H0A &H03 &H8D &H11",
        "byte[] d = {(byte)0x40, 0x00, (byte) 0xb0, 0x01, 0x51, 0x02, (byte)0x8d, 0x0a, 0x03, (byte)0x8d, 0x11};",
        "\ufeff40\u00a000\u2013b0\u200b0151 028d0a 038d11",
    ],
)
def test_each_common_notation_is_read(text: str) -> None:
    """Users paste from btmon, bluetoothctl, Wireshark, nRF Connect, LightBlue, web pages and source code."""
    assert Pasted(PACKET) == pasted(text)


AS_PYTHON = (
    r"{'id': 'A4:C1:38:00:00:01', 'servicedata': b'@\x00\xb0\x01Q\x02\x8d\n\x03\x8d\x11', 'servicedatauuid': "
    "'0xfcd2'}"
)
NUMBERS = ", ".join(map(str, PACKET))
SPACED = PACKET.hex(" ")


@pytest.mark.parametrize(
    "text",
    [
        NUMBERS,
        f"[{NUMBERS}]",
        f"({NUMBERS})",
        " ".join(map(str, PACKET)),
        "\n".join(map(str, PACKET)),
        "64;0;176;1;81;2;141;10;3;141;17",
        "[64, 0, -80, 1, 81, 2, -115, 10, 3, -115, 17]",
        "064 000 176 001 081 002 141 010 003 141 017",
        f"bytes([{NUMBERS}])",
        f"new Uint8Array([{NUMBERS}])",
        f"Uint8Array(11) [{NUMBERS}]",
        f'{{"type":"Buffer","data":[{NUMBERS}]}}',
        f"service data: [{NUMBERS}]",
        f"[12:00:01] INFO: {NUMBERS} (11 bytes)",
        f"11: {NUMBERS}",
        f'a{{sv}} 1 "0000fcd2-0000-1000-8000-00805f9b34fb" ay 11 {NUMBERS.replace(",", "")}',
        (
            "ScanRecord [mAdvertiseFlags=6, mServiceUuids=null, mServiceData={0000fcd2-0000-1000-8000-00805f9b34fb="
            "[64, 0, -80, 1, 81, 2, -115, 10, 3, -115, 17]}, mTxPowerLevel=-2147483648], rssi=-60"
        ),
    ],
)
def test_decimal_numbers_are_read(text: str) -> None:
    """Python, JavaScript, Go and (with a sign) Java print bytes in decimal. The note lets users notice a misreading."""
    found = pasted(text)

    assert PACKET == found.data
    assert "the numbers were read as decimal" in found.notes


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("[64, 12, 20, 11]", "400c140b"),
        ("40 02 10 10", "40021010"),
        ("10 11 12", "101112"),
        ("64 176 10", "40b00a"),
        ("64 1 81 2 -115 10 -60", "400151028d0ac4"),
    ],
)
def test_numbers_that_may_be_either_are_read_as_what_a_format_confirms(text: str, data: str) -> None:
    """Numbers of two digits may be hex or decimal; if no format confirms either reading, they are read as hex."""
    assert bytes.fromhex(data) == pasted(text).data


@pytest.mark.parametrize(
    "text",
    [
        f"{PACKET.hex()} (11 bytes)",
        f"{PACKET.hex()} (011 bytes)",
        f"{PACKET.hex()} [11]",
        f"{PACKET.hex()}, len 11",
        f"len=011 {PACKET.hex()}",
        f"{PACKET.hex()} size: 11",
        f"{SPACED} (11)",
        f"{SPACED} (0x0b)",
        f"11: {SPACED}",
        f"[11] {SPACED}",
        f"11 bytes: {SPACED}",
        f"(length 11) {SPACED}",
        f"length 11: {SPACED}",
        f"len=11 data={SPACED}",
        f"INFO: {PACKET.hex()}",
        f"[INFO] {PACKET.hex()}",
        f"[12:00:01] {SPACED}",
        f"12:00:01.123 {PACKET.hex()}",
        f"10:00:01 AM {PACKET.hex()}",
        f"2026-11-26 10:00:01,123 DEBUG {PACKET.hex()}",
        f"2026-11-26T10:00:01.123+01:00 {PACKET.hex()}",
        f"26.11.2026 10:00:01 {PACKET.hex()}",
        f"2026-11-26 {PACKET.hex()}",
        f"12:00 {SPACED}",
        f"Nov 26 10:00:01 raspberrypi app[12]: {PACKET.hex()}",
        f"(1732612345.123456) {PACKET.hex()}",
        f"[   12.345678] {PACKET.hex()}",
        f"10:00:01.123 -> {SPACED}",
        "[12:00:01][VV][esp32_ble_tracker:502]:     Data: 40.00.B0.01.51.02.8D.0A.03.8D.11 (11)",
        "\x1b[0;36m[D][tracker:1]: Data: 40.00.B0.01.51.02.8D.0A.03.8D.11 (11)\x1b[0m",
        "I\t12:00:01.123\tData: (0x) 40-00-B0-01-51-02-8D-0A-03-8D-11",
        "DEBUG:parser:Parsing BTHome BLE advertisement data: 4000b00151028d0a038d11",
        "<Buffer 40 00 b0 01 51 02 8d 0a 03 8d 11>",
        "const uint8_t data[11] = {0x40, 0x00, 0xb0, 0x01, 0x51, 0x02, 0x8d, 0x0a, 0x03, 0x8d, 0x11};",
        f"{PACKET.hex()}, rssi=-60",
        f"{PACKET.hex()} -60",
        f"{PACKET.hex()},-60 dBm",
        f"{PACKET.hex()}  # temperature 27.01",
        f"“{PACKET.hex()}”",
        f"```\n{PACKET.hex()}\n```",
        "Manufacturer data: 99 04 be ef 00 11\nService data: 40 00 b0 01 51 02 8d 0a 03 8d 11",
        f"12:00:01 {PACKET.hex()}\n12:00:03 {PACKET.hex()}\n",
    ],
)
def test_what_a_program_prints_around_the_bytes_is_ignored(text: str) -> None:
    """Users copy whole lines of a log, and a timestamp read as bytes would change the packet."""
    assert Pasted(PACKET) == pasted(text)


@pytest.mark.parametrize(
    "text",
    [
        f"A4:C1:38:00:00:01 {PACKET.hex()}",
        f"A4:C1:38:00:00:01: {SPACED}",
        f"0.0 A4:C1:38:00:00:01 -61 {PACKET.hex()}",
        f"{PACKET.hex()};-60;A4:C1:38:00:00:01",
        f"INFO living_room (A4:C1:38:00:00:01): left: {PACKET.hex()}",
        f"RSSI: -60, MAC: A4C138000001, ADV: {PACKET.hex()}",
        f'{{"mac":"A4C138000001","svcdata":"{PACKET.hex()}"}}',
        f"address: A4:C1:38:00:00:01\nname: ATC_000001\n- 0xFCD2: (length 11) {PACKET.hex(':')}",
    ],
)
def test_the_sender_s_address_is_found_in_the_text(text: str) -> None:
    """A key decrypts a packet only with the address, and an address read as bytes would change the packet."""
    assert (PACKET, "A4:C1:38:00:00:01") == (pasted(text).data, pasted(text).address)


@pytest.mark.parametrize(
    "text",
    [
        '{"id":"A4:C1:38:00:00:01","rssi":-60,"servicedata":"4000b00151028d0a038d11","servicedatauuid":"0xfcd2"}',
        AS_PYTHON,
        (
            "home/BTtoMQTT/A4C138000001 {'id':'A4:C1:38:00:00:01','servicedatauuid':'fcd2','servicedata':"
            "'4000b00151028d0a038d11'}"
        ),
        "{id:A4:C1:38:00:00:01,servicedata:4000b00151028d0a038d11,servicedatauuid:0xfcd2}",
        (
            '{"id":"A4:C1:38:00:00:01","manufacturerdata":"9904beef00112233","servicedata":"4000b00151028d0a038d11",'
            '"servicedatauuid":"0000fcd2-0000-1000-8000-00805f9b34fb"}'
        ),
        '{"address":"A4:C1:38:00:00:01","service_data":{"fcd2":"QACwAVECjQoDjRE="}}',
        (
            '{"address":"A4:C1:38:00:00:01","service_data":{"0000fcd2-0000-1000-8000-00805f9b34fb":{"__type":'
            '"<class \'bytes\'>","repr":"b\'@\\\\x00\\\\xb0\\\\x01Q\\\\x02\\\\x8d\\\\n\\\\x03\\\\x8d\\\\x11\'"}}}'
        ),
        (
            '{"mac":"A4C138000001","serviceData":[{"uuid":"fcd2","data":{"type":"Buffer","data":['
            "64,0,176,1,81,2,141,10,3,141,17]}}]}"
        ),
    ],
)
def test_the_json_of_a_gateway_is_read(text: str) -> None:
    """Gateways publish the packet, its service and its sender in JSON, from which a shell may remove the quotes."""
    assert (PACKET, "fcd2", "A4:C1:38:00:00:01") == pasted(text)[:3]


@pytest.mark.parametrize("payload", ["0201060e16d2fc4000b00151028d0a038d11", "AgEGDhbS/EAAsAFRAo0KA40R"])
def test_a_packet_without_a_name_is_found_in_json(payload: str) -> None:
    """Some gateways publish lists without names; bytes that parse as an advertising payload are most likely one."""
    text = f'{{"event":"scan_result","data":[2,[["a4:c1:38:00:00:01",-60,"{payload}",""]]]}}'

    assert (bytes.fromhex("0201060e16d2fc") + PACKET, "A4:C1:38:00:00:01") == (pasted(text).data, pasted(text).address)


def test_a_packet_that_is_repeated_is_one_packet() -> None:
    """A sensor repeats its packets, and a user may copy several lines of a log."""
    assert Pasted(PACKET) == pasted(f"{PACKET.hex()}\n{PACKET.hex()}")


def test_the_lines_of_one_packet_are_joined() -> None:
    """A program or an e-mail may break a packet into lines anywhere, even before bytes that could begin a packet."""
    broken = f"0201060e16d2fc\n{PACKET.hex()}"

    assert bytes.fromhex("0201060e16d2fc") + PACKET == pasted(broken).data


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (f"{PACKET.hex()} (12 bytes)", "the text gives a length of 12, but contains 11 bytes"),
        ("4000b00151...", "a line ends with dots: the bytes after it are missing"),
        ("4000b00151…", "a line ends with dots: the bytes after it are missing"),
        ("40 0 B0 1 51 2 8D A 3 8D 11", "single hex digits were read as bytes below 0x10"),
        ("QACwAVECjQoDjRE=", "the text was read as base64"),
        ("QACwAVECjQoDjRE", "the text was read as base64"),
    ],
)
def test_a_note_says_what_is_not_obvious(text: str, note: str) -> None:
    """The user must learn that part of the packet is missing, and how an ambiguous text was read."""
    assert (note,) == pasted(text).notes


def test_a_length_on_a_line_of_its_own_is_no_byte() -> None:
    """Above the bytes, btmon prints their length and other numbers; read as bytes, these would change the packet."""
    text = (
        "> HCI Event: LE Meta Event (0x3e) plen 44\n  Event type: 0x0013\n  Primary PHY: LE 1M\n"
        "  RSSI: -60 dBm (0xc4)\n"
        "  Data length: 0x12\n  02 01 06 0e 16 d2 fc 40 00 b0 01 51 02 8d 0a 03  .......@...Q....\n"
        "  8d 11                                            ..\n"
    )

    assert bytes.fromhex("0201060e16d2fc") + PACKET == pasted(text).data


def test_the_table_of_nrf_connect_becomes_an_advertising_payload() -> None:
    """The app shows the length of each structure in decimal and the rest in hex, so 14 must become 0e."""
    text = "LEN. TYPE VALUE\n2 0x01 0x06\n14 0x16 0xD2FC4000B00151028D0A038D11"

    assert bytes.fromhex("0201060e16d2fc") + PACKET == pasted(text).data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("> HCI Event: LE Meta Event (0x3e) plen 30\n    bdaddr A4:C1:38:00:00:01 (Public)\n", "hcidump prints them"),
        ('{"id":"A4:C1:38:00:00:01","manufacturerdata":"9904beef00112233"}', "only manufacturer data"),
        ("12:00:01 4000b00151\n12:00:02 4000b10152", "several services or packets"),
        ("4000b0015102c409\n4000b1015102c509", "several services or packets"),
        ("4000b0015102c409 4000b1015102c509", "several services or packets"),
        (
            (
                '{"servicedata":"4000b00151","servicedatauuid":"0xfcd2"}\n'
                '{"servicedata":"4000b10152","servicedatauuid":"0xfcd2"}'
            ),
            "several services or packets",
        ),
    ],
)
def test_a_text_without_one_packet_is_described(text: str, message: str) -> None:
    """The user must learn what is wrong with the text, and what to paste instead."""
    with pytest.raises(ValueError, match=message):
        pasted(text)


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
    """Users usually copy the text around the service data too, and this text may name the service."""
    assert (PACKET, "fcd2") == pasted(text)[:2]


def test_a_service_without_a_known_format_is_returned_too() -> None:
    """With the service's UUID, the command can report an unknown format instead of guessing a wrong one."""
    assert Pasted(b"\x10", "feaa") == pasted("Service Data (UUID 0xFEAA): 10")


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
        "0000: 02 01 06 0e 16 d2 fc 40 00 b0 01 51 02 8d 0a 03\n0010: 8d 11\n",
        "000000 02 01 06 0e 16 d2 fc 40 00 b0 01 51 02 8d 0a 03\n000010 8d 11\n000012\n",
        "0000000 02 01 06 0e 16 d2 fc 40 00 b0 01 51 02 8d 0a 03\n0000020 8d 11\n0000022\n",
        HEXDUMP,
        "        02 01 06 0e 16 d2 fc 40 00 b0 01 51 02 8d 0a 03  .......@...Q....\n        8d 11             ..\n",
    ],
)
def test_offsets_in_front_of_a_dump_do_not_count(dump: str) -> None:
    """Wireshark, xxd, hexdump and od print offsets, which must not be read as payload bytes; btmon prints none."""
    assert bytes.fromhex("0201060e16d2fc") + PACKET == pasted(dump)[0]


def test_digits_that_could_be_offsets_are_bytes_unless_the_first_offset_is_0() -> None:
    """A dump with offsets starts at offset 0, so any other first number is part of the payload."""
    assert bytes.fromhex("40000002") + b"\x51" == pasted("4000\n0002  51")[0]
    assert bytes.fromhex("00000000") == pasted("00000000")[0]


def test_a_single_digit_with_0x_is_a_byte() -> None:
    """C code may print a byte as 0x0; if the 0 were joined with the next digit, the packet would change."""
    assert bytes.fromhex("4000015102ca09") == pasted("0x40,0x0,0x1,0x51,0x2,0xca,0x9")[0]


def test_hex_digits_in_the_ascii_column_of_a_dump_do_not_count() -> None:
    """The ASCII column repeats the bytes, and its letters a to f must not be read as more bytes."""
    assert bytes.fromhex("61626364") == pasted("61 62 63 64   abcd")[0]
    assert bytes.fromhex("6162ffff") == pasted("61 62   ff ff")[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"there are no hex digits; {EXAMPLE}"),
        (" -:\n", f"there are no hex digits; {EXAMPLE}"),
        ("400", "the number of hex digits is odd (3): one digit is missing or extra"),
        (
            "0000fcd2-0000-1000-8000-00805f9b34fb 4000, 0000181a-0000-1000-8000-00805f9b34fb 00",
            "there is service data of several services or packets; give one at a time",
        ),
        (r"b'\xg0'", "the text in quotes is not a valid Python bytes literal"),
        ("64, 0, 300", f"there is a single digit after 2 hex digits{TWO_DIGITS}{DECIMAL}"),
        ("64 276 10", f"there is a group of 3 digits after 2 hex digits{TWO_DIGITS}{DECIMAL}"),
        ("64 -129 10", f"there is a group of 3 digits after 2 hex digits{TWO_DIGITS}{DECIMAL}"),
        ("4 0 0 0 b 0", f"there is a single digit{TWO_DIGITS}"),
        ("Service Data (UUID 0xfcd2):", "there are no hex digits after the service's UUID"),
        ("packets.txt", f"'p' is not a hex digit; {FILE}"),
        ("./a/packets.log", f"'/' is not a hex digit; {FILE}"),
        ("hello, world", f"there are no hex digits; {EXAMPLE}"),
        ("hello there\ndata: 40", NO_BYTES),
        ("data: 40\nvalue: 41", NO_BYTES),
        ("data: 4\nvalue: 4", "the number of hex digits is odd (1): one digit is missing or extra"),
        ("aGVsbG8gd29ybGQgb2YgcGFja2V0cw==", f"'G' after 1 hex digit is not a hex digit; {BASE64}"),
        (
            '{"id": "A4:C1:38:00:00:01", "tempc": 21.5}',
            "the text looks like JSON, but has no bytes under a name such as `servicedata`",
        ),
        (
            REPORT + REPORT.replace("8d11", "8e11"),
            "there is service data of several services or packets; give one at a time",
        ),
        ("40 0g", "'g' after 3 hex digits is not a hex digit"),
        ("40\x1b[2J", "'\\x1b' after 2 hex digits is not a hex digit"),
    ],
)
def test_an_error_describes_the_mistake_in_the_text(text: str, message: str) -> None:
    """Users easily overlook a mistake such as a letter O in place of a zero, so the error must describe it."""
    with pytest.raises(ValueError, match=r".") as caught:
        pasted(text)

    assert message == str(caught.value)


@given(text=st.text(max_size=60))
@example(text="\u115f")
def test_any_text_gives_bytes_or_a_clean_error(text: str) -> None:
    """A clipboard can contain any text, and no text may cause a traceback."""
    said = ""
    try:
        said = pasted(text)[0].hex()
    except ValueError as error:
        said = str(error)

    assert said
    assert all(map(is_visible, said))


def test_many_octal_escapes_take_no_longer_than_other_text() -> None:
    """With several readings of each escape, fourteen of them took ten seconds, and each further one four times more."""
    with pytest.raises(ValueError, match="hex"):
        pasted(r"\123" * 1000 + "\n\u00e9")
