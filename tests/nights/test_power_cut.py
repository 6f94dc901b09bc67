"""
Power cuts: each file that the program writes can be read afterwards, and has its old or its new content.

A killed process does not show whether the disk has the content. The order of writing, flushing and renaming is tested
separately, by the content of the files at each flush.
"""

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ble_exporter.config.app_config import load_config, warnings_of
from ble_exporter.config.in_place import write_in_place
from ble_exporter.logger import LogFile
from ble_exporter.service.replay_state import FILE_NAME
from tests.conftest import HERE
from tests.nights import IS_LONG
from tests.nights.power_cuts import WRITERS
from tests.replay_runs import Run

CUTS = 1000 if IS_LONG else 40
# A flush to a disk takes longer than everything else, and a killed process shows nothing about it.
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of the test's own in it


@pytest.mark.night
@pytest.mark.program
@pytest.mark.parametrize("name", WRITERS)
def test_a_kill_leaves_the_old_or_the_new_content(
    name: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A Pi may lose its power at any moment, and must then start again without help, and with its latest files."""
    folder = MEMORY / f"power-cuts-{os.getpid()}-{name}" if os.access(MEMORY, os.W_OK) else tmp_path
    folder.mkdir(exist_ok=True)
    try:
        command = [sys.executable, "-m", "tests.nights.power_cuts", name, str(CUTS), str(folder)]
        done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    assert not done.stderr
    result = json.loads(done.stdout)
    print(name, result)  # noqa: T201 - the figures are for the reader of a long run

    assert ([], CUTS) == (result["faults"], result["cuts"])
    assert result["writes"] > 0


def test_the_state_is_on_the_disk_before_it_takes_its_place(
    tmp_path: Path, log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the file were renamed before it was flushed, a power cut could leave an empty file under the final name."""
    run = Run(tmp_path, log)
    run.hear(50_000)
    run.state.save()
    path, temporary = tmp_path / FILE_NAME, (tmp_path / FILE_NAME).with_suffix(".tmp")
    old = path.read_bytes()
    flushed: list[tuple[bool, bytes, bytes]] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        is_folder = os.path.samestat(os.fstat(descriptor), tmp_path.stat())
        flushed.append((is_folder, temporary.read_bytes() if temporary.exists() else b"", path.read_bytes()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    run.hear(50_001)
    run.state.save()
    new = path.read_bytes()

    assert [(False, new, old), (True, b"", new)] == flushed


def test_a_new_configuration_appears_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of a configuration would prevent the next start of the service, or be read as if it were complete."""
    path = tmp_path / "config.yaml"
    flushed: list[tuple[bool, bool]] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        flushed.append((os.path.samestat(os.fstat(descriptor), tmp_path.stat()), path.exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_in_place(str(path), b"", b"new\n")

    assert [(False, False), (True, True)] == flushed


SETTINGS = (
    "scan_interval_seconds: 30\nscan_duration_seconds: 30\nlisten_port: 8000\ndevices: {A4:C1:38:00:00:01: attic}\n"
)


def interrupted(folder: Path) -> tuple[Path, Path]:
    """Return a configuration that a power cut has damaged, and its backup."""
    path, backup = folder / "config.yaml", folder / "config.yaml.before-discover-x"
    backup.write_text(SETTINGS)
    path.write_text(SETTINGS + "\0\0\0")
    return path, backup


def test_the_service_starts_after_the_configuration_was_damaged(tmp_path: Path) -> None:
    """If the service did not use the backup, weeks of readings could be lost until somebody copies it back."""
    path, backup = interrupted(tmp_path)
    config = load_config(str(path))

    assert ({"A4:C1:38:00:00:01": "attic"}, str(backup)) == (config.devices, config.backup)
    assert re.fullmatch(
        r"`discover --write` was interrupted, so .* read from its backup: copy .*before-discover-x back",
        warnings_of(config)[0],
    )


def test_a_backup_of_long_ago_is_not_used(tmp_path: Path) -> None:
    """A user's own mistake must be reported, not silently replaced by the content of months ago."""
    path, backup = interrupted(tmp_path)
    os.utime(backup, (path.stat().st_mtime - 61,) * 2)

    with pytest.raises(ValueError, match="has the content from before `discover --write` was interrupted"):
        load_config(str(path))


@pytest.mark.parametrize("content", ["", "\0" * 100, "listen_port: 1"])
def test_a_backup_that_is_invalid_is_not_used(tmp_path: Path, content: str) -> None:
    """The user must repair the file itself, so its own error helps more than that of the backup."""
    path, backup = interrupted(tmp_path)
    backup.write_text(content)

    with pytest.raises(ValueError, match=r"config\.yaml:5"):
        load_config(str(path))


@pytest.mark.parametrize(("mode", "expected"), [(0o640, 0o640), (0o644, 0o640), (0o600, 0o600)])
def test_who_reads_the_configuration_reads_its_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, expected: int
) -> None:
    """The service, which is in the file's group, must be able to read a backup that root wrote before a power cut."""
    path = tmp_path / "config.yaml"
    path.write_bytes(b"old")
    path.chmod(mode)
    seen: list[tuple[int, int]] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        seen.extend((one.stat().st_mode & 0o777, one.stat().st_gid) for one in tmp_path.glob("*.before-discover-*"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_in_place(str(path), b"old", b"new")

    assert (expected, path.stat().st_gid) == seen[-1]


def test_a_line_that_was_cut_off_stays_alone(tmp_path: Path) -> None:
    """The first line after a power cut says when the program started, and must not continue half a line."""
    path = tmp_path / "x.log"
    path.write_text("whole\nhal")
    handler = LogFile(str(path), print)
    log = logging.Logger("log")
    log.addHandler(handler)
    for text in ("start", "next"):
        log.info(text)
    handler.close()

    assert ["whole", "hal", "start", "next"] == path.read_text().splitlines()


def test_an_interrupted_rotation_is_finished_by_the_next(tmp_path: Path) -> None:
    """If the program is killed after it has renamed the log, but not its predecessors, no recent file may be lost."""
    for name in ("x.log.0", "x.log.1", "x.log.2", "x.log.3"):
        (tmp_path / name).write_text(name)
    handler = LogFile(str(tmp_path / "x.log"), print)
    handler.maxBytes = 10
    log = logging.Logger("log")
    log.addHandler(handler)
    for text in ("before", "after"):
        log.info(text)
    handler.close()

    contents = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {"x.log": "after\n", "x.log.1": "before\n", "x.log.2": "x.log.0", "x.log.3": "x.log.1"} == contents
