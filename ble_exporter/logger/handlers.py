"""
The handlers of the log, for a rotating file and for standard error.

A full disk, or a pipe that nobody reads, neither stops nor delays the program: a line that can't be written is counted
as lost, and later lines are still tried.
"""

import errno
import logging
import math
import os
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from logging.handlers import RotatingFileHandler
from pathlib import Path

from ble_exporter.system.files import ends_within_line, keep_newest
from ble_exporter.system.streams import Losses, is_standard_stream, write_some
from ble_exporter.utils import number_of

# Even a line for each scan, every 30 s, takes only 0.4 MB a day: four files hold ten days of such lines.
MAX_BYTES = 1_000_000
BACKUPS = 3

# Standard error may end up on the same full disk, so an unwritable log is reported there at most once an hour.
_TELL_AGAIN_S = 3600.0

_WAYS_OUT = {
    errno.EACCES: "give this user write access, or ",
    errno.EPERM: "give this user write access, or ",
    errno.EROFS: "in a systemd unit, add its folder to ReadWritePaths=, or ",
    errno.ENOSPC: "free some space on its disk, or ",
}

# ENXIO: opening a named pipe that has no reader; EPIPE: writing to such a pipe.
_PIPE_WITHOUT_READER = (errno.ENXIO, errno.EPIPE)

# Without O_NONBLOCK, opening a named pipe would wait for a reader, and so would writing to it when it is full.
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY


class LogHandler(logging.Handler):
    """
    A handler that counts the lines that it can't write, and logs their number as soon as it can write again.

    Attributes:
        losses: The lines that were lost.
    """

    losses: Losses
    _lost_before = 0
    _is_torn = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it as lost."""
        losses = self.losses
        try:
            line = self.format(record)
            if losses.cause:
                lost = number_of(losses.lines - self._lost_before, "line")
                note = f"the log could not be written ({losses.cause}): {lost} lost"
                self._write(self.format(logging.LogRecord(record.name, logging.WARNING, "", 0, note, None, None)))
                losses.cause, self._lost_before = "", losses.lines
            self._write(line)
        except OSError as error:
            losses.lines += 1
            self.note_failure(error)
        except Exception:
            self.handleError(record)

    def note_failure(self, error: OSError) -> None:
        """Note why the log can't be written."""
        is_unread = isinstance(error, BlockingIOError) or error.errno in _PIPE_WITHOUT_READER
        self.losses.cause = "no program reads it" if is_unread else error.strerror or str(error)

    def _write(self, line: str) -> None:
        data = f"{line}\n".encode(errors="backslashreplace")
        descriptor = self._ready(len(data))
        # If only the first part of a line could be written, the next line must not continue it.
        data = b"\n" + data if self._is_torn else data
        while data:
            written = write_some(descriptor, data)
            if not written:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            data = data[written:]
            self._is_torn = bool(data)

    def _ready(self, size: int) -> int:
        """Return the descriptor to which a line of `size` bytes can be written. Raises an OSError."""
        raise NotImplementedError


class StandardErrorLog(LogHandler):
    """The log on standard error, given by its descriptor; it may be a pipe that nobody reads."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.losses = Losses()
        self._descriptor = descriptor

    def _ready(self, _size: int) -> int:
        return self._descriptor


class LogFile(LogHandler, RotatingFileHandler):
    """
    The log in a file, which is opened again if it has been moved or removed.

    A full file is renamed. If that is impossible, because the file is mounted or its folder can't be written, only its
    newest half is kept. Devices and pipes are not rotated, nor is a file that is also a standard stream of this
    program.

    Args:
        path: The file.
        tell: Called with one line of text when the file can't be written, at most once an hour.
        clock: Returns monotonic seconds.
    """

    def __init__(self, path: str, tell: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        RotatingFileHandler.__init__(self, path, maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8", delay=True)
        self.losses = Losses()
        self._tell = tell
        self._clock = clock
        self._told_s = -math.inf
        self._descriptor: int | None = None
        try:
            self._descriptor = self._opened()
        except OSError as error:
            self.note_failure(error)

    def note_failure(self, error: OSError) -> None:
        """Note why the log can't be written, close the file, and tell the user."""
        super().note_failure(error)
        self._close_file()
        now_s = self._clock()
        if now_s - self._told_s >= _TELL_AGAIN_S:
            self._told_s = now_s
            problem = f"log_file: {self.baseFilename} can't be written ({self.losses.cause}), so log lines are lost"
            way_out = _WAYS_OUT.get(error.errno or 0, "")
            self._tell(f'{problem}: {way_out}set log_file to another path, or to "-" for standard error')

    def doRollover(self) -> None:  # noqa: N802 - logging's name
        """Rename the file and its predecessors, and start a new file; if that is impossible, keep the newest half."""
        # If the path is a symbolic link, the file that it names is rotated, and the link stays.
        path = os.path.realpath(self.baseFilename)
        # The file itself is renamed first: if this fails, its predecessors must keep their names.
        newest, *older = [Path(f"{path}.{number}") for number in range(self.backupCount + 1)]
        if newest.exists():
            # An earlier run was killed between the renames below; the file to be renamed must not replace `newest`.
            _rename_each([newest, *older])
        try:
            Path(path).replace(newest)
        except OSError:
            keep_newest(Path(path), self.maxBytes // 2)
            return
        _rename_each([newest, *older])
        self._close_file()

    def close(self) -> None:
        """Close the file."""
        self._close_file()
        super().close()

    def _ready(self, size: int) -> int:
        if self._descriptor is not None:
            if self._was_moved(self._descriptor):
                self._close_file()
            elif self._is_full(self._descriptor, size):
                self.doRollover()
        if self._descriptor is None:
            self._descriptor = self._opened()
        self._is_torn = self._is_torn and os.fstat(self._descriptor).st_size > 0
        return self._descriptor

    def _was_moved(self, descriptor: int) -> bool:
        try:
            there = Path(self.baseFilename).stat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            # The folder is no longer accessible, but the file is still open.
            return False
        return not os.path.samestat(there, os.fstat(descriptor))

    def _is_full(self, descriptor: int, size: int) -> bool:
        status = os.fstat(descriptor)
        is_rotated = stat.S_ISREG(status.st_mode) and not is_standard_stream(status)
        return is_rotated and status.st_size > 0 and status.st_size + size > self.maxBytes

    def _opened(self) -> int:
        # An earlier run may have been killed, or the disk may have been full, in the middle of a line.
        self._is_torn = ends_within_line(Path(self.baseFilename))
        try:
            return os.open(self.baseFilename, _APPEND, 0o666)
        except FileNotFoundError:
            Path(os.path.realpath(self.baseFilename)).parent.mkdir(parents=True, exist_ok=True)
            return os.open(self.baseFilename, _APPEND, 0o666)

    def _close_file(self) -> None:
        if self._descriptor is not None:
            # Closing a file that can't be written may raise the same error again.
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


def _rename_each(files: Sequence[Path]) -> None:
    """Rename each file to the next one, the last but one first."""
    for before, after in reversed([*pairwise(files)]):
        with suppress(OSError):
            before.replace(after)
