"""The log file when it is moved, full, unwritable or a link: no failure is final, and each lost line is counted."""

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ble_exporter.logger import LogFile, StandardErrorLog, log_losses
from ble_exporter.system.streams import Losses


class Log:
    """A logger with one log file, the messages for standard error, and a clock."""

    def __init__(self, path: Path | str) -> None:
        self.told: list[str] = []
        self.now_s = 0.0
        self.handler = LogFile(str(path), self.told.append, lambda: self.now_s)
        self.logger = logging.getLogger("test of a log file")
        self.logger.addHandler(self.handler)
        self.logger.setLevel(logging.INFO)

    def write(self, *lines: str) -> None:
        """Log each line."""
        for line in lines:
            self.logger.info(line)

    def fill(self) -> None:
        """Log enough numbered lines for three files."""
        for number in range(300):
            self.logger.info(f"{number:03}".ljust(9_999, "x"))


@pytest.fixture
def open_log() -> Iterator[Callable[[Path | str], Log]]:
    """Return a function that opens a log; all are closed at the end."""
    logs: list[Log] = []

    def build(path: Path | str) -> Log:
        logs.append(Log(path))
        return logs[-1]

    yield build
    for log in logs:
        log.logger.removeHandler(log.handler)
        log.handler.close()


OpenLog = Callable[[Path | str], Log]


def moved(path: Path) -> None:
    """Move a file, as logrotate does."""
    path.rename(path.with_name("x.log.1"))


def replaced(path: Path) -> None:
    """Move a file, and create another one, as logrotate does with `create`."""
    moved(path)
    path.touch()


def truncated(path: Path) -> None:
    """Copy and empty a file, as logrotate does with `copytruncate`."""
    shutil.copy(path, path.with_name("x.log.1"))
    os.truncate(path, 0)


@pytest.mark.parametrize("rotate", [moved, replaced, truncated])
def test_a_log_that_logrotate_moved_is_opened_again(
    open_log: OpenLog, tmp_path: Path, rotate: Callable[[Path], None]
) -> None:
    """If the old file stayed open, all later lines would go to a file that nobody reads, or that is already deleted."""
    log = open_log(tmp_path / "x.log")
    log.write("before")
    rotate(tmp_path / "x.log")
    log.write("after")

    assert ["after\n", "before\n"] == [(tmp_path / name).read_text() for name in ("x.log", "x.log.1")]


def test_a_folder_that_was_removed_is_created_again(open_log: OpenLog, tmp_path: Path) -> None:
    """A user who deletes old logs may delete their folder, too, and must find the new lines there nevertheless."""
    log = open_log(tmp_path / "a" / "b" / "x.log")
    log.write("before")
    shutil.rmtree(tmp_path / "a")
    log.write("after")

    assert "after\n" == (tmp_path / "a" / "b" / "x.log").read_text()


def test_an_unwritable_log_says_so_once_and_comes_back(open_log: OpenLog, tmp_path: Path) -> None:
    """The loss of lines must be visible in the log and on standard error, but must not flood the journal."""
    folder = tmp_path / "logs"
    folder.touch()
    log = open_log(folder / "x.log")
    log.write("lost", "lost, too")
    assert Losses(2, "Not a directory") == log_losses(log.logger)
    folder.unlink()
    log.write("back")

    assert Losses(2, "") == log_losses(log.logger)
    note = "the log could not be written (Not a directory): 2 lines lost\n"
    assert f"{note}back\n" == (folder / "x.log").read_text()
    way_out = 'set log_file to another path, or to "-" for standard error'
    said = f"log_file: {folder}/x.log can't be written (Not a directory), so log lines are lost: {way_out}"
    assert [said] == log.told


def test_an_unwritable_log_says_so_again_after_an_hour(open_log: OpenLog) -> None:
    """An outage a month later is new to the user, but a disk that is full now and then must not fill the journal."""
    log = open_log("/dev/full")
    for log.now_s in (0.0, 1.0, 3599.0, 3600.0, 3601.0):
        log.write("lost")

    assert 2 == len(log.told)
    assert "/dev/full can't be written (No space left on device)" in log.told[0]
    assert "free some space on its disk" in log.told[0]


def test_a_read_only_file_system_is_the_systemd_unit_s(open_log: OpenLog, tmp_path: Path) -> None:
    """The message must name the unit's setting, because other file permissions would not help."""
    log = open_log(tmp_path / "x.log")
    log.handler.note_failure(OSError(errno.EROFS, "Read-only file system"))

    assert "in a systemd unit, add its folder to ReadWritePaths=, or set log_file to another path" in log.told[0]


def test_a_log_that_cannot_be_renamed_keeps_its_newest_half(
    open_log: OpenLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A file that is mounted into a container, or is in another user's folder, can't be renamed, but must stay small.

    The test makes renaming fail, because root may rename any file.
    """

    def replace(_path: Path, _target: Path) -> Path:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", replace)
    log = open_log(tmp_path / "x.log")
    log.fill()
    lines = (tmp_path / "x.log").read_text().splitlines()

    assert [tmp_path / "x.log"] == list(tmp_path.iterdir())
    assert (True, 299) == (50 <= len(lines) <= 100, int(lines[-1][:3]))
    assert [int(line[:3]) for line in lines] == list(range(300 - len(lines), 300))
    assert Losses() == log_losses(log.logger)


def test_a_predecessor_that_cannot_be_replaced_does_not_stop_the_log(open_log: OpenLog, tmp_path: Path) -> None:
    """If a predecessor can't be replaced, the file must still get the newest lines, which users need most."""
    (tmp_path / "x.log.1").mkdir()
    log = open_log(tmp_path / "x.log")
    log.fill()

    assert "299" == (tmp_path / "x.log").read_text().splitlines()[-1][:3]
    assert Losses() == log_losses(log.logger)


def test_of_a_link_the_file_is_rotated(open_log: OpenLog, tmp_path: Path) -> None:
    """The user chose the link's target, perhaps on another disk, and the link must keep leading to it."""
    link = tmp_path / "x.log"
    link.symlink_to(tmp_path / "disk" / "real.log")
    log = open_log(link)
    log.fill()

    assert link.is_symlink()
    assert {"real.log", "real.log.1", "real.log.2"} == {path.name for path in (tmp_path / "disk").iterdir()}


def test_the_file_of_a_standard_stream_is_not_rotated(open_log: OpenLog, tmp_path: Path) -> None:
    """With `log_file: /dev/stdout`, rotation would rename the link in /dev, or the file that receives the output."""
    before = os.dup(1)
    try:
        with (tmp_path / "out").open("wb") as out:
            os.dup2(out.fileno(), 1)
            link = tmp_path / "stdout"
            link.symlink_to("/proc/self/fd/1")
            open_log(link).fill()
    finally:
        os.dup2(before, 1)
        os.close(before)

    assert {"out", "stdout"} == {path.name for path in tmp_path.iterdir()}
    assert 3_000_000 == (tmp_path / "out").stat().st_size


def test_a_named_pipe_without_a_reader_does_not_block(open_log: OpenLog, tmp_path: Path) -> None:
    """If opening the pipe waited for a reader, the event loop would stop, and with it the radio."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    log = open_log(path)
    log.write("lost")
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    log.write("heard")

    assert b"the log could not be written (no program reads it): 1 line lost\nheard\n" == os.read(reader, 1000)
    os.close(reader)


def test_a_named_pipe_whose_reader_has_gone_says_so(open_log: OpenLog, tmp_path: Path) -> None:
    """The words "Broken pipe" would not tell a user that no program reads the pipe."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    log = open_log(path)
    os.close(reader)
    log.write("lost")

    assert Losses(1, "no program reads it") == log_losses(log.logger)


def test_a_full_pipe_loses_whole_lines(open_log: OpenLog) -> None:
    """After the reader has caught up, the log says how many lines are missing, and continues at the start of a line."""
    reader, writer = os.pipe()
    handler = StandardErrorLog(writer)
    logger = logging.getLogger("test of a pipe")
    logger.addHandler(handler)
    count = 0
    while not handler.losses.lines:
        count += 1
        logger.warning("y" * 9_999)
    logger.warning("lost")
    lost = handler.losses.lines
    text = os.read(reader, 1_000_000).decode()
    logger.warning("back")
    logger.removeHandler(handler)
    handler.close()

    assert (2, "y" * 9_999) == (lost, text.splitlines()[0])
    assert text.endswith("\n") or not text.endswith("y" * 9_999)
    rest = os.read(reader, 1_000_000).decode().lstrip("\n")
    assert "the log could not be written (no program reads it): 2 lines lost\nback\n" == rest
    os.close(reader)
    os.close(writer)
