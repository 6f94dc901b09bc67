"""The service: the way of one advertisement, the cycle of scans, and the end."""

import asyncio
import errno
import logging
import socket
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from ble_exporter.config import AppConfig
from ble_exporter.errors import ConfigError, ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.metrics import Readings
from ble_exporter.model import Advertisement
from ble_exporter.scanner import Listener, MockScanner
from ble_exporter.scanner import Radio as RadioProtocol
from ble_exporter.scanner.capture import Transmission
from ble_exporter.service import ScanCycle, serve
from tests.conftest import PACKET_A, PACKET_B

InVirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]
LIVING_ROOM, BEDROOM = "A4:C1:38:00:00:01", "A4:C1:38:00:00:02"


class Radio:
    """A scanner that notes when it was run, and fails or lingers as a test wants."""

    adapters: Mapping[str, bool] = MappingProxyType({})

    def __init__(self, *, error: Exception | None = None, at_scan: int = 1, stops_in_s: float = 0.0) -> None:
        self._error = error
        self._at_scan = at_scan
        self._stops_in_s = stops_in_s
        self.started: list[float] = []

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Hear one packet of the living room, then listen on."""
        self.started.append(asyncio.get_running_loop().time())
        if self._error is not None and len(self.started) == self._at_scan:
            raise self._error
        started()
        if listener.wants(LIVING_ROOM):
            listener.handle(Advertisement(LIVING_ROOM, {UUID: PACKET_A}, 1000.0, -60))
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(self._stops_in_s)

    async def scan(self, duration_s: float) -> list[tuple[str, bytes]]:
        """See AbstractScanner; the service does not use it."""
        raise NotImplementedError(duration_s)


def value(readings: Readings, metric: str, device: str) -> float | None:
    """Return what a scrape shows of one series."""
    for family in readings.collect():
        for sample in family.samples:
            if (sample.name, sample.labels["device"]) == (metric, device):
                return float(sample.value)
    return None


def run_cycle(cycle: ScanCycle, seconds: float) -> Coroutine[Any, Any, None]:
    """Run a cycle for some seconds."""

    async def run() -> None:
        running = asyncio.ensure_future(cycle.run())
        await asyncio.wait({running}, timeout=seconds)
        running.cancel()
        await asyncio.wait({running})
        if not running.cancelled():
            running.result()

    return run()


def test_scans_do_not_drift(app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime) -> None:
    """A scan that takes a little longer than asked must not move all that follow."""
    radio = Radio(stops_in_s=0.3)

    in_virtual_time(run_cycle(ScanCycle(app_config, radio, log), 3601))

    assert [30.0 * number for number in range(121)] == pytest.approx(radio.started)


def test_a_scan_that_overruns_is_followed_by_the_next_at_once(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """Where the radio takes longer to stop than there is pause."""
    radio = Radio(stops_in_s=1.25)

    in_virtual_time(run_cycle(ScanCycle(replace(app_config, scan_interval_seconds=6), radio, log), 600))

    assert all(later - earlier == pytest.approx(6.25) for earlier, later in pairwise(radio.started))


@pytest.fixture
def without_pause(app_config: AppConfig) -> AppConfig:
    """The configuration, listening all the time."""
    return replace(app_config, scan_duration_seconds=app_config.scan_interval_seconds)


def test_a_radio_that_listens_all_the_time_is_never_stopped(
    without_pause: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """Each stop is a moment of deafness, and BlueZ does not like to be started and stopped."""
    radio = Radio(stops_in_s=0.3)
    cycle = ScanCycle(without_pause, radio, log)

    in_virtual_time(run_cycle(cycle, 3601))

    assert (radio.started, cycle.counts.scans, cycle.counts.last_scan_duration) == ([0.0], 121, 30.0)


def test_without_pause_too_a_device_that_falls_silent_goes_with_the_next_scan(
    without_pause: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """A scan is then the time from one look to the next: what was not heard in it goes."""
    air = [Transmission(second + 0.5, BEDROOM, -60, {UUID: PACKET_B}) for second in range(40)]

    def shown_after(seconds: float) -> tuple[float | None, int]:
        cycle = ScanCycle(without_pause, MockScanner(air=air), log)
        in_virtual_time(run_cycle(cycle, seconds))
        return value(cycle.readings, "ble_sensor_voltage_volts", "bedroom"), cycle.tracker.devices_seen

    assert shown_after(89) == (2.848, 1)
    assert shown_after(91) == (None, 0)


def test_a_radio_that_fails_without_pause_ends_the_cycle(
    without_pause: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """In the middle of any scan, not only of the first."""

    class Dying(Radio):
        async def run(self, listener: Listener, started: Callable[[], None]) -> None:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(super().run(listener, started), 100)
            raise ScannerError("gone")

    cycle = ScanCycle(without_pause, Dying(), log)

    with pytest.raises(ScannerError, match="gone"):
        in_virtual_time(run_cycle(cycle, 1000))
    assert (cycle.counts.scans, cycle.counts.scan_failures) == (4, 1)


def test_after_a_standstill_a_whole_scan_follows(
    without_pause: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """Or the values would go for want of time to hear them: a Pi may stand still while its card is busy."""
    cycle = ScanCycle(without_pause, Radio(), log)

    async def run() -> list[int]:
        running = asyncio.ensure_future(cycle.run())
        await asyncio.sleep(59)
        asyncio.get_running_loop().stand_still(50)  # type: ignore[attr-defined] # the test's loop has it
        scans = []
        for _second in range(40):
            await asyncio.sleep(1)
            scans.append(cycle.counts.scans)
        running.cancel()
        return scans

    assert in_virtual_time(run()) == 30 * [3] + 10 * [4]


def test_a_completed_scan_is_told_everywhere(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """Status, metrics and log tell the same story."""
    caplog.set_level(logging.INFO)
    cycle = ScanCycle(app_config, Radio(), log, clock=lambda: 1716480000.5)

    in_virtual_time(run_cycle(cycle, 10))

    assert (cycle.tracker.last_scan_timestamp, cycle.tracker.devices_seen) == (1716480000, 1)
    assert (
        cycle.counts.scans,
        cycle.counts.scan_failures,
        cycle.counts.last_scan_timestamp,
        cycle.counts.last_scan_duration,
    ) == (1, 0, 1716480000.5, 5.0)
    assert (
        caplog.messages[-1]
        == "scan 1: heard 1 of 2 devices, not bedroom; 1 advertisements, 0 of them from unknown devices"
    )


def test_a_device_that_falls_silent_goes_with_the_next_scan(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """From the air to the scrape, with the simulated radio."""
    air = [Transmission(float(second), LIVING_ROOM, -60, {UUID: PACKET_A}) for second in range(100)]
    air += [Transmission(float(second), BEDROOM, -60, {UUID: PACKET_B}) for second in range(10)]

    def shown_after(seconds: float) -> tuple[float | None, float | None, int]:
        cycle = ScanCycle(app_config, MockScanner(air=sorted(air, key=attrgetter("at"))), log)
        in_virtual_time(run_cycle(cycle, seconds))
        voltage = value(cycle.readings, "ble_sensor_voltage_volts", "bedroom")
        temperature = value(cycle.readings, "ble_sensor_temperature_celsius", "living_room")
        return voltage, temperature, cycle.tracker.devices_seen

    assert shown_after(20) == (2.848, 27.01, 2)
    assert shown_after(40) == (None, 27.01, 1)


def test_a_failed_scan_ends_the_cycle(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """Never a process that lives on deaf."""
    cycle = ScanCycle(app_config, Radio(error=ScannerError("gone"), at_scan=2), log)

    with pytest.raises(ScannerError, match="gone"):
        in_virtual_time(run_cycle(cycle, 100))
    assert (cycle.counts.scans, cycle.counts.scan_failures) == (2, 1)


@pytest.fixture
def served(app_config: AppConfig) -> AppConfig:
    """The configuration, on a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return replace(app_config, listen_port=probe.getsockname()[1])


def serve_and(config: AppConfig, radio: RadioProtocol, act: Callable[[str], Coroutine[Any, Any, None]]) -> float:
    """Serve, act on the URL once it answers, then stop; return how many seconds it took until all was over."""
    log = logging.getLogger("test")
    began = 0.0

    async def run() -> None:
        nonlocal began
        stop = asyncio.Event()
        serving = asyncio.ensure_future(serve(config, radio, log, stop))
        acting = asyncio.ensure_future(_retry(act, f"http://127.0.0.1:{config.listen_port}"))
        await asyncio.wait({serving, acting}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            acting.cancel()
            serving.result()
        await acting
        stop.set()
        began = time.monotonic()
        await serving

    # With what asyncio.run clears away at its end: a task that could not be stopped would hold it up.
    asyncio.run(run())
    return time.monotonic() - began


async def _retry(act: Callable[[str], Coroutine[Any, Any, None]], url: str) -> None:
    while True:
        try:
            return await act(url)
        except (aiohttp.ClientConnectionError, ConnectionRefusedError):  # noqa: PERF203 - the server is just starting
            await asyncio.sleep(0)


def test_what_the_radio_hears_is_served(served: AppConfig) -> None:
    """The same path, whole: scanner, decoder, store, HTTP."""
    bodies: list[str] = []

    async def scrape(url: str) -> None:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
            bodies.append(await response.text())

    serve_and(served, Radio(), scrape)

    assert 'ble_sensor_temperature_celsius{device="living_room"} 27.01' in bodies[0].splitlines()
    assert "process_resident_memory_bytes" in bodies[0]
    assert 'ble_exporter_collector_failures_total{collector="process"} 0.0' in bodies[0].splitlines()


def test_it_is_ready_when_the_first_scan_has_ended(served: AppConfig) -> None:
    """The scans that the service runs are those that /readyz tells of: not before, and then without a restart."""
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

    assert (answers[0], answers[-1]) == ((503, "the first scan has not ended yet"), (200, "ready"))


async def _nothing(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/healthz") as response:
        assert response.status == 200


async def _leave_a_request_open(url: str) -> None:
    _reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: ")
    await writer.drain()
    _left_open.append(writer)


_left_open: list[asyncio.StreamWriter] = []


@pytest.mark.parametrize("stops_in_s", [0, 60], ids=["obedient", "hung"])
@pytest.mark.parametrize("act", [_nothing, _leave_a_request_open])
def test_it_stops_within_a_second_in_the_middle_of_a_scan(
    served: AppConfig, stops_in_s: float, act: Callable[[str], Coroutine[Any, Any, None]]
) -> None:
    """systemd, a shutdown, a Ctrl-C: nobody waits for a radio that does not answer, or for a client that does not."""
    assert serve_and(served, Radio(stops_in_s=stops_in_s), act) < 1


def test_a_radio_that_fails_while_stopping_is_no_failure(served: AppConfig, caplog: pytest.LogCaptureFixture) -> None:
    """At the machine's shutdown bluetoothd may be gone first: the exit status is still 0."""

    class Leaving(Radio):
        async def run(self, listener: Listener, started: Callable[[], None]) -> None:
            try:
                await super().run(listener, started)
            finally:
                raise ScannerError("bluetoothd is gone")

    serve_and(served, Leaving(), _nothing)

    assert "while stopping: bluetoothd is gone" in caplog.messages


def test_a_failed_scan_ends_the_service(served: AppConfig) -> None:
    """The exit code is main's; here it is the error."""
    with pytest.raises(ScannerError, match="gone"):
        serve_and(served, Radio(error=ScannerError("gone")), _nothing)


def test_a_port_in_use_is_named_with_the_way_out(served: AppConfig) -> None:
    """The second start of the same service is the usual case."""
    with socket.create_server(("127.0.0.1", served.listen_port)), pytest.raises(ConfigError) as caught:
        asyncio.run(serve(served, Radio(), logging.getLogger("test"), asyncio.Event()))

    remedy = "end the program that uses it (`ss -ltnp` shows it), or set another port"
    assert str(caught.value) == f"listen_port: port {served.listen_port} is in use: {remedy}"


def test_an_address_of_another_machine_is_named(served: AppConfig) -> None:
    """It is listen_address then that is wrong, not the port."""
    with pytest.raises(ConfigError, match=r"listen_address: 192\.0\.2\.1 is not an address of this machine"):
        asyncio.run(
            serve(replace(served, listen_address="192.0.2.1"), Radio(), logging.getLogger("test"), asyncio.Event())
        )


def test_it_listens_on_ipv6_too(served: AppConfig, caplog: pytest.LogCaptureFixture) -> None:
    """The address is shown as a URL needs it."""
    caplog.set_level(logging.INFO)

    async def start_and_stop() -> None:
        stop = asyncio.Event()
        stop.set()
        await serve(replace(served, listen_address="::1"), Radio(), logging.getLogger("test"), stop)

    asyncio.run(start_and_stop())

    assert f"serving on http://[::1]:{served.listen_port}/metrics" in caplog.messages


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.getLogger("test").setLevel(logging.DEBUG)
    yield
    logging.getLogger("test").setLevel(logging.NOTSET)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "listen_port: this user may not listen on port 80: set one above 1023"),
        (errno.EINVAL, "listen_address: fe80::1 can't be listened on (Invalid argument): `ip address` shows others"),
        (None, "listen_address: fe80::1 is not an address of this machine: `ip address` shows those"),
    ],
)
def test_other_problems_with_the_socket_have_their_own_words(
    app_config: AppConfig, monkeypatch: pytest.MonkeyPatch, number: int | None, said: str
) -> None:
    """As root on any machine they can't be had for real: the error is put in by hand."""

    async def start(_site: web.TCPSite) -> None:
        raise OSError(number, "x") if number else OSError("x")

    monkeypatch.setattr(web.TCPSite, "start", start)
    config = replace(app_config, listen_address="fe80::1", listen_port=80)

    with pytest.raises(ConfigError) as caught:
        asyncio.run(serve(config, Radio(), logging.getLogger("test"), asyncio.Event()))
    assert str(caught.value) == said


def test_by_default_every_address_is_listened_on(
    app_config: AppConfig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Contract: open to everyone by default. Asked of aiohttp without opening the port to everyone here."""
    caplog.set_level(logging.INFO)
    asked: list[str] = []

    async def start(site: web.TCPSite) -> None:
        asked.append(site.name)

    monkeypatch.setattr(web.TCPSite, "start", start)
    stop = asyncio.Event()
    stop.set()
    asyncio.run(serve(replace(app_config, listen_address=None), Radio(), logging.getLogger("test"), stop))

    assert asked == ["http://0.0.0.0:8000"]
    assert "serving on http://localhost:8000/metrics, on every address of this machine" in caplog.messages


def test_a_device_that_was_rejected_is_told_with_the_reason(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """Who reads only the last lines of the log must not look for a flat battery where a key is set."""
    caplog.set_level(logging.INFO)
    air = [Transmission(0.0, BEDROOM, -60, {UUID: b"\x41"}), Transmission(0.0, LIVING_ROOM, -60, {UUID: PACKET_A})]

    in_virtual_time(run_cycle(ScanCycle(app_config, MockScanner(air=air), log), 10))

    assert "scan 1: heard 1 of 2 devices, not bedroom (rejected: encrypted); 2 advertisements" in caplog.text


def test_the_end_of_a_capture_is_told_once(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """From then on all series are gone, and that must have a reason."""
    air = [Transmission(0.0, LIVING_ROOM, -60, {UUID: PACKET_A})]

    in_virtual_time(run_cycle(ScanCycle(app_config, MockScanner(air=air), log), 100))

    assert caplog.messages.count("the capture is over: nothing more will be heard") == 1
