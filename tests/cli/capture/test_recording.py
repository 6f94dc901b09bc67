"""Tests of the file that `capture` writes."""

import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.cli.capture.recording import MOST_SENDERS, Recording
from ble_exporter.errors import ConfigError
from ble_exporter.scanner.btsnoop import EVENT, Record, new_index, records
from tests.conftest import PACKET_A
from tests.scanner.monitor_frames import SENDER, frame, legacy_report, service_data

MEGABYTE = 10**6
STRANGER = "5A:00:00:00:00:01"
OF_SENSOR = legacy_report(service_data(PACKET_A))
OF_STRANGER = legacy_report(b"\x0a\x09Neighbour", sender=STRANGER)


def event(*reports: bytes) -> bytes:
    """Return an HCI event with these reports."""
    return frame(*reports)[6:]


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """During the block, let no file grow beyond this size, as if the disk were full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a file that does not exist yet."""
    return tmp_path / "home.btsnoop"


def test_events_are_recorded_unchanged(path: Path) -> None:
    """A bug in how the exporter reads events, even damaged ones, can be found only in the unchanged events."""
    recording = Recording(str(path), MEGABYTE)
    both, damaged = event(OF_SENSOR, OF_STRANGER), event(OF_SENSOR) + b"\0"
    recording.add(both, 10, 0)
    recording.add(damaged, 20, 1)
    recording.close()

    assert [
        new_index(10, 0),
        Record(10, 0, EVENT, both),
        new_index(20, 1),
        Record(20, 1, EVENT, damaged),
    ] == list(records(path.read_bytes()))
    assert (3, {SENDER, STRANGER}) == (recording.packets, recording.senders)
    assert path.stat().st_size == recording.size


def test_other_devices_are_left_out(path: Path) -> None:
    """A bug report must not publish neighbours' addresses and names, even if their packets share the sensor's event."""
    recording = Recording(str(path), MEGABYTE, {SENDER})
    recording.add(event(OF_SENSOR, OF_STRANGER, OF_SENSOR), 10, 0)
    recording.add(event(OF_STRANGER), 20, 0)
    recording.close()

    expected = [new_index(10, 0), *[Record(at_us, 0, EVENT, event(OF_SENSOR)) for at_us in (10, 10)]]
    assert expected == list(records(path.read_bytes()))
    assert (2, 2, {SENDER}) == (recording.packets, recording.left_out, recording.senders)


@given(st.binary(max_size=80))
def test_no_bytes_bring_another_sender_into_the_file(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Whatever bytes an event has, no data of another sender may get into the file."""
    path = tmp_path_factory.mktemp("capture") / "x"
    recording = Recording(str(path), MEGABYTE, {SENDER})
    recording.add(event(OF_SENSOR), 0, 0)
    recording.add(data, 1, 0)
    recording.add(event(OF_SENSOR)[:3] + b"\2" + event(OF_SENSOR)[4:] + data, 2, 0)
    recording.close()

    kept = [one.packet for one in records(path.read_bytes()) if one.opcode == EVENT]
    assert {event(OF_SENSOR)} == set(kept)


def test_the_size_is_bounded(path: Path) -> None:
    """A capture that was forgotten must not fill the disk."""
    recording = Recording(str(path), 500)
    while not recording.end:
        recording.add(event(OF_SENSOR), 0, 0)
    recording.add(event(OF_SENSOR), 0, 0)
    recording.close()

    assert "full" == recording.end
    assert 500 - 100 < recording.size == path.stat().st_size <= 500
    assert recording.packets == len([one for one in records(path.read_bytes()) if one.opcode == EVENT])


def test_senders_are_counted_up_to_a_limit(path: Path) -> None:
    """Anybody can send from any number of addresses, and counting them must not fill the memory."""
    recording = Recording(str(path), MEGABYTE)
    for number in range(MOST_SENDERS + 10):
        recording.add(event(legacy_report(b"", sender=number.to_bytes(6, "big").hex(":"))), 0, 0)
    recording.close()

    assert MOST_SENDERS == len(recording.senders)


def test_an_existing_file_is_not_overwritten(path: Path) -> None:
    """The file may be the capture of a fault that does not occur again."""
    path.write_bytes(b"precious")

    with pytest.raises(ConfigError, match="the file exists; choose another name, or overwrite it with --force"):
        Recording(str(path), MEGABYTE)

    assert b"precious" == path.read_bytes()


def test_an_existing_file_is_overwritten_on_request(path: Path) -> None:
    """If the old file was longer, nothing of it may remain after the new records."""
    path.write_bytes(b"x" * 1000)
    recording = Recording(str(path), MEGABYTE, overwrites=True)
    recording.add(event(OF_SENSOR), 0, 0)
    recording.close()

    assert 2 == len(list(records(path.read_bytes())))


def test_only_the_user_can_read_the_file(path: Path) -> None:
    """The file may contain the addresses of other people's devices."""
    recording = Recording(str(path), MEGABYTE)
    recording.add(event(OF_SENSOR), 0, 0)
    recording.close()

    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_a_file_without_packets_is_removed(path: Path) -> None:
    """An empty capture is of no use, and the next attempt would need --force to overwrite it."""
    Recording(str(path), MEGABYTE).close()

    assert not path.exists()


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    """The error must come before the recording, not after it."""
    with pytest.raises(ConfigError, match=r"x: the file can't be written \(No such file or directory\)"):
        Recording(str(tmp_path / "nothing" / "x"), MEGABYTE)


def test_something_else_than_a_file_is_refused(tmp_path: Path) -> None:
    """A capture into a named pipe would end when the reader of the pipe ends."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    with pytest.raises(ConfigError, match="this is not a regular file; choose another name"):
        Recording(str(pipe), MEGABYTE, overwrites=True)

    os.close(reader)


def test_a_full_disk_leaves_whole_records(path: Path) -> None:
    """The packets recorded before the disk was full are useful, and the user must learn why the file ends."""
    recording = Recording(str(path), MEGABYTE)
    recording.add(event(OF_SENSOR), 0, 0)
    whole = path.read_bytes()
    with file_limit(len(whole) + 10):
        recording.add(event(OF_SENSOR), 0, 0)
    recording.close()

    assert "File too large" == recording.end
    assert whole == path.read_bytes()


def test_a_replaced_file_keeps_its_content_until_the_end(path: Path) -> None:
    """If the radio fails, the old capture must remain: it may show a fault that does not occur again."""
    path.write_bytes(b"precious")
    recording = Recording(str(path), MEGABYTE, overwrites=True)
    recording.add(event(OF_SENSOR), 0, 0)

    assert b"precious" == path.read_bytes()

    recording.close(keeps=False)

    assert b"precious" == path.read_bytes()
    assert [path] == list(path.parent.iterdir())


@pytest.mark.parametrize("fails", ["on the radio", "on the disk"])
def test_a_part_is_kept_beside_the_old_file(path: Path, fails: str) -> None:
    """Neither the old capture nor the recorded part can be recorded again."""
    path.write_bytes(b"precious")
    recording = Recording(str(path), MEGABYTE, overwrites=True)
    recording.add(event(OF_SENSOR), 0, 0)
    if fails == "on the disk":
        with file_limit(recording.size + 10):
            recording.add(event(OF_SENSOR), 0, 0)
    recording.close(is_whole=fails != "on the radio")

    assert b"precious" == path.read_bytes()
    assert 2 == len(list(records(Path(recording.kept_as).read_bytes())))
    assert recording.kept_as.startswith(f"{path}.part-")


def test_a_part_that_replaces_nothing_gets_its_name(path: Path) -> None:
    """With `--force`, a user should find the recorded part under the given name if there is no old file."""
    recording = Recording(str(path), MEGABYTE, overwrites=True)
    recording.add(event(OF_SENSOR), 0, 0)
    recording.close(is_whole=False)

    assert [path] == list(path.parent.iterdir())
    assert str(path) == recording.kept_as


def test_a_file_is_not_replaced_by_nothing(path: Path) -> None:
    """If nothing is recorded, as with a wrong --only, the symbolic link and its target must stay as they were."""
    target = path.with_name("target")
    target.write_bytes(b"precious")
    path.symlink_to(target)

    Recording(str(path), MEGABYTE, overwrites=True).close()

    assert path.is_symlink()
    assert b"precious" == path.read_bytes()


def test_through_a_link_its_file_is_replaced(path: Path) -> None:
    """The user may keep the captures on another disk, and link to them."""
    target = path.with_name("target")
    target.write_bytes(b"old")
    path.symlink_to(target)
    recording = Recording(str(path), MEGABYTE, overwrites=True)
    recording.add(event(OF_SENSOR), 0, 0)
    recording.close()

    assert path.is_symlink()
    assert 2 == len(list(records(target.read_bytes())))
    assert 0o600 == stat.S_IMODE(target.stat().st_mode)


CUT_SHORT = event(OF_SENSOR[:-3])


@pytest.mark.parametrize("damaged", [event(OF_SENSOR) + b"\0", event(OF_SENSOR + b"\0"), CUT_SHORT, CUT_SHORT[:13]])
def test_a_damaged_event_of_the_sensor_stays_as_it_is(path: Path, damaged: bytes) -> None:
    """The damage may be the fault that the user reports, so `--only` must keep damaged events of the user's sensor."""
    recording = Recording(str(path), MEGABYTE, {SENDER})
    recording.add(damaged, 0, 0)
    recording.close()

    assert [damaged] == [one.packet for one in records(path.read_bytes()) if one.opcode == EVENT]
    assert (1, 0) == (recording.packets, recording.damaged)


@pytest.mark.parametrize(
    "damaged",
    [
        event(OF_SENSOR, OF_STRANGER[:-3]),
        event(OF_SENSOR, OF_STRANGER[:7]),
        event(OF_SENSOR + OF_STRANGER[:8]),
        event(OF_STRANGER[:-3]),
        event(OF_SENSOR[:5]),
    ],
)
def test_damaged_events_that_may_be_from_other_devices_are_counted(path: Path, damaged: bytes) -> None:
    """A damaged event may contain a neighbour's data, so only the number of such events may be published."""
    recording = Recording(str(path), MEGABYTE, {SENDER})
    recording.add(event(OF_SENSOR), 0, 0)
    recording.add(damaged, 0, 0)
    recording.close()

    assert {event(OF_SENSOR)} == {one.packet for one in records(path.read_bytes()) if one.opcode == EVENT}
    assert 1 == recording.damaged


def test_damage_alone_is_a_capture(path: Path) -> None:
    """If a controller damages all events, the file is the only evidence."""
    recording = Recording(str(path), MEGABYTE)
    recording.add(event(OF_SENSOR[:5]), 0, 0)
    recording.close()

    assert 1 == recording.packets
    assert path.exists()
