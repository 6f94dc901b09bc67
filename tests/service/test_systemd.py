"""What systemd hears: real datagrams, on a socket of our own."""

import asyncio
import logging
import os
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
from ble_exporter.service.systemd import notify, notify_status, watchdog_period_s
from tests.conftest import PACKET_A

InVirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]
Heard = list[tuple[float, str]]
LIVING_ROOM = "A4:C1:38:00:00:01"
SCAN = "heard 1 of 2 devices, not bedroom; 1 advertisements, 0 of them from unknown devices"


class SlowToStart(MockScanner):
    """A radio that listens 3 s after it is asked to, and then hears one packet a scan."""

    def __init__(self) -> None:
        on_air_at = (30.0 * number + 1 for number in count())
        super().__init__(air=(Transmission(at, LIVING_ROOM, -60, {UUID: PACKET_A}) for at in on_air_at))

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """See Radio."""
        await asyncio.sleep(3)
        await super().run(listener, started)


class Hanging(MockScanner):
    """A radio that no longer starts from a scan on: it fails, or does not even do that."""

    def __init__(self, from_scan: int, error: Exception | None = None) -> None:
        super().__init__([(LIVING_ROOM, PACKET_A)])
        self._left = from_scan - 1
        self._error = error

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """See Radio."""
        if not self._left:
            if self._error is not None:
                raise self._error
            await asyncio.Event().wait()
        self._left -= 1
        await super().run(listener, started)


@pytest.fixture(autouse=True)
def _no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests themselves may run under systemd."""
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[socket.socket]:
    """Where systemd would listen; nobody is told of it yet."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


@pytest.fixture
def systemd(inbox: socket.socket, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """The same, and the environment that systemd gives a unit with WatchdogSec=60."""
    monkeypatch.setenv("NOTIFY_SOCKET", inbox.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    return inbox


def messages(inbox: socket.socket) -> list[str]:
    """Take what has come."""
    taken = []
    while True:
        try:
            taken.append(inbox.recv(10_000).decode())
        except BlockingIOError:  # noqa: PERF203 - this is how a socket says that it is empty
            return taken


async def served(config: AppConfig, radio: RadioProtocol, inbox: socket.socket, seconds: float) -> Heard:
    """Serve for some seconds; return each message, and when it came."""
    loop = asyncio.get_running_loop()
    heard: Heard = []
    # At once: the kernel keeps ten messages, and refuses more.
    loop.add_reader(inbox, lambda: heard.extend((loop.time(), message) for message in messages(inbox)))
    stop = asyncio.Event()
    loop.call_later(seconds, stop.set)
    # Port 0: any that is free.
    await serve(replace(config, listen_port=0), radio, logging.getLogger("test"), stop)
    loop.remove_reader(inbox)
    heard.extend((loop.time(), message) for message in messages(inbox))
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}, "something was left running"
    return heard


def test_systemd_hears_the_whole_story(
    app_config: AppConfig, systemd: socket.socket, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """Ready when the radio listens, each scan in the log's words, a sign of life at half the time, and the end."""
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
    """A unit that waits for this one must not start on a radio that is not there; the error still ends the program."""
    radio = Hanging(1, ScannerError("no Bluetooth adapter"))

    async def run() -> None:
        await serve(replace(app_config, listen_port=0), radio, log, asyncio.Event())

    with pytest.raises(ScannerError, match="no Bluetooth adapter"):
        in_virtual_time(run())

    assert ["STOPPING=1"] == messages(systemd)


def test_a_radio_that_hangs_at_its_first_start_is_given_no_sign_of_life(
    app_config: AppConfig, systemd: socket.socket, in_virtual_time: InVirtualTime
) -> None:
    """Systemd ends it after TimeoutStartSec; a WATCHDOG=1 would claim what is not so."""
    assert [(3600.0, "STOPPING=1")] == in_virtual_time(served(app_config, Hanging(1), systemd, 3600))


def test_when_scans_stop_making_progress_the_signs_of_life_stop_too(
    app_config: AppConfig, systemd: socket.socket, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """A process that lives on deaf is what the watchdog is for; the log says once why it is about to be killed."""
    heard = in_virtual_time(served(app_config, Hanging(3), systemd, 3600))

    # The second scan ended at 30 s; from 30 + 30 + 5 + 45 s on there is no progress.
    assert [30.0, 60.0, 90.0] == [at for at, message in heard if message == "WATCHDOG=1"]
    stalled = "scans make no progress (the last scan ended 90 s ago; one is due every 30 s)"
    assert [f"{stalled}: systemd's watchdog will restart the program"] == [
        message for message in caplog.messages if "no progress" in message
    ]


@pytest.mark.parametrize("interval", [30, 3600])
def test_a_healthy_run_is_never_late_with_a_sign_of_life(
    app_config: AppConfig, systemd: socket.socket, in_virtual_time: InVirtualTime, interval: int
) -> None:
    """One WatchdogSec= is right for every interval: what an interval asks is judged by the program."""
    config = replace(app_config, scan_interval_seconds=interval)

    heard = in_virtual_time(served(config, MockScanner([(LIVING_ROOM, PACKET_A)]), systemd, 7201))

    assert [at for at, message in heard if message == "WATCHDOG=1"] == [30.0 * number for number in range(1, 241)]


def test_without_the_variable_nothing_is_sent(
    app_config: AppConfig, inbox: socket.socket, in_virtual_time: InVirtualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a shell, or in a container, there is nobody to tell."""
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")

    assert [] == in_virtual_time(served(app_config, MockScanner([]), inbox, 100))


def test_without_a_watchdog_none_is_fed(
    app_config: AppConfig, systemd: socket.socket, in_virtual_time: InVirtualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unit may be Type=notify without WatchdogSec=."""
    monkeypatch.delenv("WATCHDOG_USEC")

    heard = in_virtual_time(served(app_config, MockScanner([]), systemd, 100))

    assert {"READY", "STATUS", "STOPPING"} == {message.partition("=")[0] for _, message in heard}


def test_a_systemd_that_is_gone_is_no_failure(
    app_config: AppConfig, systemd: socket.socket, in_virtual_time: InVirtualTime, tmp_path: Path
) -> None:
    """Nobody's readings end with it: neither where nobody listens any more, nor where the socket is no longer there."""
    asyncio_reads_this, other_end = socket.socketpair()
    with asyncio_reads_this, other_end:
        asyncio_reads_this.setblocking(False)
        systemd.close()
        assert [] == in_virtual_time(served(app_config, MockScanner([]), asyncio_reads_this, 100))
        (tmp_path / "notify").unlink()
        assert [] == in_virtual_time(served(app_config, MockScanner([]), asyncio_reads_this, 100))


def test_a_systemd_that_does_not_read_holds_nothing_up(systemd: socket.socket) -> None:
    """The kernel keeps some messages; a program that waited for room would no longer hear its sensors."""
    for _ in range(10_000):
        notify("WATCHDOG=1")

    assert 0 < len(messages(systemd)) < 10_000


def test_an_abstract_address_is_one_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Systemd may be told to use such a socket, and container managers do."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{tmp_path}")
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{tmp_path}")

        notify("READY=1")

        assert ["READY=1"] == messages(listening)


def test_a_status_is_one_line_that_systemd_takes(systemd: socket.socket) -> None:
    """A line break would begin another assignment; above 4096 bytes systemd drops the message."""
    notify_status("heard no 😀\nREADY=1")
    notify_status("😀" * 5000)

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
        ({}, None),
    ],
)
def test_the_watchdog_s_period_is_half_of_what_systemd_waits(
    environment: dict[str, str], period_s: float | None
) -> None:
    """It applies to this process only: feeding another's watchdog would hide that one's end."""
    assert period_s == watchdog_period_s(environment)


@given(st.fixed_dictionaries({"WATCHDOG_USEC": st.text() | st.integers().map(str) | st.just("9" * 400)}))
def test_whatever_stands_in_the_environment_is_a_period_or_none(environment: dict[str, str]) -> None:
    """A variable of somebody else's making must not end the program."""
    period_s = watchdog_period_s(environment)

    assert period_s is None or period_s > 0
