"""Programs that run during the tests on local ports, with their output kept for a failed test."""

import http.client
import os
import random
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

import ble_exporter

LOCALHOST = "127.0.0.1"

_DEADLINE_S = 30.0
_POLL_S = 0.05
_REQUEST_S = 10.0
_STOP_S = 10.0
_LOG_TAIL_LINES = 60
# By default, outgoing connections get ports from a higher range, so that none of them takes a free port before the
# program listens.
_PORTS = range(20_000, 32_000)

_Answer = TypeVar("_Answer")


class Program:
    """
    A running program.

    Args:
        name: The name of its output file.
        command: The program and its arguments.
        folder: Its working directory, which also gets the output file.
    """

    def __init__(self, name: str, command: Sequence[str | Path], folder: Path) -> None:
        self.name = name
        self._output = folder / f"{name}.log"
        self._lines_shown = 0
        # Run the package that the tests import, even if another version is installed.
        package = str(Path(ble_exporter.__file__).parent.parent)
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def check_runs(self) -> None:
        """Fail the test if the program has ended."""
        status = self._process.poll()
        if status is not None:
            pytest.fail(f"{self.name} ended by itself, with status {status}", pytrace=False)

    def stop(self) -> None:
        """Stop the program with SIGTERM, or with SIGKILL after a timeout."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """Stop the program with SIGKILL, as a power cut does."""
        self._process.kill()
        self._process.wait()

    def new_output(self) -> str:
        """Return the output since the last call, limited to its last lines."""
        lines = self._output.read_text(encoding="utf-8", errors="replace").splitlines()
        new, self._lines_shown = lines[self._lines_shown :], len(lines)
        return "\n".join(new[-_LOG_TAIL_LINES:])


Launch = Callable[[str, Sequence[str | Path], Path], Program]
"""A function that starts a program, with the parameters of `Program`; the program ends with the session."""


class Response(NamedTuple):
    """An HTTP response."""

    status: int
    body: str


def get(port: int, path: str) -> Response:
    """
    Send one GET request to a local server.

    Raises:
        OSError: The server does not answer.
    """
    connection = http.client.HTTPConnection(LOCALHOST, port, timeout=_REQUEST_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return Response(response.status, response.read().decode())
    finally:
        connection.close()


def wait_for(probe: Callable[[], _Answer], what: str, more_s: float = 0.0) -> _Answer:
    """Call `probe` until its result is true, and return it; fail the test after the usual timeout plus `more_s`."""
    deadline = time.monotonic() + _DEADLINE_S + more_s
    while not (answer := probe()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {_DEADLINE_S + more_s:g} s: {what}", pytrace=False)
        time.sleep(_POLL_S)
    return answer


def wait_until_ready(program: Program, port: int, path: str) -> None:
    """Wait until the program answers with status 200."""

    def is_ready() -> bool:
        program.check_runs()
        try:
            return get(port, path).status == http.HTTPStatus.OK
        except OSError:
            return False

    wait_for(is_ready, f"{program.name} answers on port {port}")


def free_ports(count: int) -> list[int]:
    """Return this many free ports; fail the test if there are too few."""
    free = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind((LOCALHOST, port))
            except OSError:
                continue
        free.append(port)
        if len(free) == count:
            return free
    pytest.fail(f"of the ports from {_PORTS[0]} to {_PORTS[-1]} only {len(free)} are free", pytrace=False)
