"""The service: the way of one advertisement, the cycle of scans, and the end."""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from itertools import pairwise
from operator import attrgetter
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.config import AppConfig
from ble_exporter.errors import ConfigError, ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.metrics import Readings
from ble_exporter.model import Advertisement
from ble_exporter.scanner import AbstractScanner, Deliver, MockScanner
from ble_exporter.scanner.capture import Transmission
from ble_exporter.self_metrics import SelfMetrics
from ble_exporter.service import Pipeline, ScanCycle, serve
from tests.conftest import PACKET_A, PACKET_B

InVirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]
LIVING_ROOM, BEDROOM = "A4:C1:38:00:00:01", "A4:C1:38:00:00:02"


class Radio:
    """A scanner that notes when it was run, and fails or lingers as a test wants."""

    def __init__(self, *, error: Exception | None = None, at_scan: int = 1, stops_in_s: float = 0.0) -> None:
        self._error = error
        self._at_scan = at_scan
        self._stops_in_s = stops_in_s
        self.started: list[float] = []

    async def run(self, deliver: Deliver) -> None:
        """Hear one packet of the living room, then listen on."""
        self.started.append(asyncio.get_running_loop().time())
        if self._error is not None and len(self.started) == self._at_scan:
            raise self._error
        deliver(Advertisement(LIVING_ROOM, {UUID: PACKET_A}, 1000.0, -60))
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(self._stops_in_s)

    async def scan(self, duration_s: float) -> list[tuple[str, bytes]]:
        """See AbstractScanner; the service does not use it."""
        raise NotImplementedError(duration_s)


@pytest.fixture
def counts() -> SelfMetrics:
    """Fresh counts."""
    return SelfMetrics()


@pytest.fixture
def readings() -> Readings:
    """An empty store."""
    return Readings()


@pytest.fixture
def pipeline(readings: Readings, counts: SelfMetrics, app_config: AppConfig, log: logging.Logger) -> Pipeline:
    """A pipeline for the two devices of the configuration."""
    return Pipeline(app_config.devices, readings, counts, log)


def value(readings: Readings, metric: str, device: str) -> float | None:
    """Return what a scrape shows of one series."""
    for family in readings.collect():
        for sample in family.samples:
            if (sample.name, sample.labels["device"]) == (metric, device):
                return float(sample.value)
    return None


def test_an_advertisement_of_a_configured_device_becomes_a_reading(
    pipeline: Pipeline, readings: Readings, counts: SelfMetrics
) -> None:
    """The whole point."""
    pipeline.handle(Advertisement(LIVING_ROOM, {UUID: PACKET_A}, 1000.0, -60))

    assert value(readings, "ble_sensor_temperature_celsius", "living_room") == 27.01
    assert (counts.received, counts.decoded) == (1, 1)


def test_a_stranger_is_counted_and_nothing_else(pipeline: Pipeline, readings: Readings, counts: SelfMetrics) -> None:
    """The neighbour's sensor must never appear on the graph."""
    pipeline.handle(Advertisement("A4:C1:38:FF:FF:FF", {UUID: PACKET_A}, 1000.0, -60))

    assert list(readings.collect()) == []
    assert (counts.received, counts.decoded, counts.unknown_device) == (1, 0, 1)


def test_addresses_of_a_configuration_match_whatever_their_case(
    readings: Readings, counts: SelfMetrics, log: logging.Logger
) -> None:
    """Contract; load_config writes them upper case, an AppConfig that is built by hand may not."""
    Pipeline({"a4:c1:38:00:00:01": "attic"}, readings, counts, log).handle(
        Advertisement(LIVING_ROOM, {UUID: PACKET_A}, 1000.0)
    )

    assert counts.decoded == 1


@pytest.mark.parametrize(
    ("service_data", "reason"),
    [
        ({UUID: b""}, "truncated"),
        ({UUID: b"\x20"}, "wrong_version"),
        ({UUID: b"\x41\x00"}, "encrypted"),
        ({UUID: b"\x42"}, "reserved_bit"),
        ({}, "no_known_format"),
    ],
)
def test_a_rejected_advertisement_is_counted_by_reason_and_refreshes_nothing(
    pipeline: Pipeline, readings: Readings, counts: SelfMetrics, service_data: dict[str, bytes], reason: str
) -> None:
    """A packet that could not be read must not keep old values alive."""
    pipeline.handle(Advertisement(LIVING_ROOM, service_data, 1000.0, -60))

    assert {reason: 1} == {name: count for name, count in counts.rejected.items() if count}
    assert list(readings.collect()) == []


def test_a_rejection_is_logged_once_for_each_device_and_reason(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    """It names the sensor; but one that sends nonsense every 2.5 s must not fill the SD card."""
    caplog.set_level(logging.INFO)
    for address in (LIVING_ROOM, LIVING_ROOM, BEDROOM):
        pipeline.handle(Advertisement(address, {UUID: b"\x41"}, 1000.0, -60))

    assert [
        f"rejected an advertisement of {device} ({address}): encrypted: the BTHome payload is encrypted: 41"
        for device, address in (("living_room", LIVING_ROOM), ("bedroom", BEDROOM))
    ] == caplog.messages


def test_a_device_is_logged_when_it_is_first_heard(pipeline: Pipeline, caplog: pytest.LogCaptureFixture) -> None:
    """The newcomer watches the log for the first readings."""
    caplog.set_level(logging.INFO)
    for _ in range(2):
        pipeline.handle(Advertisement(LIVING_ROOM, {UUID: PACKET_A}, 1000.0, -60))

    values = "battery 81, temperature 27.01, humidity 44.93, RSSI -60 dBm"
    assert [f"heard living_room ({LIVING_ROOM}) for the first time: {values}"] == caplog.messages


@given(st.lists(st.tuples(st.sampled_from([LIVING_ROOM, "A4:C1:38:FF:FF:FF"]), st.binary(max_size=20))))
def test_every_advertisement_is_counted_once(packets: list[tuple[str, bytes]]) -> None:
    """Received = decoded + unknown + rejected: a packet without a reason is a gap that no one can explain."""
    counts = SelfMetrics()
    log = logging.getLogger("test")
    log.setLevel(logging.CRITICAL)
    pipeline = Pipeline({LIVING_ROOM: "living_room"}, Readings(), counts, log)
    for address, payload in packets:
        pipeline.handle(Advertisement(address, {UUID: payload}, 1000.0))

    assert len(packets) == counts.received == counts.decoded + counts.unknown_device + sum(counts.rejected.values())


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
    """Where interval and duration are equal the radio listens all the time, but for the switching."""
    radio = Radio(stops_in_s=0.25)

    in_virtual_time(run_cycle(ScanCycle(replace(app_config, scan_interval_seconds=5), radio, log), 600))

    assert all(later - earlier == pytest.approx(5.25) for earlier, later in pairwise(radio.started))


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


def serve_and(config: AppConfig, scanner: AbstractScanner, act: Callable[[str], Coroutine[Any, Any, None]]) -> float:
    """Serve, act on the URL once it answers, then stop; return how many seconds the stop took."""
    log = logging.getLogger("test")

    async def run() -> float:
        stop = asyncio.Event()
        serving = asyncio.ensure_future(serve(config, scanner, log, stop))
        url = f"http://127.0.0.1:{config.listen_port}"
        acting = asyncio.ensure_future(_retry(act, url))
        await asyncio.wait({serving, acting}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            acting.cancel()
            serving.result()
        await acting
        stop.set()
        began = asyncio.get_running_loop().time()
        await serving
        return asyncio.get_running_loop().time() - began

    return asyncio.run(run())


async def _retry(act: Callable[[str], Coroutine[Any, Any, None]], url: str) -> None:
    while True:
        try:
            return await act(url)
        except aiohttp.ClientConnectionError:  # noqa: PERF203 - the server is just starting
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


async def _nothing(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/healthz") as response:
        assert response.status == 200


@pytest.mark.parametrize("radio", [Radio(), Radio(stops_in_s=60)], ids=["obedient", "hung"])
def test_it_stops_within_a_second_in_the_middle_of_a_scan(served: AppConfig, radio: Radio) -> None:
    """systemd, a shutdown, a Ctrl-C: nobody waits for a radio that does not answer."""
    assert serve_and(served, radio, _nothing) < 1


def test_a_radio_that_fails_while_stopping_is_no_failure(served: AppConfig, caplog: pytest.LogCaptureFixture) -> None:
    """At the machine's shutdown bluetoothd may be gone first: the exit status is still 0."""

    class Leaving(Radio):
        async def run(self, deliver: Deliver) -> None:
            try:
                await super().run(deliver)
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

    assert (
        f"listen_port: port {served.listen_port} can't be listened on (Address already in use): end the program "
        "that uses it (`ss -ltnp` shows it), or set another port" == str(caught.value)
    )


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
