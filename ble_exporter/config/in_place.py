"""
Writes a configuration file in place, after a backup.

A file that is written in place keeps its owner, access control lists, extended attributes, hard links and mounts; a new
file in its place would not. The backup is made in case of a crash during the write, and is removed afterwards.
"""

import errno
import glob
import os
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ble_exporter.errors import ConfigError

# The maximum permissions of a file with a bindkey: its group can read it, and other users have no access.
_MODE_WITH_KEY = 0o640

_ACL = "system.posix_acl_access"
_BACKUP_SUFFIX = ".before-discover-"
# A backup that is older than the file by more than this, in seconds, was not made for the file's latest change.
_WRITING_S = 60.0
# Holds the backup if this user can't create files next to the configuration. Unlike /tmp, it survives a reboot.
_OTHER_BACKUP_FOLDER = "/var/tmp"  # noqa: S108 - mkstemp creates a new file that only its owner can read

_HINTS = {
    errno.EACCES: "run this as the owner of the file, or as root",
    errno.EPERM: "run this as the owner of the file, or as root; `lsattr` shows whether the file is immutable",
    errno.EROFS: "name a file on a writable file system",
    errno.ENOSPC: "make room on its file system",
    errno.EDQUOT: "make room within your quota",
}


def check_writable(path: str, old: bytes, new: bytes, other_folder: str = _OTHER_BACKUP_FOLDER) -> None:
    """
    Raise a ConfigError if `write_in_place` with these arguments would fail, as far as this can be checked.

    The file is opened for writing, and a backup is written and removed, but the file's content is not touched.
    """
    target = Path(os.path.realpath(path))
    try:
        if not target.exists():
            if not os.access(target.parent, os.W_OK):
                problem = "its folder does not exist, or this user can't write there"
                raise ConfigError(problem, "name another file", path=path)
            _write_backup(target, new, [str(target.parent)]).unlink()
            return
        descriptor = os.open(target, os.O_RDWR | os.O_CLOEXEC)
        try:
            _check_space(descriptor, len(new))
        finally:
            os.close(descriptor)
        _write_backup(target, old, [str(target.parent), other_folder]).unlink()
    except OSError as error:
        raise _config_error(path, error) from error


def write_in_place(
    path: str, old: bytes, new: bytes, *, holds_key: bool = False, other_folder: str = _OTHER_BACKUP_FOLDER
) -> None:
    """
    Replace the content `old` of a file with `new`, or create the file; on failure, undo this and raise a ConfigError.

    Before a bindkey is written, users outside the file's group lose access, and the group loses the right to write.
    After a crash, or if the file can't be restored, a backup next to it or in `other_folder` has the old content.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists():
            _overwrite(path, target, old, new, holds_key=holds_key, other_folder=other_folder)
        else:
            _create(target, new, holds_key=holds_key)
    except OSError as error:
        raise _config_error(path, error) from error


def backups_of(path: str) -> list[str]:
    """Return the backups next to a file that were left by a crash or a failed restoration."""
    return sorted(glob.glob(glob.escape(os.path.realpath(path)) + _BACKUP_SUFFIX + "*"))  # noqa: PTH207 - a path


def backup_of_unfinished_write(path: str) -> str:
    """Return the backup next to a file whose latest change was a write that did not finish; "" if there is none."""
    backups = backups_of(path)
    try:
        # The user may have changed the file after the crash, and left the backup where it was. A file that is older
        # than the backup was copied there after the crash and kept its time, as with `cp -p`, rsync or tar.
        is_latest = len(backups) == 1 and 0 <= _modified_s(path) - _modified_s(backups[0]) < _WRITING_S
    except OSError:
        return ""
    return backups[0] if is_latest else ""


def _modified_s(path: str) -> float:
    return Path(path).stat().st_mtime


def _create(target: Path, new: bytes, *, holds_key: bool) -> None:
    """Write a new file, which appears under its name only when it is complete."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    # After a crash, the next process may have the same process id: in a container, it often does.
    temporary.unlink(missing_ok=True)
    mode = 0o600 if holds_key else 0o666
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        _replace_content(descriptor, new)
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    _sync_folder(target.parent)


def _overwrite(path: str, target: Path, old: bytes, new: bytes, *, holds_key: bool, other_folder: str) -> None:
    descriptor = os.open(target, os.O_RDWR | os.O_CLOEXEC)
    try:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        new_mode = mode & _MODE_WITH_KEY if holds_key else mode
        backup = _write_backup(target, old, [str(target.parent), other_folder])
        try:
            if mode != new_mode:
                os.fchmod(descriptor, new_mode)
            _replace_content(descriptor, new)
        except BaseException as error:
            try:
                _replace_content(descriptor, old)
                if mode != new_mode:
                    os.fchmod(descriptor, mode)
            except OSError:
                problem = f"can't be written, and can't be restored ({error})"
                raise ConfigError(problem, f"its old content is in {backup}", path=path) from error
            backup.unlink()
            raise
        backup.unlink()
    finally:
        os.close(descriptor)


def _replace_content(descriptor: int, content: bytes) -> None:
    try:
        # If there is no room for the whole content, this call fails before the old content is touched.
        os.posix_fallocate(descriptor, 0, max(len(content), 1))
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
    written = 0
    while written < len(content):
        written += os.pwrite(descriptor, content[written:], written)
    os.ftruncate(descriptor, len(content))
    os.fsync(descriptor)


def _write_backup(target: Path, content: bytes, folders: Sequence[str]) -> Path:
    """Write the content to a new file in the first folder where that is possible; sync it, and return its path."""
    errors: list[OSError] = []
    for folder in folders:
        try:
            descriptor, name = tempfile.mkstemp(prefix=f"{target.name}{_BACKUP_SUFFIX}", dir=folder)
        except OSError as error:
            errors.append(error)
            continue
        try:
            _replace_content(descriptor, content)
            # The service looks for the backup only next to the file. Elsewhere, the group might read it even if the
            # folder of the file keeps the group out.
            if Path(folder) == target.parent:
                _let_read_too(descriptor, target)
        except OSError as error:
            Path(name).unlink()
            errors.append(error)
            continue
        finally:
            os.close(descriptor)
        _sync_folder(Path(folder))
        return Path(name)
    raise errors[0]


def _let_read_too(descriptor: int, target: Path) -> None:
    """Let a file's group read its backup if the group can read the file: after a crash, the service may need it."""
    with suppress(OSError):
        # With an access control list, the group bits of the mode are the list's mask, and say nothing about the group.
        if _ACL in os.listxattr(target):
            return
        status = target.stat()
        os.fchown(descriptor, -1, status.st_gid)
        os.fchmod(descriptor, 0o600 | (status.st_mode & stat.S_IRGRP))


def _check_space(descriptor: int, size: int) -> None:
    """Raise an OSError if the file system has no room for the file to grow to `size` bytes."""
    system, status = os.fstatvfs(descriptor), os.fstat(descriptor)
    free = system.f_bfree if os.geteuid() == 0 else system.f_bavail
    missing = size - max(status.st_blocks * 512, status.st_size)
    # Some virtual file systems report no blocks.
    if system.f_blocks and missing > free * system.f_frsize:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _sync_folder(folder: Path) -> None:
    """Write a folder, and with it the entry of a new file, to the disk if the file system supports that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _config_error(path: str, error: OSError) -> ConfigError:
    hint = _HINTS.get(error.errno or 0, "name another file")
    return ConfigError(f"can't be written ({error.strerror})", hint, path=path)
