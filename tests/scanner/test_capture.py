"""Tests of reading capture files."""

from pathlib import Path

import pytest

from ble_exporter.errors import ConfigError
from ble_exporter.formats import bthome
from ble_exporter.formats.measurement import Measurement
from ble_exporter.scanner.capture import Transmission, load_capture
from tests.conftest import HERE

LONG = "0000fcd2-0000-1000-8000-00805f9b34fb"


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Return the path of a capture file that does not exist yet."""
    return tmp_path / "capture"


def test_a_line_is_an_advertisement(capture: Path) -> None:
    """Comments and blank lines may structure a capture, and times count from the first line."""
    capture.write_text(
        "# seconds address RSSI UUID data\n"
        "\n"
        "100.5 A4:C1:38:AA:BB:CC -61 fcd2 4000b0  # data1\n"
        f"103   a4:c1:38:aa:bb:cc 4 {LONG.upper()} 40\n"
        "103.0 A4:C1:38:AA:BB:CC -62 -\n"
    )

    assert [
        Transmission(0.0, "A4:C1:38:AA:BB:CC", -61, {LONG: b"\x40\x00\xb0"}),
        Transmission(2.5, "A4:C1:38:AA:BB:CC", 4, {LONG: b"\x40"}),
        Transmission(2.5, "A4:C1:38:AA:BB:CC", -62, {}),
    ] == load_capture(str(capture))


@pytest.mark.parametrize(
    "line",
    [
        "A4:C1:38:AA:BB:CC -61 fcd2 40",
        "0 A4:C1:38:AA:BB -61 fcd2 40",
        "0 A4:C1:38:AA:BB:CC fcd2 40",
        "0 A4:C1:38:AA:BB:CC -61 fcd 40",
        "0 A4:C1:38:AA:BB:CC -61 fcd2 400",
        "0 A4:C1:38:AA:BB:CC -61 fcd2",
        "-1 A4:C1:38:AA:BB:CC -61 fcd2 40",
        f"{'9' * 400} A4:C1:38:AA:BB:CC -61 fcd2 40",
        "١ A4:C1:38:AA:BB:CC -61 fcd2 40",
    ],
)
def test_an_invalid_line_is_an_error_with_its_number(capture: Path, line: str) -> None:
    """A line skipped silently would be a lost packet that nobody could explain."""
    capture.write_text(f"0 A4:C1:38:AA:BB:CC -61 fcd2 40\n{line}\n")

    with pytest.raises(ConfigError) as caught:
        load_capture(str(capture))

    assert str(caught.value).startswith(f"{capture}:2: not an advertisement; write `seconds address RSSI UUID")


@pytest.mark.parametrize("content", ["", "# nothing but a comment\n"])
def test_an_empty_capture_is_refused(capture: Path, content: str) -> None:
    """With an empty capture the program would run and receive nothing, with no visible reason."""
    capture.write_text(content)

    with pytest.raises(ConfigError, match="contains no advertisement; name another file with --replay"):
        load_capture(str(capture))


def test_a_byte_order_mark_is_ignored(capture: Path) -> None:
    """Some editors write a byte-order mark, which would make the first line invalid."""
    capture.write_text("0 A4:C1:38:AA:BB:CC -61 -\n", encoding="utf-8-sig")

    assert 1 == len(load_capture(str(capture)))


def test_lines_must_be_in_order_of_time(capture: Path) -> None:
    """The replay waits for each line's time, so an unordered capture would be replayed wrongly."""
    capture.write_text("5 A4:C1:38:AA:BB:CC -61 -\n4 A4:C1:38:AA:BB:CC -61 -\n")

    with pytest.raises(ConfigError, match=r":2: the time is earlier than on the line before; sort the lines"):
        load_capture(str(capture))


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(capture: Path, content: bytes | None) -> None:
    """The user must learn which file can't be read, and which option to correct."""
    if content is not None:
        capture.write_bytes(content)

    with pytest.raises(ConfigError, match=r"can't be read .*; name another file with --replay"):
        load_capture(str(capture))


def test_every_packet_of_the_shipped_capture_is_decoded() -> None:
    """The shipped capture has packets of real sensors, so each must give measurements."""
    transmissions = load_capture(str(HERE.parent / "contrib" / "lywsd03mmc.capture"))

    decoded = [bthome.decode(transmission.service_data[LONG]) for transmission in transmissions]
    assert {27.01, 19.2, 20.54} == {
        values.measurements[Measurement("temperature")] for values in decoded if "temperature" in values.measurements
    }
    assert not [values for values in decoded if values.unknown_object is not None or not values.measurements]
