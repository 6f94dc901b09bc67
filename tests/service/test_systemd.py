"""Tests of the notifications to systemd, which are real datagrams on a socket of the test."""

import asyncio
import logging
import os
import resource
import socket
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.config.app_config import AppConfig
from ble_exporter.errors import ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.scanner import Listener, MockScanner
from ble_exporter.scanner import Radio as RadioProtocol
from ble_exporter.scanner.capture import Transmission
from ble_exporter.service import serve
from ble_exporter.service.systemd import Notifier, watchdog_period_s
from tests.conftest import PACKET_A

InVirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]
Heard = list[tuple[float, str]]
LIVING_ROOM = "A4:C1:38:00:00:01"
SCAN = "heard 1 of 2 devices, not bedroom; 1 advertisement, 0 of them from unknown devices"


class SlowToStart(MockScanner):
    """A radio that takes 3 s to start, and then receives one packet per scan."""

    def __init__(self) -> None:
        on_air_at = (30.0 * number + 1 for number in count())
        super().__init__(air=(Transmission(at, LIVING_ROOM, -60, {UUID: PACKET_A}) for at in on_air_at))

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Listen after 3 s."""
        await asyncio.sleep(3)
        await super().run(listener, started)


class Hanging(MockScanner):
    """A radio that, from scan number `from_scan` on, raises `error` or hangs at its start."""

    def __init__(self, from_scan: int, error: Exception | None = None) -> None:
        super().__init__([(LIVING_ROOM, PACKET_A)])
        self._left = from_scan - 1
        self._error = error

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Listen, raise the error, or hang."""
        if not self._left:
            if self._error is not None:
                raise self._error
            await asyncio.Event().wait()
        self._left -= 1
        await super().run(listener, started)


@pytest.fixture(autouse=True)
def _no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove systemd's variables, since the tests themselves may run under systemd."""
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[socket.socket]:
    """Return a socket in place of systemd's; the environment does not name it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


@pytest.fixture
def systemd(inbox: socket.socket, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """Return the inbox, with the environment that systemd sets for a unit with WatchdogSec=60."""
    monkeypatch.setenv("NOTIFY_SOCKET", inbox.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    return inbox


def messages(inbox: socket.socket) -> list[str]:
    """Return the messages received since the last call."""
    taken = []
    while True:
        try:
            taken.append(inbox.recv(10_000).decode())
        except BlockingIOError:  # noqa: PERF203 - an empty socket raises this
            return taken


async def served(config: AppConfig, radio: RadioProtocol, inbox: socket.socket, seconds: float) -> Heard:
    """Serve for this time; return each message with its time of arrival."""
    loop = asyncio.get_running_loop()
    heard: Heard = []
    # Each message is read immediately, because the kernel queues only ten.
    loop.add_reader(inbox, lambda: heard.extend((loop.time(), message) for message in messages(inbox)))
    stop = asyncio.Event()
    loop.call_later(seconds, stop.set)
    # Port 0 selects any free port.
    await serve(replace(config, listen_port=0), radio, logging.getLogger("test"), stop)
    loop.remove_reader(inbox)
    heard.extend((loop.time(), message) for message in messages(inbox))
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}, "a task is still running"
    return heard


def test_systemd_gets_every_notification(
    app_config: AppConfig, systemd: socket.socket, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """Units ordered after the exporter's wait for READY, and `systemctl status` shows the same text as the log."""
    caplog.set_level(logging.INFO)

    heard = in_virtual_time(served(app_config, SlowToStart(), systemd, 64))

    assert [
        (3.0, "READY=1"),
        (8.0, f"STATUS=scan 1: {SCAN}"),
        (30.0, "WATCHDOG=1"),
        (38.0, f"STATUS=scan 2: {SCAN}"),
        (60.0, "WATCHDOG=1"),
        (64.0, "STOPPING=1"),
    ] == heard
    assert [f"scan {number}: {SCAN}" for number in (1, 2)] == [text for text in caplog.messages if " heard " in text]


def test_a_radio_that_does_not_start_is_never_ready(
    app_config: AppConfig, systemd: socket.socket, in_virtual_time: InVirtualTime, log: logging.Logger
) -> None:
    """Units that depend on the exporter's must not start without a radio; the error still ends the program."""
    radio = Hanging(1, ScannerError("no Bluetooth adapter"))

    async def run() -> None:
        await serve(replace(app_config, listen_port=0), radio, log, asyncio.Event())

    with pytest.raises(ScannerError, match="no Bluetooth adapter"):
        in_virtual_time(run())

    assert ["STOPPING=1"] == messages(systemd)


def test_while_a_radio_hangs_at_its_first_start_the_watchdog_is_not_fed(
    app_config: AppConfig, systemd: socket.socket, in_virtual_time: InVirtualTime
) -> None:
    """After TimeoutStartSec systemd ends the program; WATCHDOG=1 would claim that the program works."""
    assert [(3600.0, "STOPPING=1")] == in_virtual_time(served(app_config, Hanging(1), systemd, 3600))


def test_without_progress_of_the_scans_the_watchdog_is_not_fed(
    app_config: AppConfig, systemd: socket.socket, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """Systemd must restart a process that no longer receives packets; one log line gives the reason."""
    heard = in_virtual_time(served(app_config, Hanging(3), systemd, 3600))

    # The second scan ended at 30 s; 30 + 5 + 45 s later the scans count as stalled.
    assert [30.0, 60.0, 90.0] == [at for at, message in heard if message == "WATCHDOG=1"]
    stalled = "scans make no progress (the last scan ended 90 s ago; a scan is due every 30 s)"
    assert [f"{stalled}: systemd's watchdog will restart the program"] == [
        message for message in caplog.messages if "no progress" in message
    ]


@pytest.mark.parametrize("interval", [30, 3600])
def test_a_healthy_service_always_feeds_the_watchdog_in_time(
    app_config: AppConfig, systemd: socket.socket, in_virtual_time: InVirtualTime, interval: int
) -> None:
    """The program allows for its own scan interval, so one WatchdogSec= must suit every interval."""
    config = replace(app_config, scan_interval_seconds=interval)

    heard = in_virtual_time(served(config, MockScanner([(LIVING_ROOM, PACKET_A)]), systemd, 7201))

    assert [at for at, message in heard if message == "WATCHDOG=1"] == [30.0 * number for number in range(1, 241)]


def test_without_notify_socket_nothing_is_sent(
    app_config: AppConfig, inbox: socket.socket, in_virtual_time: InVirtualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a shell or a container no systemd listens, and the program must work there too."""
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")

    assert [] == in_virtual_time(served(app_config, MockScanner([]), inbox, 100))


def test_without_watchdogsec_no_watchdog_message_is_sent(
    app_config: AppConfig, systemd: socket.socket, in_virtual_time: InVirtualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unit may have Type=notify without WatchdogSec=, and then systemd expects no watchdog messages."""
    monkeypatch.delenv("WATCHDOG_USEC")

    heard = in_virtual_time(served(app_config, MockScanner([]), systemd, 100))

    assert {"READY", "STATUS", "STOPPING"} == {message.partition("=")[0] for _, message in heard}


def test_a_closed_or_missing_socket_is_no_failure(
    app_config: AppConfig, systemd: socket.socket, in_virtual_time: InVirtualTime, tmp_path: Path
) -> None:
    """The readings must continue, even if systemd's socket is closed or its file is missing."""
    asyncio_reads_this, other_end = socket.socketpair()
    with asyncio_reads_this, other_end:
        asyncio_reads_this.setblocking(False)
        systemd.close()
        assert [] == in_virtual_time(served(app_config, MockScanner([]), asyncio_reads_this, 100))
        (tmp_path / "notify").unlink()
        assert [] == in_virtual_time(served(app_config, MockScanner([]), asyncio_reads_this, 100))


def test_a_systemd_that_does_not_read_delays_nothing(systemd: socket.socket) -> None:
    """If the program waited for space in the kernel's queue, it would no longer receive its sensors."""
    with Notifier(logging.getLogger("test")) as notifier:
        for _ in range(10_000):
            notifier.notify("WATCHDOG=1")

    assert 0 < len(messages(systemd)) < 10_000


@pytest.fixture
def _no_descriptors() -> Iterator[None]:
    """Allow this process no further file descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_watchdog_is_fed_when_no_descriptor_is_left(
    systemd: socket.socket, log: logging.Logger, request: pytest.FixtureRequest
) -> None:
    """If connections use up the file descriptors, systemd must not restart the program as if it had hung."""
    with Notifier(log) as notifier:
        request.getfixturevalue("_no_descriptors")
        notifier.notify("WATCHDOG=1")

    assert ["WATCHDOG=1"] == messages(systemd)


@pytest.mark.usefixtures("systemd", "_no_descriptors")
def test_a_notifier_that_gets_no_socket_says_so(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    """Systemd will restart the program again and again; the log must give the reason."""
    with Notifier(log) as notifier:
        notifier.notify("READY=1")

    assert ["systemd can't be notified, and will restart the program: Too many open files"] == caplog.messages


def test_an_abstract_socket_address_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Container managers use abstract sockets, whose address begins with @, and wait for READY on them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{tmp_path}")
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{tmp_path}")

        with Notifier(logging.getLogger("test")) as notifier:
            notifier.notify("READY=1")

        assert ["READY=1"] == messages(listening)


def test_a_status_is_one_line_that_systemd_accepts(systemd: socket.socket) -> None:
    """A line break would start another assignment, and systemd drops a message of more than 4096 bytes."""
    with Notifier(logging.getLogger("test")) as notifier:
        notifier.notify_status("heard no 😀\nREADY=1")
        notifier.notify_status("😀" * 5000)

    first, second = messages(systemd)
    assert "STATUS=heard no 😀 READY=1" == first
    assert (True, True) == (second.startswith("STATUS=😀"), len(second.encode()) <= 4096)


@pytest.mark.parametrize(
    ("environment", "period_s"),
    [
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": ""}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_period_is_half_of_systemd_s_limit(environment: dict[str, str], period_s: float | None) -> None:
    """If the watchdog belongs to another process, feeding it would hide the end of that process."""
    assert period_s == watchdog_period_s(environment)


@given(st.fixed_dictionaries({"WATCHDOG_USEC": st.text() | st.integers().map(str) | st.just("9" * 400)}))
def test_any_environment_gives_a_period_or_none(environment: dict[str, str]) -> None:
    """The environment may contain an invalid value, which must not end the program."""
    period_s = watchdog_period_s(environment)

    assert period_s is None or period_s > 0
