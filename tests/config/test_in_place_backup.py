"""The backup of a file that is written in place: who can read it, and when the service uses it."""

import errno
import os
import stat
import tempfile
from pathlib import Path

import pytest

from ble_exporter.config.in_place import backup_of_unfinished_write, write_in_place
from tests.config.test_in_place import NEW, OLD, acl, names_in


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with the old content."""
    path = tmp_path / "config.yaml"
    path.write_bytes(OLD)
    return path


def test_the_mask_of_an_access_control_list_opens_no_backup(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an access control list, the mode's group bits are a mask, and the file's group may have no read access."""
    try:
        os.setxattr(path, "system.posix_acl_access", acl(group=6, own_group=0))
    except OSError as error:
        pytest.skip(f"no access control lists in {path.parent}: {error.strerror}")

    assert 0o600 == mode_of_backup(path, monkeypatch, path.parent)


def test_a_backup_in_another_folder_is_for_its_owner_only(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of the file may keep the group out, and /var/tmp is open to all users."""
    path.chmod(0o640)
    other = tmp_path / "other"
    other.mkdir()

    assert (0o600, 0o640) == (
        mode_of_backup(path, monkeypatch, other),
        mode_of_backup(path, monkeypatch, path.parent),
    )


def mode_of_backup(path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> int:
    """Return the mode of the backup in `folder`, the only writable folder, while the file is written."""
    real = tempfile.mkstemp
    modes: list[int] = []

    def make(*, prefix: str, dir: str) -> tuple[int, str]:  # noqa: A002 - tempfile's name
        if Path(dir) != folder:
            raise OSError(errno.EROFS, "Read-only file system")
        return real(prefix=prefix, dir=dir)

    def write(descriptor: int, data: bytes, offset: int) -> int:
        modes.extend(stat.S_IMODE(file.stat().st_mode) for file in folder.glob("*.before-discover-*") if data == NEW)
        return len(data)

    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkstemp", make)
        patch.setattr(os, "pwrite", write)
        write_in_place(str(path), OLD, NEW, other_folder=str(folder))
    (mode,) = modes
    return mode


@pytest.mark.parametrize(("later_s", "is_found"), [(-86_400, False), (0, True), (59, True), (60, False)])
def test_only_the_backup_of_the_latest_change_is_found(path: Path, later_s: int, is_found: bool) -> None:
    """After the file was changed, or replaced by an older file, a forgotten backup must not bring back old devices."""
    backup = path.with_name("config.yaml.before-discover-x1")
    backup.write_bytes(OLD)
    os.utime(backup, (1_700_000_000, 1_700_000_000))
    os.utime(path, (1_700_000_000 + later_s, 1_700_000_000 + later_s))

    assert (str(backup) if is_found else "") == backup_of_unfinished_write(str(path))


def test_a_crash_does_not_prevent_the_next_process_with_the_same_number(tmp_path: Path) -> None:
    """In a container, every run may have the process ID 1, so a file left by a crash would block all later runs."""
    left = tmp_path / f".new.yaml.{os.getpid()}"
    left.write_bytes(b"ol")

    write_in_place(str(tmp_path / "new.yaml"), b"", NEW)

    assert NEW == (tmp_path / "new.yaml").read_bytes()
    assert {"new.yaml"} == names_in(tmp_path)
