"""Processes, their resident memory, their CPU time, and the time until their first answers."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO

PATIENCE_S = 60.0
_POLL_S = 0.002


class Process:
    """A running process, by default a Python interpreter; `began_s` is the value of `time.monotonic()` at its start."""

    def __init__(self, arguments: Sequence[str], program: str = sys.executable) -> None:
        # Bytecode is cached as on a user's machine, because compiling would take most of the time of a start.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        # A file, because a pipe that nobody reads would fill up.
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `kill`
        self.began_s = time.monotonic()
        self._popen = subprocess.Popen(
            [program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment,
        )

    @property
    def cpu_s(self) -> float:
        """The CPU time so far, in seconds."""
        # The identifier of another process's CPU clock, which clock_getcpuclockid(3) computes in the same way.
        return time.clock_gettime((~self._popen.pid << 3) | 2)

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended by itself."""
        return self._popen.poll() is not None

    def resident_mib(self) -> float:
        """Return the resident memory, in MiB."""
        lines = Path(f"/proc/{self._popen.pid}/smaps_rollup").read_text().splitlines()
        (resident_kib,) = (int(line.split()[1]) for line in lines if line.startswith("Rss:"))
        return resident_kib / 1024

    def peak_mib(self) -> float:
        """Return the largest resident memory since the start, in MiB."""
        lines = Path(f"/proc/{self._popen.pid}/status").read_text().splitlines()
        (peak_kib,) = (int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
        return peak_kib / 1024

    def read_line(self) -> str:
        """Return the next line of the process's standard output, with its newline."""
        assert self._popen.stdout
        return self._popen.stdout.readline()

    def tell(self, line: str) -> str:
        """Write a line to standard input; return the next line of standard output."""
        stdin: IO[str] | None = self._popen.stdin
        stdout: IO[str] | None = self._popen.stdout
        assert stdin
        assert stdout
        stdin.write(f"{line}\n")
        stdin.flush()
        return stdout.readline().rstrip("\n")

    def wait_for(self, port: int, path: str, content: bytes) -> float:
        """
        Request a page until it contains `content`; return the seconds since the start of the process.

        Raises:
            RuntimeError: The process has ended.
            TimeoutError: A minute after the start of the process, the page does not contain `content`.
        """
        while time.monotonic() < self.began_s + PATIENCE_S:
            try:
                if content in get(port, path):
                    return time.monotonic() - self.began_s
            except OSError:
                if self._popen.poll() is not None:
                    self._errors.seek(0)
                    raise RuntimeError(f"the process ended: {self._errors.read()}") from None
            time.sleep(_POLL_S)
        raise TimeoutError(f"{path} does not contain {content!r}")

    def end(self) -> str:
        """Send SIGTERM; return the rest of standard output."""
        self._popen.send_signal(signal.SIGTERM)
        return self._popen.communicate(timeout=PATIENCE_S)[0]

    def kill(self) -> None:
        """End the process if it still runs."""
        self._popen.kill()
        self._popen.communicate()
        self._errors.close()


@contextmanager
def running(*arguments: str, program: str = sys.executable) -> Iterator[Process]:
    """Run Python, or another program, with these arguments during the block."""
    process = Process(arguments, program)
    try:
        yield process
    finally:
        process.kill()


def free_port() -> int:
    """Return a free TCP port of the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def get(port: int, path: str, headers: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """Return the body of a page; raise OSError if nothing answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().read()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()
