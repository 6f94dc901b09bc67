"""The file with the replay guards' state: it is never written in part, and no content of it can do harm."""

import asyncio
import errno
import json
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ble_exporter.device.clock import Clock
from ble_exporter.formats.decoded import Counter
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.service.replay_state import (
    FILE_NAME,
    FIRST_SAVE_S,
    MOST_BYTES,
    SAVE_EVERY_S,
    Marks,
    ReplayState,
    boot_id,
    state_folder,
)
from ble_exporter.tasks import Tasks
from tests.radios import InVirtualTime
from tests.replay_runs import KEY, Run


def names_in(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())


async def at_once(write: Callable[[Marks], None], marks: Marks) -> None:
    """Write without a thread, because a virtual clock does not wait for threads."""
    write(marks)


@pytest.fixture
def ended(tmp_path: Path, log: logging.Logger) -> Path:
    """The folder after a run that heard a sensor, and was stopped."""
    run = Run(tmp_path, log)
    assert all(run.hear(*range(50_000, 50_010)))
    run.state.save()
    return tmp_path


@pytest.mark.parametrize(
    ("value", "folder"),
    [
        ("/var/lib/ble_exporter", Path("/var/lib/ble_exporter")),
        ("/var/lib/a:/var/lib/b", Path("/var/lib/a")),
        ("", None),
        ("relative", None),
    ],
)
def test_the_folder_is_the_one_that_systemd_names(value: str, folder: Path | None) -> None:
    """Without systemd there is no place for the file, and the program must not invent one."""
    assert folder == state_folder({"STATE_DIRECTORY": value})
    assert state_folder({}) is None


def test_the_identifier_of_the_boot_may_be_missing(tmp_path: Path) -> None:
    """In a container, the identifier may be missing, and the program must start nevertheless."""
    (tmp_path / "latin").write_bytes(b"\xff")

    assert ["", ""] == [boot_id(tmp_path / "missing"), boot_id(tmp_path / "latin")]
    assert boot_id() == boot_id()


def test_the_file_is_whole_and_private(ended: Path) -> None:
    """A power cut could destroy a file that is being written in place; a temporary file must not remain."""
    path = ended / FILE_NAME

    assert [FILE_NAME] == names_in(ended)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert {"version", "boot", "boot_s", "saved", "devices"} == set(json.loads(path.read_text()))


def test_the_file_does_not_contain_the_key(ended: Path) -> None:
    """The key of a sensor belongs only in the files that its owner has chosen."""
    text = (ended / FILE_NAME).read_text()

    assert KEY.hex() not in text.lower()
    assert [16] == [len(device["key"]) for device in json.loads(text)["devices"].values()]


def test_without_a_folder_nothing_is_kept(tmp_path: Path, log: logging.Logger) -> None:
    """A user who runs the program in a terminal must find no new files."""
    run = Run(None, log)
    run.hear(5)
    run.state.save()

    assert ([], 0) == (names_in(tmp_path), run.counts.state_write_failures)


def test_nothing_is_written_before_anything_was_heard(ended: Path, log: logging.Logger) -> None:
    """A program that can't listen, and restarts all the time, must not overwrite the state of an earlier run."""
    before = (ended / FILE_NAME).read_bytes()
    Run(ended, log, key=bytes(16)).state.save()

    assert before == (ended / FILE_NAME).read_bytes()


def replace(path: Path, make: Callable[[], object]) -> None:
    """Replace the file with another kind of file."""
    path.unlink()
    make()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "bytes": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "list": lambda path: path.write_text("[]"),
    "null": lambda path: path.write_text("null"),
    "nested": lambda path: path.write_text("[" * 100_000),
    "number of 5000 digits": lambda path: path.write_text('{"boot_s":' + "9" * 5000 + "}"),
    "not a number": lambda path: path.write_text(path.read_text().replace('"saved": 1', '"saved": NaN, "x": 1')),
    "other version": lambda path: path.write_text(path.read_text().replace('"version": 1', '"version": 2')),
    "no devices": lambda path: path.write_text(path.read_text().replace('"devices"', '"others"')),
    "damaged entry": lambda path: path.write_text(path.read_text().replace('"last": 5', '"last": -5')),
    "too big": lambda path: path.write_bytes(b" " * 5_000_000),
    "a folder": lambda path: replace(path, path.mkdir),
    "a pipe": lambda path: replace(path, lambda: os.mkfifo(path)),
    "/dev/zero": lambda path: replace(path, lambda: path.symlink_to("/dev/zero")),
    "a loop": lambda path: replace(path, lambda: path.symlink_to(path)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_can_t_be_used_is_named_once_and_does_no_harm(
    ended: Path, log: logging.Logger, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """SD cards lose and corrupt files, which must not cost readings: the sensor is heard as at the first start."""
    caplog.set_level(logging.WARNING)
    DAMAGES[damage](ended / FILE_NAME)

    assert [True] == Run(ended, log).hear(3)
    assert 1 == len(caplog.messages)
    assert f"the state of the replay guard in {ended / FILE_NAME} can't be used" in caplog.messages[0]


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        ("a folder", "it is a folder, not a file"),
        ("a pipe", "it is a named pipe, not a file"),
        ("/dev/zero", "it is a device, not a file"),
        ("a loop", "Too many levels of symbolic links"),
        ("too big", "it has more than 4 MB"),
    ],
)
def test_the_log_says_what_took_the_place_of_the_file(
    ended: Path, log: logging.Logger, damage: str, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The owner must learn what to remove. No file descriptor may stay open."""
    caplog.set_level(logging.WARNING)
    DAMAGES[damage](ended / FILE_NAME)
    before = names_in(Path("/proc/self/fd"))
    Run(ended, log)

    assert f"can't be used ({cause}): " in caplog.messages[0]
    assert before == names_in(Path("/proc/self/fd"))


def test_a_lost_file_is_a_first_start(tmp_path: Path, log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    """The file is always missing at the first start, so a warning would be a false alarm."""
    caplog.set_level(logging.DEBUG)

    assert [True] == Run(tmp_path / "missing", log).hear(3)
    assert [] == caplog.messages


def test_a_damaged_file_is_replaced_at_the_next_save(ended: Path, log: logging.Logger) -> None:
    """One bad sector must not switch the protection off for ever."""
    (ended / FILE_NAME).write_text("damaged")
    run = Run(ended, log)
    run.hear(50_020)
    run.state.save()

    assert [False] == Run(ended, log, now=run.now).hear(50_019)


def test_a_full_disk_is_warned_of_once_counted_and_survived(
    tmp_path: Path, log: logging.Logger, caplog: pytest.LogCaptureFixture, in_virtual_time: InVirtualTime
) -> None:
    """The readings matter more than the state: a failing write, as on a full disk, must not end the program."""
    caplog.set_level(logging.WARNING)
    folder = tmp_path / "later"
    run = Run(folder, log)
    run.hear(5)

    async def keep() -> None:
        async with Tasks() as tasks:
            tasks.start(run.state.keep(at_once))
            await asyncio.sleep(FIRST_SAVE_S + 2 * SAVE_EVERY_S + 1)
            assert (3, 1) == (run.counts.state_write_failures, len(caplog.messages))
            folder.mkdir()
            await asyncio.sleep(SAVE_EVERY_S)
            folder.rename(tmp_path / "moved")
            await asyncio.sleep(SAVE_EVERY_S)

    in_virtual_time(keep())

    assert [FILE_NAME] == names_in(tmp_path / "moved")
    assert (4, 2) == (run.counts.state_write_failures, len(caplog.messages))
    assert os.strerror(errno.ENOENT) in caplog.messages[0]


def test_a_state_that_is_too_big_is_kept_without_its_digests(tmp_path: Path, log: logging.Logger) -> None:
    """Hundreds of sensors with new batteries must not make the file so big that the next start refuses it."""
    keys = {f"A4:C1:38:00:00:{index:02X}": KEY for index in range(200)}
    state = ReplayState(tmp_path, keys, SelfMetrics(), log, clock=Clock())
    digests = [index.to_bytes(4, "big") for index in range(4096)]
    for address in keys:
        state.guard(address, 0.0).admit({"fcd2": Counter(5, 32)}, digests)
    state.save()
    restored = ReplayState(tmp_path, keys, SelfMetrics(), log, clock=Clock()).guard("A4:C1:38:00:00:01", 0.0)

    assert (tmp_path / FILE_NAME).stat().st_size < MOST_BYTES / 10
    assert [5] == [mark.last for mark in restored.marks(with_digests=False)]


def test_a_state_that_can_t_be_written_at_the_end_is_no_failure(tmp_path: Path, log: logging.Logger) -> None:
    """The exit status tells systemd whether to restart the program, and must not depend on the state file."""
    run = Run(tmp_path, log)
    run.hear(5)
    (tmp_path / FILE_NAME).mkdir()
    run.state.save()

    assert ([FILE_NAME], 1) == (names_in(tmp_path), run.counts.state_write_failures)


def test_what_was_left_of_an_interrupted_write_is_replaced(ended: Path, log: logging.Logger) -> None:
    """A temporary file may be left after a power cut; if it is a link, nothing may be written to the link's target."""
    temporary = (ended / FILE_NAME).with_suffix(".tmp")
    (ended / "precious").write_text("precious")
    temporary.symlink_to(ended / "precious")
    run = Run(ended, log)
    run.hear(50_010)
    run.state.save()

    assert {FILE_NAME, "precious"} == set(names_in(ended))
    assert "precious" == (ended / "precious").read_text()


def test_the_state_is_saved_early_and_then_every_few_minutes(
    tmp_path: Path, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """A killed program must forget only the latest counters, and an SD card must not wear out."""
    run = Run(tmp_path, log)
    run.hear(5)
    path = tmp_path / FILE_NAME
    written = []

    async def keep() -> None:
        async with Tasks() as tasks:
            tasks.start(run.state.keep(at_once))
            for minute in range(10):
                await asyncio.sleep(60)
                if path.exists():
                    path.unlink()
                    written.append(minute)

    in_virtual_time(keep())

    assert [0, 5] == written


def test_the_digests_are_written_only_at_the_end(
    tmp_path: Path, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """The digests of a sensor that was heard from its first counter on take kilobytes, too much to write all day."""
    run = Run(tmp_path, log)
    run.hear(*range(200))
    sizes = []

    async def keep() -> None:
        async with Tasks() as tasks:
            tasks.start(run.state.keep(at_once))
            await asyncio.sleep(60)
        sizes.append((tmp_path / FILE_NAME).stat().st_size)
        run.state.save()
        sizes.append((tmp_path / FILE_NAME).stat().st_size)

    in_virtual_time(keep())

    assert [True, True] == [sizes[0] < 400, sizes[1] > 200 * 4]
