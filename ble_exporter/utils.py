"""Helpers that two or more modules share."""

import errno
import os
import re
import stat

MAX_FILE_BYTES = 10_000_000
"""The largest file that this program reads: a capture of half a day. A configuration may have less."""

# The joiners that Persian, Indic scripts and emoji need. They have no shape of their own, so isprintable() is False.
_JOINERS = frozenset("\u200c\u200d")
# Emoji, including those that are newer than Python's table of characters.
_EMOJI = ("\U0001f000", "\U0001faff")

# The flag of a part of a country, such as Scotland, is spelled with invisible letters.
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,10}\U000e007f")

_NOT_A_FILE = {
    stat.S_IFIFO: "it is a named pipe, not a file",
    stat.S_IFSOCK: "it is a socket, not a file",
    stat.S_IFCHR: "it is a device, not a file",
    stat.S_IFBLK: "it is a device, not a file",
    stat.S_IFDIR: "it is a folder, not a file",
}


def read_file(path: str | os.PathLike[str], max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """
    Return the content of a regular file; raise an OSError whose `strerror` says why the file can't be read.

    Nothing else is read, because a pipe may keep the program waiting, and a device may never end. The file type is
    checked before the file is opened, because opening some devices has an effect, and again afterwards, because the
    path may have changed.
    """
    _check_type(os.stat(path), path)  # noqa: PTH116 - like fstat below
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        _check_type(status, path)
        # The size of some files is unknown before they are read: those in /proc claim to be empty.
        content = b"" if status.st_size > max_bytes else file.read(max_bytes + 1) or b""
    if max(status.st_size, len(content)) > max_bytes:
        size = f"{max_bytes / 1e6:g} MB" if max_bytes >= 1_000_000 else f"{max_bytes} bytes"
        raise OSError(errno.EFBIG, f"it has more than {size}", str(path))
    return content


def _check_type(status: os.stat_result, path: str | os.PathLike[str]) -> None:
    problem = _NOT_A_FILE.get(stat.S_IFMT(status.st_mode))
    if problem:
        raise OSError(errno.EINVAL, problem, str(path))


def is_visible(char: str) -> bool:
    """Return whether a character is shown, or joins the letters or emoji around it, and changes nothing else."""
    return char.isprintable() or char in _JOINERS or _EMOJI[0] <= char <= _EMOJI[1]


def hidden_in(text: str) -> str:
    """Return the first character of a text that is invisible or changes the direction of the text; "" if none is."""
    return next((char for char in _FLAG.sub("", text) if not is_visible(char)), "")


def one_line(text: object) -> str:
    """Return the text as one printable line: white space is folded, other unprintable characters are escaped."""
    folded = " ".join(str(text).split())
    return "".join(char if is_visible(char) else char.encode("unicode_escape").decode() for char in folded)


def number_of(count: int, thing: str) -> str:
    """Return a count with its noun: "1 device", "3 devices"."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def in_words(seconds: float) -> str:
    """Return a time span in one suitable unit: "4 s", "3 min", "2 h", "5 days"."""
    for unit, length_s, most in (("s", 1, 90), ("min", 60, 90), ("h", 3600, 48)):
        # Half a unit is rounded up, as in JavaScript: round() would make 2 s of 2.5 s.
        count = int(seconds / length_s + 0.5)
        if count <= most:
            return f"{count} {unit}"
    return f"{int(seconds / 86400 + 0.5)} days"
