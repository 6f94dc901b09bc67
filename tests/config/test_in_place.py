"""Writing a file in place: the file stays the same file, and a crash or an error never loses its content."""

import errno
import os
import shutil
import stat
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from ble_exporter.config.in_place import backups_of, check_writable, write_in_place
from ble_exporter.errors import ConfigError
from tests.conftest import HERE

OLD, NEW = b"old: 1\n", b"old: 1\nnew: 2\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with the old content."""
    path = tmp_path / "config.yaml"
    path.write_bytes(OLD)
    return path


def names_in(folder: Path) -> set[str]:
    """Return the names of the files in a folder."""
    return {file.name for file in folder.iterdir()}


def test_everything_that_belongs_to_the_file_stays(path: Path) -> None:
    """A new file would break hard links and mounts, and lose the attributes that were not copied."""
    path.chmod(0o664)
    if os.geteuid() == 0:
        os.chown(path, 1, 2)
    os.link(path, path.with_name("hard"))
    before = path.stat()

    write_in_place(str(path), OLD, NEW)

    after = path.stat()
    assert (before.st_ino, before.st_mode, before.st_uid, before.st_gid) == (
        after.st_ino,
        after.st_mode,
        after.st_uid,
        after.st_gid,
    )
    assert NEW == path.with_name("hard").read_bytes()
    assert {"config.yaml", "hard"} == names_in(path.parent)


def test_extended_attributes_stay(path: Path) -> None:
    """SELinux and backup programs keep their data in extended attributes."""
    try:
        os.setxattr(path, "user.note", b"mine")
    except OSError as error:
        pytest.skip(f"no extended attributes in {path.parent}: {error.strerror}")

    write_in_place(str(path), OLD, NEW)

    assert b"mine" == os.getxattr(path, "user.note")


def acl(group: int, own_group: int = 4) -> bytes:
    """Return an access control list in the kernel's format: user 1 may read, and group 3 has the rights `group`."""
    entries = [(0x01, 6, -1), (0x02, 4, 1), (0x04, own_group, -1), (0x08, group, 3), (0x10, 6, -1), (0x20, 0, -1)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)


def test_access_control_lists_stay(path: Path) -> None:
    """If only the mode were restored, the file's own group would get the rights that the list gives another group."""
    try:
        os.setxattr(path, "system.posix_acl_access", acl(group=6))
    except OSError as error:
        pytest.skip(f"no access control lists in {path.parent}: {error.strerror}")

    write_in_place(str(path), OLD, NEW)

    assert acl(group=6) == os.getxattr(path, "system.posix_acl_access")


@pytest.mark.parametrize(("mode", "expected"), [(0o664, 0o640), (0o600, 0o600), (0o444, 0o440)])
def test_a_file_with_a_key_is_not_for_others(path: Path, mode: int, expected: int) -> None:
    """Anybody who can read the key can forge the sensor's packets."""
    path.chmod(mode)
    if not os.access(path, os.W_OK):
        pytest.skip("this user can't write a read-only file")

    write_in_place(str(path), OLD, NEW, holds_key=True)

    assert oct(expected) == oct(stat.S_IMODE(path.stat().st_mode))


def is_full(_descriptor: int, _data: bytes, _offset: int) -> int:
    """Fail, as on a full disk."""
    raise OSError(errno.ENOSPC, "No space left on device")


def test_an_error_while_writing_restores_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On some file systems a disk can fill up although room was reserved, and the old content must not be lost."""
    path.chmod(0o664)
    real = os.pwrite

    def write(descriptor: int, data: bytes, offset: int) -> int:
        return is_full(descriptor, data, offset) if data == NEW[5:] else real(descriptor, data[:5], offset)

    monkeypatch.setattr(os, "pwrite", write)
    with pytest.raises(ConfigError, match=r"config\.yaml: can't be written \(No space left on device\); make room"):
        write_in_place(str(path), OLD, NEW, holds_key=True)

    assert (OLD, 0o664) == (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
    assert {"config.yaml"} == names_in(path.parent)


def test_if_the_file_can_not_be_restored_the_backup_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user can copy the backup over the broken file; the service, which is in the file's group, can read both."""
    path.chmod(0o640)
    real = os.ftruncate

    def truncate(descriptor: int, size: int) -> None:
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor, size)

    monkeypatch.setattr(os, "ftruncate", truncate)
    with pytest.raises(ConfigError, match=r"can't be restored .*; its old content is in ") as caught:
        write_in_place(str(path), OLD, NEW)

    (backup,) = backups_of(str(path))
    assert backup in str(caught.value)
    assert (OLD, 0o640) == (Path(backup).read_bytes(), stat.S_IMODE(Path(backup).stat().st_mode))


@pytest.mark.program
def test_after_a_crash_the_backup_has_the_old_content(path: Path) -> None:
    """If the power fails during the write, the file may have any content, and only the backup helps."""
    program = (
        "import os; from ble_exporter.config.in_place import write_in_place as write\n"
        "real = os.pwrite\n"
        f"os.pwrite = lambda fd, data, at: real(fd, data, at) if data == {OLD!r} else os.kill(os.getpid(), 9)\n"
        f"write({str(path)!r}, {OLD!r}, {NEW!r})"
    )
    status = subprocess.run([sys.executable, "-c", program], cwd=HERE.parent, check=False).returncode

    (backup,) = backups_of(str(path))
    assert (-9, OLD) == (status, Path(backup).read_bytes())


def test_a_backup_may_be_in_another_folder(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container, often only the file itself is mounted, and its folder is read-only."""
    other = tmp_path / "other"
    other.mkdir()
    real = os.open
    opened: list[str] = []

    def open_elsewhere(name: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & os.O_CREAT and Path(name).parent == path.parent:
            raise OSError(errno.EROFS, "Read-only file system")
        opened.append(str(name))
        return real(name, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", open_elsewhere)
    check_writable(str(path), OLD, NEW, str(other))
    write_in_place(str(path), OLD, NEW, other_folder=str(other))

    assert NEW == path.read_bytes()
    assert 2 == len([name for name in opened if name.startswith(f"{other}/")])
    with pytest.raises(ConfigError, match=r"can't be written \(Read-only file system\); name a file on a writable"):
        check_writable(str(path), OLD, NEW, str(path.parent))


def test_a_new_file_is_removed_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service would refuse a partly written configuration at its next start."""
    monkeypatch.setattr(os, "pwrite", is_full)
    with pytest.raises(ConfigError, match="No space left on device"):
        write_in_place(str(tmp_path / "new.yaml"), b"", NEW)

    assert set() == names_in(tmp_path)


def test_a_full_disk_is_noticed_before_listening(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a full disk were noticed later, the user would have answered the questions in vain."""
    real = os.fstatvfs

    def full(descriptor: int) -> os.statvfs_result:
        fields = list(real(descriptor))
        fields[3] = fields[4] = 0
        return os.statvfs_result(fields)

    monkeypatch.setattr(os, "fstatvfs", full)
    with pytest.raises(ConfigError, match=r"can't be written \(No space left on device\); make room"):
        check_writable(str(path), OLD, NEW + b"x" * 1_000_000)


def test_the_check_changes_nothing(path: Path) -> None:
    """The check precedes the questions, and a user who chooses no sensor expects an unchanged file."""
    before = path.stat()

    check_writable(str(path), OLD, NEW)
    check_writable(str(path.with_name("new.yaml")), b"", NEW)

    assert (before.st_mtime_ns, before.st_size) == (path.stat().st_mtime_ns, path.stat().st_size)
    assert {"config.yaml"} == names_in(path.parent)


@pytest.mark.program
def test_a_mounted_file_can_be_written(path: Path) -> None:
    """Docker can mount a single file, which can't be replaced by renaming another file."""
    source = path.with_name("source")
    source.write_bytes(OLD)
    script = (
        'mount --bind "$1" "$2" || exit 77; exec "$3" -c "import sys; '
        "from ble_exporter.config.in_place import check_writable, write_in_place; arguments = (sys.argv[1], "
        f'{OLD!r}, {NEW!r}); check_writable(*arguments); write_in_place(*arguments)" "$2"'
    ).replace("\\", "\\\\")
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(source), str(path), sys.executable]
    done = (
        subprocess.run(command, cwd=HERE.parent, capture_output=True, check=False) if shutil.which("unshare") else None
    )
    if done is None or done.returncode == 77 or b"unshare failed" in done.stderr:
        pytest.skip("this user can't mount")

    assert (0, NEW, OLD) == (done.returncode, source.read_bytes(), path.read_bytes())


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_that_reserves_no_room_is_written(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Some network file systems can't reserve room, which is no reason to refuse the file."""

    def not_supported(_descriptor: int, _offset: int, _size: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", not_supported)
    write_in_place(str(path), OLD, NEW)

    assert NEW == path.read_bytes()


def test_a_disk_without_room_leaves_the_file_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reservation fails before the file is changed, and no part of a backup may stay."""

    def no_room(_descriptor: int, _offset: int, size: int) -> None:
        if size == len(NEW):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", no_room)
    with pytest.raises(ConfigError, match=r"can't be written \(No space left on device\); make room"):
        write_in_place(str(path), OLD, NEW)
    with pytest.raises(ConfigError, match="No space left on device"):
        write_in_place(str(path), NEW, OLD, other_folder=str(path.parent))

    assert OLD == path.read_bytes()
    assert {"config.yaml"} == names_in(path.parent)
