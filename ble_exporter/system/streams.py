"""Handles standard streams that are closed or full, or are pipes that nobody reads."""

import errno
import io
import os
import select
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO, cast

from ble_exporter.errors import StreamError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@dataclass
class Losses:
    """
    The lines that a log could not write.

    Attributes:
        lines: The number of lost lines so far.
        cause: The reason why the log can't be written now, as text; empty if it can be written.
    """

    lines: int = 0
    cause: str = ""


class _Output(io.FileIO):
    """
    Standard output. Its failures are StreamErrors, which can't be mistaken for errors of other files.

    A BrokenPipeError is not a failure, and is passed on, because a reader such as `head` may end at any time.
    """

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write some of the data, waiting if the stream is full; return the number of bytes written."""
        try:
            # None means that the stream is full, and that another program has made it non-blocking.
            while (written := cast("int | None", super().write(data))) is None:
                select.select([], [self], [])
        except BrokenPipeError:
            raise
        except OSError as error:
            is_closed = error.errno == errno.EBADF
            problem = "is closed" if is_closed else f"can't be written ({error.strerror})"
            raise StreamError(f"standard output {problem}") from error
        return written


class _Messages(io.FileIO):
    """Standard error. It drops text that can't be written immediately, because there is nowhere else to write it."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write as much of the data as possible without waiting; return the size of the data."""
        rest = memoryview(data)
        with suppress(OSError):
            while rest and (written := write_some(self.fileno(), rest)):
                rest = rest[written:]
        return memoryview(data).nbytes


def guard_standard_streams(*, needs_output: bool) -> None:
    """
    Replace sys.stdout with a stream that raises StreamErrors, and sys.stderr with one that neither blocks nor fails.

    Streams that were already replaced, as by a test, stay. A closed descriptor is opened on /dev/null: otherwise, the
    next file or socket would get its number, and receive the program's messages.

    Raises:
        StreamError: `needs_output` is true, but standard output can't be written.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # noqa: PERF203 - there are only three
            _open_nothing()
    if sys.stderr is sys.__stderr__:
        messages = _Messages(_open_nothing() if sys.stderr is None else unblocked(2), "wb")
        sys.stderr = _text(messages, sys.__stderr__, by_line=True)
    if sys.stdout is sys.__stdout__:
        output = _Output(_open_nothing() if sys.stdout is None else 1, "wb", closefd=False)
        sys.stdout = _text(output, sys.__stdout__, by_line=output.isatty())
        if needs_output:
            output.write(b"")


def _open_nothing() -> int:
    """Return the lowest free descriptor, opened on /dev/null for reading, so that writing to it fails."""
    return os.open(os.devnull, os.O_RDONLY)


def _text(raw: io.FileIO, before: TextIO | None, *, by_line: bool) -> io.TextIOWrapper:
    encoding = before.encoding if before else "utf-8"
    # Some terminals can't show a °, and a device name can contain any character.
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=by_line)


def discard(output: TextIO) -> None:
    """Redirect a failed stream to /dev/null, so that Python does not report the failure again at exit."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):
        os.dup2(nothing, output.fileno())
    os.close(nothing)


def read_standard_input(most_bytes: int) -> bytes:
    """Return the content of standard input. Raises a StreamError if it can't be read, or has more than `most_bytes`."""
    # Python sets sys.stdin to None if the stream was closed before the start.
    if cast("TextIO | None", sys.stdin) is None:
        raise StreamError("standard input is closed")
    try:
        content = sys.stdin.buffer.read(most_bytes + 1)
    except OSError as error:
        raise StreamError(f"standard input can't be read ({error.strerror})") from error
    if len(content) > most_bytes:
        raise StreamError(f"standard input has more than {most_bytes:,} bytes")
    return content


def unblocked(descriptor: int) -> int:
    """
    Return a new descriptor for the same pipe, terminal or file.

    Writing to a pipe or a terminal through the new descriptor fails instead of waiting. The given descriptor stays as
    it is, because a change would also affect the programs that share it, such as the shell.
    """
    mode = os.fstat(descriptor).st_mode
    # A regular file never blocks, and a second opening would have its own position in the file.
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        with suppress(OSError):
            return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    return os.dup(descriptor)


def write_some(descriptor: int, data: "bytes | memoryview") -> int:
    """
    Write up to PIPE_BUF bytes; return the number of bytes written, which is 0 if writing would have to wait.

    Raises:
        OSError: The descriptor can't be written.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    try:
        # If the descriptor blocks, as a socket does, only poll prevents waiting: a writable one takes PIPE_BUF bytes.
        return os.write(descriptor, data[: select.PIPE_BUF]) if poll.poll(0) else 0
    except BlockingIOError:
        return 0


def is_standard_stream(status: os.stat_result) -> bool:
    """Return whether a file is also standard output or standard error of this program."""
    for descriptor in (1, 2):
        with suppress(OSError):
            if os.path.samestat(status, os.fstat(descriptor)):
                return True
    return False
