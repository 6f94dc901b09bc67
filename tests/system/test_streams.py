"""Closed or full standard streams of the commands and of the program itself."""

import io
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from ble_exporter.errors import StreamError
from ble_exporter.system import streams
from tests.program import PATIENCE_S, ROOT, running

pytestmark = pytest.mark.program

PACKET = "4000b00151028d0a038d11"
OUTPUTS = {"decode": ["decode", PACKET], "help": ["--help"], "help of a command": ["doctor", "--help"]}
FULL = "ble-exporter: error: standard output can't be written (No space left on device)\n"
CLOSED = "ble-exporter: error: standard output is closed\n"


def shell(redirection: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the program in a shell, with redirections such as ">&-"; return its result."""
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", sys.executable, "-m", "ble_exporter", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE_S,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.mark.parametrize("arguments", OUTPUTS.values(), ids=OUTPUTS)
@pytest.mark.parametrize(("redirection", "said"), [(">/dev/full", FULL), (">&-", CLOSED)], ids=["full", "closed"])
def test_output_that_cannot_be_written_is_one_line_and_a_status(
    redirection: str, said: str, arguments: list[str]
) -> None:
    """A script that saves the output on a full disk must not take the empty file for a result."""
    done = shell(redirection, *arguments)

    assert (74, said) == (done.returncode, done.stderr)


def test_unbuffered_output_is_no_exception() -> None:
    """Container images often set PYTHONUNBUFFERED, and argparse ignores the errors of unbuffered output."""
    done = shell(">/dev/full", "--version", PYTHONUNBUFFERED="1")

    assert (74, FULL) == (done.returncode, done.stderr)


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"], ids=["full", "closed"])
def test_the_result_does_not_depend_on_standard_error(redirection: str) -> None:
    """Messages may be lost, but they must not get into the result or change the status."""
    good, bad = shell(redirection, "decode", PACKET), shell(redirection, "decode", "4000b001510245")
    wrong = shell(redirection, "decode", "xyz")
    listened = shell(redirection, "discover", "--mock", "--seconds", "1", "--json")

    assert [0, 1, 2] == [good.returncode, bad.returncode, wrong.returncode]
    assert (0, "{") == (listened.returncode, listened.stdout[:1])


@pytest.mark.parametrize(
    ("redirection", "said"),
    [
        ("<&-", "ble-exporter: error: standard input is closed\n"),
        ("0>/dev/null", "ble-exporter: error: standard input can't be read (Bad file descriptor)\n"),
    ],
)
@pytest.mark.parametrize("arguments", [["decode", "-"], ["decode", PACKET, "--key-file", "-"]])
def test_input_that_cannot_be_read_is_one_line_and_a_status(redirection: str, said: str, arguments: list[str]) -> None:
    """A cron job or a service manager may start a command without standard input."""
    done = shell(redirection, *arguments)

    assert (74, "", said) == (done.returncode, done.stdout, done.stderr)


def test_with_every_stream_closed_nothing_breaks() -> None:
    """If descriptor 1 or 2 were free, the next file that the program opens would receive the program's messages."""
    assert 74 == shell("<&- >&- 2>&-", "decode", PACKET).returncode


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_is_ended_by_signals_even_as_the_first_process(number: signal.Signals) -> None:
    """In a container the command is process 1, for which the kernel ignores signals that have no handler."""
    # Under nohup, the tests and all programs that they start ignore SIGHUP.
    inherited = signal.signal(number, signal.SIG_DFL)
    try:
        with running("discover", "--mock", "--seconds", "60") as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("heard ")
            process.send_signal(number)
            _, err = process.communicate(timeout=PATIENCE_S)
    finally:
        signal.signal(number, inherited)

    # Without a handler, the status would be the negative signal number.
    assert (128 + number, "listening for 60 s\n") == (process.returncode, err)


def test_a_full_pipe_takes_what_fits() -> None:
    """A write that waited for a reader would block the event loop, and with it the radio."""
    reader, writer = os.pipe()
    try:
        unblocked = streams.unblocked(writer)
        sizes = []
        while written := streams.write_some(unblocked, b"x" * 1000):
            sizes.append(written)
        os.read(reader, 65536)

        assert ({1000}, 0) == (set(sizes[:-1]), written)
        assert 1000 == streams.write_some(writer, b"x" * 1000)
        assert os.get_blocking(writer), "other programs write to the same pipe"
        os.close(unblocked)
    finally:
        os.close(reader)
        with suppress(OSError):
            os.close(writer)


def test_output_waits_for_a_reader_of_a_pipe_that_does_not_block() -> None:
    """Another program that shares the pipe may have made it non-blocking, which must not cost any output."""
    program = (
        "import os, sys\n"
        "from ble_exporter.system import streams\n"
        "os.set_blocking(1, False)\n"
        "streams.guard_standard_streams(needs_output=True)\n"
        "sys.stdout.write('x' * 1_000_000)\n"
        "sys.stdout.flush()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        select.select([process.stdout], [], [], PATIENCE_S)  # the pipe is filling, or full
        written = process.stdout.read()

    assert (0, 1_000_000) == (process.returncode, len(written))


def test_a_file_is_written_through_the_same_position(tmp_path: Path) -> None:
    """If the file were opened again, its position would be 0, and output would overwrite what other programs wrote."""
    with (tmp_path / "log").open("wb", buffering=0) as log:
        log.write(b"before ")
        unblocked = streams.unblocked(log.fileno())
        assert 5 == streams.write_some(unblocked, b"after")
        os.close(unblocked)

    assert b"before after" == (tmp_path / "log").read_bytes()


def count_descriptors() -> int:
    """Return the number of descriptors that are open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_only_the_stream_that_failed_is_discarded(capfd: pytest.CaptureFixture[str]) -> None:
    """The program's other output must still appear, and no additional descriptor may stay open."""
    reader, writer = os.pipe()
    os.close(reader)
    opened = count_descriptors()
    with os.fdopen(writer, "w") as stream:
        stream.write("lost")
        with pytest.raises(BrokenPipeError):
            stream.flush()
        streams.discard(stream)
        assert opened == count_descriptors()
    sys.stdout.write("heard\n")

    assert "heard\n" == capfd.readouterr().out


def test_a_failed_read_names_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading from a closed terminal fails with an I/O error, and the user must learn which stream failed."""

    class Broken:
        """A standard input that fails."""

        buffer = property(lambda self: self)

        def read(self, _size: int) -> bytes:
            """See BufferedReader."""
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("sys.stdin", Broken())
    with pytest.raises(StreamError, match=r"^standard input can't be read \(Input/output error\)$"):
        streams.read_standard_input(10)


def test_standard_input_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the error, the rest of the input would be dropped silently, and the answer would cover only a part."""
    for size in (10, 11):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(bytes(size))))
        if size == 10:
            assert bytes(10) == streams.read_standard_input(10)
        else:
            with pytest.raises(StreamError, match=r"^standard input has more than 10 bytes$"):
                streams.read_standard_input(10)
