"""Tests of reading capture files."""

from pathlib import Path

import pytest

from ble_exporter.errors import ConfigError
from ble_exporter.formats import bthome
from ble_exporter.formats.measurement import Measurement
from ble_exporter.scanner.btsnoop import EVENT, Record, header, new_index, record_bytes
from ble_exporter.scanner.capture import Transmission, load_capture, load_events, load_reports
from ble_exporter.system.files import MAX_FILE_BYTES
from tests.conftest import HERE, PACKET_A
from tests.scanner.monitor_frames import EXTENDED, SCAN_RESPONSE, SENDER, frame, legacy_report, name, service_data

LONG = "0000fcd2-0000-1000-8000-00805f9b34fb"


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Return the path of a capture file that does not exist yet."""
    return tmp_path / "capture"


def test_a_line_is_an_advertisement(capture: Path) -> None:
    """Comments and blank lines may structure a capture, and times count from the first advertisement."""
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
    ] == list(load_capture(str(capture)))


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

    with pytest.raises(ConfigError, match="contains no advertisement; name another capture"):
        load_capture(str(capture))


def test_a_byte_order_mark_is_ignored(capture: Path) -> None:
    """Some editors write a byte-order mark, which would make the first line invalid."""
    capture.write_text("0 A4:C1:38:AA:BB:CC -61 -\n", encoding="utf-8-sig")

    assert 1 == len(list(load_capture(str(capture))))


def test_lines_must_be_in_order_of_time(capture: Path) -> None:
    """The replay waits for each line's time, so an unordered capture would be replayed wrongly."""
    capture.write_text("5 A4:C1:38:AA:BB:CC -61 -\n4 A4:C1:38:AA:BB:CC -61 -\n")

    with pytest.raises(ConfigError, match=r":2: the time is earlier than on the line before; sort the lines"):
        load_capture(str(capture))


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(capture: Path, content: bytes | None) -> None:
    """The user must learn which file can't be read, and that another one is needed."""
    if content is not None:
        capture.write_bytes(content)

    with pytest.raises(ConfigError, match=r"can't be read .*; name another capture"):
        load_capture(str(capture))


def test_every_packet_of_the_shipped_capture_is_decoded() -> None:
    """The shipped capture has packets of real sensors, so each must give measurements."""
    transmissions = load_capture(str(HERE.parent / "contrib" / "lywsd03mmc.capture"))

    decoded = [bthome.decode(transmission.service_data[LONG]) for transmission in transmissions]
    assert {27.01, 19.2, 20.54} == {
        values.measurements[Measurement("temperature")] for values in decoded if "temperature" in values.measurements
    }
    assert not [values for values in decoded if values.unknown_object is not None or not values.measurements]


def event(*reports: bytes, at_s: float = 0.0, controller: int = 0, subevent: int = 0x02) -> bytes:
    """Return a record of a btsnoop file."""
    return record_bytes(Record(round(at_s * 1e6), controller, EVENT, frame(*reports, subevent=subevent)[6:]))


def test_a_btsnoop_file_is_played_like_the_radio(capture: Path) -> None:
    """Btmon records more than advertisements; the replay must give what a live radio gives, at the recorded times."""
    of_sensor = legacy_report(service_data(PACKET_A), rssi=-61)
    capture.write_bytes(
        header()
        + record_bytes(new_index(0, 0))
        + event(of_sensor, at_s=100.0)
        + record_bytes(Record(0, 0, EVENT, bytes.fromhex("0e0401010c00")))
        + event(legacy_report(name("ATC_000001"), kind=SCAN_RESPONSE), at_s=100.001)
        + event(of_sensor, at_s=102.5, controller=1)
        + event(of_sensor, at_s=102.5)
    )

    first = Transmission(0.0, SENDER, -61, {LONG: PACKET_A}, "", "public", {}, "hci0")
    assert [
        first,
        first._replace(at=2.5, adapter="hci1"),
        first._replace(at=2.5, name="ATC_000001"),
    ] == [sent._replace(at=round(sent.at, 6)) for sent in load_capture(str(capture))]


@pytest.mark.parametrize(
    ("stamps", "played"),
    [([9, 8.5, 10], [0, 0, 1]), ([9, 10, 9.5], [0, 1, 0.5]), ([9, 2, 3], [0, 0, 1]), ([0, 1e9], [0, 0])],
)
def test_a_clock_that_was_set_does_not_stop_the_replay(capture: Path, stamps: list[float], played: list[float]) -> None:
    """A Pi sets its clock when the network comes up; a replay must not wait for years, nor deliver an hour at once."""
    one = legacy_report(service_data(PACKET_A))
    capture.write_bytes(header() + b"".join(event(one, at_s=at_s) for at_s in stamps))

    assert played == [sent.at for sent in load_capture(str(capture))]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (header()[:9], "the header is cut short: the file has 9 bytes, and the header 16"),
        (header() + b"\0", "byte 16: the last record is cut short; the bytes before it form a valid file"),
        (header(), "contains no advertisement"),
        (header() + record_bytes(new_index(0, 0)), "contains no advertisement"),
    ],
)
def test_a_damaged_btsnoop_file_is_refused(capture: Path, content: bytes, problem: str) -> None:
    """If a damaged part were skipped silently, nobody could explain the missing packets."""
    capture.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load_capture(str(capture))

    assert str(caught.value).endswith(f"{problem}; name another capture")


def test_long_data_is_one_report(capture: Path) -> None:
    """`decode` explains a whole advertising payload, which a controller may report in parts."""
    address = bytes.fromhex(SENDER.replace(":", ""))[::-1]
    parts = [
        bytes([status, 0, 0]) + address + bytes([1, 1, 5, 127, 0xC4]) + bytes(9) + b"\x02" + data
        for status, data in ((0x20, b"\x05\x16"), (0x00, b"\xd2\xfc"))
    ]
    capture.write_bytes(header() + b"".join(event(part, at_s=7, subevent=EXTENDED) for part in parts))

    assert [(0.0, b"\x05\x16\xd2\xfc")] == [(at_s, report.data) for at_s, report in load_reports(str(capture))]


def test_the_events_of_a_text_file_are_made_up(capture: Path) -> None:
    """Converted to btsnoop, which other programs read, a text capture must give the same packets at the same times."""
    capture.write_text(
        "5 A4:C1:38:AA:BB:CC -61 fcd2 40\n5 C4:C1:38:AA:BB:CC -61 -\n6.5 A4:C1:38:AA:BB:CC -61 fcd2 40\n"
    )
    converted = header() + b"".join(map(record_bytes, load_events(str(capture))))
    capture.write_bytes(converted)

    played = list(load_capture(str(capture)))

    of_sensor = Transmission(0.0, "A4:C1:38:AA:BB:CC", -61, {LONG: b"\x40"}, "", "public", {}, "hci0")
    of_other = Transmission(0.0, "C4:C1:38:AA:BB:CC", -61, {}, "", "random", {}, "hci0")
    assert [of_sensor, of_other, of_sensor._replace(at=1.5)] == played


def test_small_steps_back_do_not_add_up(capture: Path) -> None:
    """Records of two adapters alternate; if the steps back added up, all later packets would be played too early."""
    one = legacy_report(service_data(PACKET_A))
    stamps = [10.0, 9.5, 9.0, 8.5, 8.0, 9.0]
    capture.write_bytes(header() + b"".join(event(one, at_s=at_s) for at_s in [0, *stamps]))

    assert [0, 10, 9.5, 9, 9, 9, 10] == [sent.at for sent in load_capture(str(capture))]


def fragment(data: bytes, *, has_more: bool) -> bytes:
    """Return an extended report with a part of the data."""
    address = bytes.fromhex(SENDER.replace(":", ""))[::-1]
    radio = bytes([1, 1, 5, 127, 0xC4]) + bytes(9) + bytes([len(data)])
    return bytes([0x20 if has_more else 0, 0, 0]) + address + radio + data


def test_the_parts_that_two_adapters_heard_are_not_mixed(capture: Path) -> None:
    """Two adapters may hear the same sender; the parts that they report then alternate in the capture."""
    first, last = fragment(b"\x05\x16", has_more=True), fragment(b"\xd2\xfc", has_more=False)
    capture.write_bytes(
        header()
        + b"".join(event(part, controller=number, subevent=EXTENDED) for part in (first, last) for number in (0, 1))
    )

    assert [b"\x05\x16\xd2\xfc"] * 2 == [report.data for _at_s, report in load_reports(str(capture))]


def test_any_number_of_controllers_is_played(capture: Path) -> None:
    """A file may name 65,536 controllers, of which the replay remembers only some."""
    one = legacy_report(service_data(PACKET_A))
    capture.write_bytes(header() + b"".join(event(one, controller=number) for number in range(100)))

    assert [f"hci{number}" for number in range(100)] == [sent.adapter for sent in load_capture(str(capture))]


def test_the_times_of_reports_are_those_of_the_replay(capture: Path) -> None:
    """`decode` says when a packet was received; after the clock was set, the times must still match the replay."""
    one = legacy_report(service_data(PACKET_A))
    capture.write_bytes(header() + b"".join(event(one, at_s=at_s) for at_s in (9, 2, 3)))

    assert [0, 0, 1] == [at_s for at_s, _report in load_reports(str(capture))]


def test_a_large_capture_can_be_reduced(capture: Path) -> None:
    """A file of `btmon -w` grows by megabytes an hour; a replay holds it in memory, and must say how to reduce it."""
    one = event(legacy_report(service_data(PACKET_A)))
    other = record_bytes(Record(0, 0, 2, bytes(MAX_FILE_BYTES)))
    capture.write_bytes(header() + other + one)

    with pytest.raises(ConfigError, match=r"it has more than 10 MB\); reduce it: `ble-exporter capture NEW --replay"):
        load_capture(str(capture))

    assert 1 == len(list(load_events(str(capture), 2 * MAX_FILE_BYTES)))
