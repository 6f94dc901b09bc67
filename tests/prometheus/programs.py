"""Programs that run beside the tests, on ports of this machine alone, with their output kept for a failing test."""

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
# Below those that Linux gives to outgoing connections: one that is free now is still free when a program listens.
_PORTS = range(20_000, 32_000)

_Answer = TypeVar("_Answer")


class Program:
    """
    A running program.

    Args:
        name: Of the file that has its output.
        command: The program and its arguments.
        folder: Its working directory, and where its output goes.
    """

    def __init__(self, name: str, command: Sequence[str | Path], folder: Path) -> None:
        self.name = name
        self._output = folder / f"{name}.log"
        self._lines_shown = 0
        # The very package that the tests import, whatever is installed beside it.
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
        """End it: politely, and by force if that does not help."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def new_output(self) -> str:
        """Return the last lines of its output, as far as they were not returned before."""
        lines = self._output.read_text(encoding="utf-8", errors="replace").splitlines()
        new, self._lines_shown = lines[self._lines_shown :], len(lines)
        return "\n".join(new[-_LOG_TAIL_LINES:])


Launch = Callable[[str, Sequence[str | Path], Path], Program]
"""Starts a program, as the class does; it ends with the session of tests."""


class Response(NamedTuple):
    """An HTTP response."""

    status: int
    body: str


def get(port: int, path: str) -> Response:
    """
    Send one GET request to a server of this machine.

    Raises:
        OSError: It does not answer.
    """
    connection = http.client.HTTPConnection(LOCALHOST, port, timeout=_REQUEST_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return Response(response.status, response.read().decode())
    finally:
        connection.close()


def wait_for(probe: Callable[[], _Answer], what: str) -> _Answer:
    """Ask again and again until the answer is true, and return it; fail the test if that takes too long."""
    deadline = time.monotonic() + _DEADLINE_S
    while not (answer := probe()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {_DEADLINE_S:g} s: {what}", pytrace=False)
        time.sleep(_POLL_S)
    return answer


def wait_until_ready(program: Program, port: int, path: str) -> None:
    """Wait until the program answers 200."""

    def is_ready() -> bool:
        program.check_runs()
        try:
            return get(port, path).status == http.HTTPStatus.OK
        except OSError:
            return False

    wait_for(is_ready, f"{program.name} answers on port {port}")


def free_ports(count: int) -> list[int]:
    """Choose some ports that nothing listens on."""
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
