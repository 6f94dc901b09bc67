"""Tests of `bare_line`, which removes the text that programs print around the bytes of a line."""

import pytest

from ble_exporter.cli.decode.log_line import MANUFACTURER, Line, bare_line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("40 00 b0 01", Line("40 00 b0 01")),
        ("Data[4]: 40 00 b0 01", Line("40 00 b0 01", "Data")),
        ("A4:C1:38:00:00:01 -60 40 00 b0 01", Line("40 00 b0 01", address="A4:C1:38:00:00:01")),
        ("12:00:01 40 00 b0 01 (4 bytes)", Line("40 00 b0 01", length=4, is_stamped=True)),
        ("[4] 40 00 b0 01", Line("40 00 b0 01", length=4)),
        ("04: 40 00 b0 01", Line("40 00 b0 01", length=4)),
        ("40 00 b0 …", Line("40 00 b0", is_cut=True)),
        ("got 4000b00151 from the kitchen", Line("4000b00151", is_prose=True)),
        ("no bytes at all", Line("", is_prose=True)),
        ("(14 bytes)", Line("", is_prose=True)),
        ("RSSI: -60 dBm (0xc4)", Line("")),
        ("2 0x01 0x06", Line("020106")),
        ("41 62 63 64  Abcd", Line("41 62 63 64  Abcd")),
    ],
)
def test_the_bytes_remain(line: str, expected: Line) -> None:
    """The removed text may contain the sender's address, which decryption needs, or a length, which is checked."""
    assert expected == bare_line(line)


@pytest.mark.parametrize(
    "line",
    [
        "10:00:01:51",
        "12-00-01-51",
        "40:00:b0:01:51:02 8d:0a",
        "11 22 33",
        "40 0g",
        "40 OO",
        "40 0g -60",
        "[3] 40 0g 51",
    ],
)
def test_bytes_that_look_like_something_else_are_kept(line: str) -> None:
    """Bytes taken for a time or an address would be lost, and a typo taken for text would not be reported."""
    assert Line(line) == bare_line(line)


@pytest.mark.parametrize(
    ("line", "is_data"),
    [("Service Data: 40", True), ("adv_data: 40", True), ("raw: 40", True), ("Name: 40", False), ("40", False)],
)
def test_a_label_may_announce_bytes(line: str, is_data: bool) -> None:
    """A line whose label announces something else, such as a name, must not be read as more service data."""
    assert is_data == bare_line(line).has_data_label


def test_manufacturer_data_is_marked() -> None:
    """Gateways print manufacturer data, which no known format uses, beside the service data."""
    assert MANUFACTURER == bare_line("ManufacturerData Value: 99 04").label


def test_a_line_of_prose_has_no_bytes() -> None:
    """Text above a packet must not be taken for the beginning of the packet."""
    assert not bare_line("hello, world").has_bytes
    assert bare_line("(0x)40").has_bytes


def test_a_very_long_line_is_left_alone() -> None:
    """No packet is that long, and searching such a line for labels could take a long time."""
    line = "g" * 20_000

    assert Line(line) == bare_line(line)
