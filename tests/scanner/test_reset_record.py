"""The file that keeps resets across restarts of the program, and the request for help."""

import os
from pathlib import Path

import pytest

from ble_exporter.scanner.reset_policy import Resets
from ble_exporter.scanner.reset_record import (
    FILE_NAME,
    ResetRecord,
    read_resets,
    runtime_folder,
)


def test_the_next_program_knows_the_resets(tmp_path: Path) -> None:
    """A program that is restarted again and again must not reset the adapter again and again."""
    record = ResetRecord(tmp_path)
    record.of("hci0").begin(100.0)
    record.save()

    assert Resets([100.0], fruitless=1) == ResetRecord(tmp_path).of("hci0")


def test_it_names_the_adapters_that_are_off(tmp_path: Path) -> None:
    """If the configuration names an adapter, the program must not touch another one."""
    record = ResetRecord(tmp_path)
    record.of("hci0").is_off = record.of("hci1").is_off = True
    record.of("hci2")
    record.save()

    after = ResetRecord(tmp_path)
    assert (["hci0", "hci1"], ["hci1"], []) == (after.left_off(None), after.left_off("hci1"), after.left_off("hci2"))


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"{", b"[]", b"[" * 9000, b'{"hci0": 5, "../x": {"is_off": true}}', b" " * 20_000]
)
def test_a_damaged_file_is_ignored(tmp_path: Path, content: bytes) -> None:
    """A damaged record must not keep the radio from working."""
    (tmp_path / FILE_NAME).write_bytes(content)

    record = ResetRecord(tmp_path)

    assert (Resets(), []) == (record.of("hci0"), record.left_off(None))


def test_a_folder_that_cannot_be_written_is_only_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A reset that may help is more important than its record."""
    record = ResetRecord(tmp_path / "missing")
    record.of("hci0").begin(0.0)
    record.save()

    assert 1 == len([one for one in caplog.records if "can't be written (No such file or directory)" in one.message])


def test_without_a_folder_nothing_is_written() -> None:
    """Without systemd, there is no runtime folder, and resets are recorded only in memory."""
    record = ResetRecord()
    record.of("hci0").begin(1.0)
    record.save()

    assert 1 == record.of("hci0").fruitless


def test_a_request_ends_with_the_next_start(tmp_path: Path) -> None:
    """Root resets the adapter before the next start; only the time of the request stays, to delay another request."""
    record = ResetRecord(tmp_path)
    record.of("hci3").ask_root(7.0)
    record.save()
    before = read_resets(tmp_path / FILE_NAME)
    ResetRecord(tmp_path)

    after = read_resets(tmp_path / FILE_NAME)
    assert [(True, 7.0), (False, 7.0)] == [(it["hci3"].needs_root, it["hci3"].asked_at) for it in (before, after)]


def test_the_next_program_goes_on_counting(tmp_path: Path) -> None:
    """If each program counted from 0, no scrape would show the last reset before a program ends."""
    ResetRecord(tmp_path).count("hci0", "silent")
    record = ResetRecord(tmp_path)
    record.count("hci0", "silent")
    record.count("hci1", "heard")

    assert {("hci0", "silent"): 2, ("hci1", "heard"): 1} == record.counts == ResetRecord(tmp_path).counts


def test_a_record_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """Root reads the record, and must not wait for a pipe, nor read a file that the exporter's user can't read."""
    record = ResetRecord(tmp_path)
    record.of("hci0").ask_root(0.0)
    record.save()
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(tmp_path / FILE_NAME)
    os.mkfifo(pipe)

    assert [1, 0, 0] == [len(read_resets(path)) for path in (tmp_path / FILE_NAME, link, pipe)]


@pytest.mark.parametrize(
    ("value", "expected"), [("/run/a", Path("/run/a")), ("/run/a:/run/b", Path("/run/a")), ("", None), ("a", None)]
)
def test_the_folder_is_that_of_systemd(value: str, expected: Path | None) -> None:
    """The unit may have several folders, and other programs may set the variable to anything."""
    assert expected == runtime_folder({"RUNTIME_DIRECTORY": value})
    assert runtime_folder({}) is None
