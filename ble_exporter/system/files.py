"""Reads only regular files, and only of limited size; notices changes of files; shortens a file in place."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

MAX_FILE_BYTES = 10_000_000
"""The size limit of a file: half a day of captured packets at three a second. A configuration has a lower limit."""

_NOT_A_FILE = {
    stat.S_IFIFO: "it is a named pipe, not a file",
    stat.S_IFSOCK: "it is a socket, not a file",
    stat.S_IFCHR: "it is a device, not a file",
    stat.S_IFBLK: "it is a device, not a file",
    stat.S_IFDIR: "it is a folder, not a file",
    stat.S_IFLNK: "it is a link, not a file",
}


def read_file(path: str | os.PathLike[str], max_bytes: int = MAX_FILE_BYTES, *, follow_symlinks: bool = True) -> bytes:
    """
    Return the content of a regular file; raise an OSError whose `strerror` says why the file can't be read.

    Without `follow_symlinks`, symbolic links are refused, too. Raises ValueError if the path contains a NUL character.
    """
    file = open_file(path, max_bytes, follow_symlinks=follow_symlinks)
    with file:
        # The size of some files is unknown before they are read: files in /proc claim to be empty.
        content = file.read(max_bytes + 1) or b""
    if len(content) > max_bytes:
        raise _too_large(path, max_bytes)
    return content


class ReadFiles:
    """Files that belong together, such as a configuration and the files that it names, and their states when read."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[int, ...] | None] = {}

    def read(self, path: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """Return the content of a file, like `read_file`. A file that can't be read is remembered, too."""
        # The state is read before the content, so that a change in between is noticed.
        self._states[path] = _state(path)
        return read_file(path, max_bytes)

    def have_changed(self) -> bool:
        """Return whether a file has been changed, replaced, created or removed since it was read."""
        return any(_state(path) != state for path, state in self._states.items())


def _state(path: str) -> tuple[int, ...] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - a Path takes twice as long, and this is done for each request
    except OSError:
        return None
    # Unlike the modification time, the time of the inode's change (ctime) can't be set back.
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def open_file(path: str | os.PathLike[str], max_bytes: int, *, follow_symlinks: bool = True) -> BinaryIO:
    """
    Open a regular file for reading; raise an OSError as `read_file` does.

    Other kinds of files are refused: a pipe may keep the program waiting, and a device may never end. The file type is
    checked before the file is opened, because opening some devices has an effect, and again afterwards, because the
    path may name another file by then.
    """
    _check_type(os.stat(path, follow_symlinks=follow_symlinks), path)  # noqa: PTH116 - like fstat below
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = os.open(path, flags if follow_symlinks else flags | os.O_NOFOLLOW)
    file = os.fdopen(descriptor, "rb")
    try:
        status = os.fstat(descriptor)
        _check_type(status, path)
        if status.st_size > max_bytes:
            raise _too_large(path, max_bytes)
    except OSError:
        file.close()
        raise
    return file


def _too_large(path: str | os.PathLike[str], max_bytes: int) -> OSError:
    size = f"{max_bytes / 1e6:g} MB" if max_bytes >= 1_000_000 else f"{max_bytes} bytes"
    return OSError(errno.EFBIG, f"it has more than {size}", str(path))


def _check_type(status: os.stat_result, path: str | os.PathLike[str]) -> None:
    problem = _NOT_A_FILE.get(stat.S_IFMT(status.st_mode))
    if problem:
        raise OSError(errno.EINVAL, problem, str(path))


def ends_within_line(path: Path) -> bool:
    """Return whether a regular file has content that does not end with a line break."""
    with suppress(OSError):
        if path.stat().st_size and path.is_file():
            with path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read(1) != b"\n"
    return False


def keep_newest(path: Path, most_bytes: int) -> None:
    """Shorten a file to its last lines, at most `most_bytes` in all, without replacing it. Ignores failures."""
    with suppress(OSError), path.open("r+b") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - most_bytes))
        file.readline()
        newest = file.read()
        file.seek(0)
        file.write(newest)
        file.truncate()
