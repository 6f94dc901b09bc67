"""Tests of serving HTTP and of stopping the service; test_scan_cycle.py tests the scan cycle."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ble_exporter.config.app_config import AppConfig
from ble_exporter.errors import PortError, ScannerError
from ble_exporter.scanner import Listener, MockScanner
from ble_exporter.scanner import Radio as RadioProtocol
from ble_exporter.service import serve
from ble_exporter.service.reload import ReloadSource
from ble_exporter.system.port import DEFAULT_OPTIONS, Endpoint, WebOptions
from ble_exporter.tasks import Tasks
from tests.certificates import Authority
from tests.radios import Radio

InVirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]
BEDROOM = "A4:C1:38:00:00:02"


@pytest.fixture
def served(app_config: AppConfig) -> AppConfig:
    """Return the configuration with a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return replace(app_config, listen_port=probe.getsockname()[1])


def serve_and(
    config: AppConfig,
    radio: RadioProtocol,
    act: Callable[[str], Coroutine[Any, Any, None]],
    source: ReloadSource | None = None,
    web: WebOptions = DEFAULT_OPTIONS,
) -> float:
    """Serve, call `act` with the URL when the server answers, then stop; return the seconds that the stop took."""
    log = logging.getLogger("test")
    began = 0.0

    async def run() -> None:
        nonlocal began
        stop = asyncio.Event()
        async with Tasks() as tasks:
            serving = tasks.start(serve(config, radio, log, stop, reload_from=source, web=web))
            await tasks.wait(serving, tasks.start(_retry(act, f"http://127.0.0.1:{config.listen_port}")))
            stop.set()
            began = time.monotonic()
            await tasks.wait(serving)

    # asyncio.run waits for remaining tasks at its end, so a task that ignores its cancellation counts too.
    asyncio.run(run())
    return time.monotonic() - began


async def _retry(act: Callable[[str], Coroutine[Any, Any, None]], url: str) -> None:
    while True:
        try:
            return await act(url)
        except (aiohttp.ClientConnectionError, ConnectionRefusedError):  # noqa: PERF203 - the server is still starting
            await asyncio.sleep(0)


def test_a_received_packet_is_served(served: AppConfig) -> None:
    """Scanner, decoder, readings and HTTP must work together, as in production."""
    bodies: list[str] = []

    async def scrape(url: str) -> None:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
            bodies.append(await response.text())

    serve_and(served, Radio(), scrape)

    assert 'ble_sensor_temperature_celsius{device="living_room"} 27.01' in bodies[0].splitlines()
    assert "process_resident_memory_bytes" in bodies[0]
    assert 'ble_exporter_collector_failures_total{collector="process"} 0.0' in bodies[0].splitlines()


def test_it_is_ready_after_the_first_scan(served: AppConfig) -> None:
    """An orchestrator waits for /readyz, which must report the service's own scans."""
    answers: list[tuple[int, str]] = []

    async def ask(url: str, until: int) -> None:
        async with aiohttp.ClientSession() as session:
            for _ in range(1000):
                async with session.get(f"{url}/readyz") as response:
                    answers.append((response.status, await response.text()))
                if response.status == until:
                    break

    serve_and(served, Radio(), lambda url: ask(url, 503))
    serve_and(served, MockScanner([]), lambda url: ask(url, 200))

    assert ((503, "the first scan has not ended yet"), (200, "ready")) == (answers[0], answers[-1])


async def _nothing(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/healthz") as response:
        assert 200 == response.status


@pytest.mark.parametrize("stops_in_s", [0, 60], ids=["stops", "hangs"])
@pytest.mark.parametrize("leaves_open", [False, True], ids=["no request", "unfinished request"])
def test_it_stops_within_a_second_during_a_scan(served: AppConfig, stops_in_s: float, *, leaves_open: bool) -> None:
    """A shutdown or Ctrl-C must not wait for a hung radio or for a client that sends half a request."""
    with ExitStack() as connections:

        async def ask(url: str) -> None:
            await _nothing(url)
            if leaves_open:
                connection = connections.enter_context(socket.create_connection(("127.0.0.1", served.listen_port)))
                connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: ")

        assert serve_and(served, Radio(stops_in_s=stops_in_s), ask) < 1


def test_a_radio_that_fails_while_stopping_is_no_failure(served: AppConfig, caplog: pytest.LogCaptureFixture) -> None:
    """At a shutdown bluetoothd may end before the exporter, whose exit status must still be 0."""

    class Leaving(Radio):
        async def run(self, listener: Listener, started: Callable[[], None]) -> None:
            try:
                await super().run(listener, started)
            finally:
                raise ScannerError("bluetoothd is gone")

    serve_and(served, Leaving(), _nothing)

    assert "while stopping: bluetoothd is gone" in caplog.messages


def test_a_failed_scan_ends_the_service(served: AppConfig) -> None:
    """The caller needs the error, from which it derives the exit status."""
    with pytest.raises(ScannerError, match="gone"):
        serve_and(served, Radio(error=ScannerError("gone")), _nothing)


def test_a_reload_reports_a_web_configuration_that_needs_a_restart(served: AppConfig, tmp_path: Path) -> None:
    """If the answer were OK, an operator would believe that the server now uses TLS."""
    path = tmp_path / "web.yml"
    path.write_text("", encoding="utf-8")
    source = ReloadSource(lambda: served, asyncio.Event(), is_served=True)
    answers: list[tuple[int, str]] = []

    async def act(url: str) -> None:
        Authority(tmp_path).issue("server")
        path.write_text("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n", encoding="utf-8")
        async with aiohttp.ClientSession() as session, session.post(f"{url}/-/reload") as response:
            answers.append((response.status, await response.text()))

    serve_and(served, Radio(), act, source, WebOptions(config_file=str(path)))

    text = f"{path}: TLS can't be turned on or off by a reload; restart the exporter to apply the file\n"
    assert [(500, text)] == answers


def test_one_of_two_ports_is_enough(
    served: AppConfig, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """If the service ended because one of two ports stays in use, nobody could scrape the other port either."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        web = WebOptions((Endpoint("127.0.0.1", served.listen_port), Endpoint("127.0.0.1", port)))

        async def run() -> None:
            stop = asyncio.Event()
            async with Tasks() as tasks:
                serving = tasks.start(serve(served, Radio(), logging.getLogger("test"), stop, web=web))
                await asyncio.sleep(3600)
                stop.set()
                await tasks.wait(serving)

        in_virtual_time(run())

    (waiting,) = (one for one in caplog.messages if "not served yet" in one)
    assert f"port {port} is not served yet (trying, but only for 2 min if no other port is served): " in waiting
    assert f": --web.listen-address: port {port} is" in waiting


def test_a_port_that_becomes_free_is_served_after_all(
    served: AppConfig, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restart may find the old process still on the port; the user must see what the exporter waits for."""
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    systemd.bind(f"\0test-serve-{served.listen_port}")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@test-serve-{served.listen_port}")
    radio = Radio()

    async def run() -> None:
        stop = asyncio.Event()
        async with Tasks() as tasks:
            with socket.create_server(("127.0.0.1", served.listen_port)):
                serving = tasks.start(serve(served, radio, logging.getLogger("test"), stop))
                await asyncio.sleep(60)
            await asyncio.sleep(60)
            stop.set()
            await tasks.wait(serving)

    with systemd:
        in_virtual_time(run())
        systemd.setblocking(False)
        statuses = [systemd.recv(5000).decode() for _ in range(3)]

    problem = f"listen_port: port {served.listen_port} is in use; end the program that uses it"
    (waiting,) = (
        one for one in caplog.messages if one.startswith(f"nothing is served yet (trying for up to 2 min): {problem}")
    )
    (serving,) = (one for one in caplog.messages if one.startswith("serving on "))
    assert caplog.messages.index(waiting) < caplog.messages.index(serving)
    assert f"STATUS=waiting to serve: port {served.listen_port} is in use" in statuses
    assert 5 == len(radio.started)


def test_a_port_that_stays_in_use_is_an_error(
    served: AppConfig, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """A user who starts the service a second time by mistake must learn why it can't serve."""
    with socket.create_server(("127.0.0.1", served.listen_port)), pytest.raises(PortError, match="is in use; end the"):
        in_virtual_time(serve(served, Radio(), logging.getLogger("test"), asyncio.Event()))

    assert 1 == len([message for message in caplog.messages if "nothing is served yet" in message])


def test_it_listens_on_ipv6_too(served: AppConfig, caplog: pytest.LogCaptureFixture) -> None:
    """Users copy the logged URL, in which an IPv6 address needs brackets."""
    caplog.set_level(logging.INFO)

    async def start_and_stop() -> None:
        stop = asyncio.Event()
        stop.set()
        await serve(replace(served, listen_address="::1"), Radio(), logging.getLogger("test"), stop)

    asyncio.run(start_and_stop())

    where = f"http://[::1]:{served.listen_port}"
    assert f"serving on {where}/metrics for Prometheus, and on {where} for people" in caplog.messages


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.getLogger("test").setLevel(logging.DEBUG)
    yield
    logging.getLogger("test").setLevel(logging.NOTSET)


def test_by_default_it_listens_on_every_address(
    app_config: AppConfig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Prometheus usually runs on another machine, and must reach the exporter without any configuration."""
    caplog.set_level(logging.INFO)
    asked: list[object] = []
    create_server = socket.create_server  # replaced below, because a test must not open a port to the network

    def start(address: tuple[str, int], **options: object) -> socket.socket:
        asked.append((address, options))
        return create_server(("127.0.0.1", 0))

    monkeypatch.setattr(socket, "create_server", start)
    stop = asyncio.Event()
    stop.set()
    asyncio.run(serve(replace(app_config, listen_address=None), Radio(), logging.getLogger("test"), stop))

    assert [(("::", 8000), {"family": socket.AF_INET6, "dualstack_ipv6": True})] == asked
    (served,) = (message for message in caplog.messages if message.startswith("serving"))
    assert served.endswith(" on http://localhost:8000 for people; on every address of this machine")
