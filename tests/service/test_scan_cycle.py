"""Tests of the scan cycle, and of the path of an advertisement from the radio to the scrape."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from operator import attrgetter
from typing import Any

import pytest

from ble_exporter.config.app_config import AppConfig
from ble_exporter.device.clock import Clock
from ble_exporter.errors import ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.metrics.readings import Readings
from ble_exporter.model import Advertisement
from ble_exporter.scanner import Listener, MockScanner
from ble_exporter.scanner.capture import Transmission
from ble_exporter.service.scan_cycle import ScanCycle
from ble_exporter.tasks import Tasks, within
from tests.conftest import PACKET_A, PACKET_B
from tests.radios import LIVING_ROOM, Radio

InVirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]
BEDROOM = "A4:C1:38:00:00:02"


def value(readings: Readings, metric: str, device: str) -> float | None:
    """Return the value of one series in a scrape, or None if the series is missing."""
    for family in readings.collect():
        for sample in family.samples:
            if (sample.name, sample.labels["device"]) == (metric, device):
                return float(sample.value)
    return None


def run_cycle(cycle: ScanCycle, seconds: float) -> Coroutine[Any, Any, None]:
    """Return a coroutine that runs the cycle for this time."""

    async def run() -> None:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(cycle.run()), timeout_s=seconds)

    return run()


def test_scans_do_not_drift(app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime) -> None:
    """A scan that takes a little longer than configured must not delay all later ones."""
    radio = Radio(stops_in_s=0.3)

    in_virtual_time(run_cycle(ScanCycle(app_config, radio, log), 3601))

    assert [30.0 * number for number in range(121)] == pytest.approx(radio.started)


def test_the_next_scan_follows_an_overlong_one_immediately(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """If a radio takes longer to stop than the pause lasts, no further time may be lost."""
    radio = Radio(stops_in_s=1.25)

    in_virtual_time(run_cycle(ScanCycle(replace(app_config, scan_interval_seconds=6), radio, log), 600))

    assert all(later - earlier == pytest.approx(6.25) for earlier, later in pairwise(radio.started))


@pytest.fixture
def without_pause(app_config: AppConfig) -> AppConfig:
    """Return a configuration with continuous listening."""
    return replace(app_config, scan_duration_seconds=app_config.scan_interval_seconds)


def test_in_continuous_listening_the_radio_is_never_stopped(
    without_pause: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """The radio receives nothing while it restarts, and each restart burdens BlueZ."""
    radio = Radio(stops_in_s=0.3)
    cycle = ScanCycle(without_pause, radio, log)

    in_virtual_time(run_cycle(cycle, 3601))

    assert ([0.0], 121, 30.0) == (radio.started, cycle.counts.scans, cycle.counts.last_scan_duration)


def test_in_continuous_listening_a_silent_device_expires_with_the_next_scan(
    without_pause: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """Continuous listening must also expire the values of a device that was not received during a whole scan."""
    air = [
        Transmission(second + 0.5, BEDROOM if second < 40 else LIVING_ROOM, -60, {UUID: PACKET_B})
        for second in range(200)
    ]

    def shown_after(seconds: float) -> tuple[float | None, int]:
        cycle = ScanCycle(without_pause, MockScanner(air=air), log)
        in_virtual_time(run_cycle(cycle, seconds))
        return value(cycle.readings, "ble_sensor_voltage_volts", "bedroom"), cycle.tracker.devices_seen

    assert (2.848, 2) == shown_after(89)
    assert (None, 1) == shown_after(91)


def test_in_continuous_listening_a_scan_ends_with_all_its_packets(
    without_pause: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """A device whose packets wait for the end of a batch was heard, and must not expire."""

    class Late(Radio):
        listener: Listener

        async def run(self, listener: Listener, started: Callable[[], None]) -> None:
            self.listener = listener
            await super().run(listener, started)

        def catch_up(self) -> None:
            self.listener.handle(Advertisement(BEDROOM, {UUID: PACKET_B}, -60))

    cycle = ScanCycle(without_pause, Late(), log)

    in_virtual_time(run_cycle(cycle, 31))

    assert 2 == cycle.tracker.devices_seen


def test_in_continuous_listening_the_end_of_a_capture_ends_the_scan(
    without_pause: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """With an interval of an hour, the result must appear when the capture ends; values expire with the next scan."""
    air = [Transmission(0.5, LIVING_ROOM, -60, {UUID: PACKET_A})]

    def shown_after(seconds: float) -> tuple[float | None, int, int]:
        cycle = ScanCycle(without_pause, MockScanner(air=air), log)
        in_virtual_time(run_cycle(cycle, seconds))
        temperature = value(cycle.readings, "ble_sensor_temperature_celsius", "living_room")
        return temperature, cycle.tracker.devices_seen, cycle.counts.scans

    assert (27.01, 1, 1) == shown_after(1)
    assert (None, 0, 2) == shown_after(31)


def test_in_continuous_listening_a_radio_failure_ends_the_cycle(
    without_pause: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """The radio may fail in any scan, and the failure must be counted in that scan."""

    class Dying(Radio):
        async def run(self, listener: Listener, started: Callable[[], None]) -> None:
            with suppress(asyncio.TimeoutError):
                await within(100, super().run(listener, started))
            raise ScannerError("gone")

    cycle = ScanCycle(without_pause, Dying(), log)

    with pytest.raises(ScannerError, match="gone"):
        in_virtual_time(run_cycle(cycle, 1000))
    assert (4, 1) == (cycle.counts.scans, cycle.counts.scan_failures)


def test_after_a_stall_a_complete_scan_follows(
    without_pause: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """A Pi may stall while its SD card is busy; in a shortened scan, readings would expire too early."""
    cycle = ScanCycle(without_pause, Radio(), log)

    async def run() -> list[int]:
        scans = []
        async with Tasks() as tasks:
            tasks.start(cycle.run())
            await asyncio.sleep(59)
            asyncio.get_running_loop().stand_still(50)  # type: ignore[attr-defined] # the test's loop has it
            await asyncio.sleep(0.5)
            for _second in range(40):
                await asyncio.sleep(1)
                scans.append(cycle.counts.scans)
        return scans

    assert in_virtual_time(run()) == 29 * [3] + 11 * [4]


def test_the_interval_of_scans_is_a_metric(app_config: AppConfig, log: logging.Logger) -> None:
    """An alert on scans that have stopped must know the interval at which scans should begin."""
    counts = ScanCycle(replace(app_config, scan_interval_seconds=7200), Radio(), log).counts

    assert {"ble_exporter_scan_interval_seconds": 7200} == {
        sample.name: sample.value for one in counts.collect() for sample in one.samples if "interval" in sample.name
    }


def test_a_completed_scan_is_reported_everywhere(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """A user compares status, metrics and log, so they must agree."""
    caplog.set_level(logging.INFO)
    cycle = ScanCycle(app_config, Radio(), log, clock=Clock(lambda: 100.0, lambda: 1716480000.5))

    in_virtual_time(run_cycle(cycle, 10))

    assert (1716480000, 1) == (cycle.tracker.last_scan_timestamp, cycle.tracker.devices_seen)
    assert (1, 0, 1716480000.5, 5.0) == (
        cycle.counts.scans,
        cycle.counts.scan_failures,
        cycle.counts.clock.unix(cycle.counts.last_scan_s or 0.0),
        cycle.counts.last_scan_duration,
    )
    assert (
        "scan 1: heard 1 of 2 devices, not bedroom; 1 advertisement, 0 of them from unknown devices"
        == caplog.messages[-1]
    )


def test_a_scan_without_thousands_of_devices_is_one_short_line(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """The log is rotated by size: a line with thousands of names every 30 s would soon displace all other lines."""
    caplog.set_level(logging.INFO)
    devices = {f"A4:C1:38:01:{index >> 8:02X}:{index & 255:02X}": f"room_{index}" for index in range(3000)}

    in_virtual_time(run_cycle(ScanCycle(replace(app_config, devices=devices), Radio(), log), 10))

    line = caplog.messages[-1]
    assert line.startswith("scan 1: heard 0 of 3000 devices, not room_0, room_1, ")
    assert ", room_19, and 2980 more; 1 advertisement, 1 of them from unknown devices" in line


def test_a_silent_device_expires_with_the_next_scan(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """A scrape must not show old readings of a sensor with a flat battery."""
    air = [Transmission(float(second), LIVING_ROOM, -60, {UUID: PACKET_A}) for second in range(100)]
    air += [Transmission(float(second), BEDROOM, -60, {UUID: PACKET_B}) for second in range(10)]

    def shown_after(seconds: float) -> tuple[float | None, float | None, int]:
        cycle = ScanCycle(app_config, MockScanner(air=sorted(air, key=attrgetter("at"))), log)
        in_virtual_time(run_cycle(cycle, seconds))
        voltage = value(cycle.readings, "ble_sensor_voltage_volts", "bedroom")
        temperature = value(cycle.readings, "ble_sensor_temperature_celsius", "living_room")
        return voltage, temperature, cycle.tracker.devices_seen

    assert (2.848, 27.01, 2) == shown_after(20)
    assert (None, 27.01, 1) == shown_after(40)


def test_a_failed_scan_ends_the_cycle(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """If the cycle continued after a failure, the process would run without receiving anything."""
    cycle = ScanCycle(app_config, Radio(error=ScannerError("gone"), at_scan=2), log)

    with pytest.raises(ScannerError, match="gone"):
        in_virtual_time(run_cycle(cycle, 100))
    assert (2, 1) == (cycle.counts.scans, cycle.counts.scan_failures)


def test_a_rejected_device_is_logged_with_the_reason(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """A user who reads only the last lines of the log must not suspect a flat battery if a key is missing."""
    caplog.set_level(logging.INFO)
    encrypted = bytes.fromhex("41e445f3c9962b332211006c7c4519")
    air = [Transmission(0.0, BEDROOM, -60, {UUID: encrypted}), Transmission(0.0, LIVING_ROOM, -60, {UUID: PACKET_A})]

    in_virtual_time(run_cycle(ScanCycle(app_config, MockScanner(air=air), log), 10))

    assert "scan 1: heard 1 of 2 devices, not bedroom (rejected: encrypted); 2 advertisements" in caplog.text


def test_the_end_of_a_capture_is_logged_once(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """All series disappear after the end of a capture, and the log must give the reason."""
    air = [Transmission(0.0, LIVING_ROOM, -60, {UUID: PACKET_A})]

    in_virtual_time(run_cycle(ScanCycle(app_config, MockScanner(air=air), log), 100))

    assert 1 == caplog.messages.count("the capture has ended: no more advertisements will be heard")


def test_a_silent_radio_and_overdue_sensors_make_it_not_ready(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """If only scans counted, /readyz would answer "ready" although no value is current."""
    radio = Radio()
    now = [0.0]
    cycle = ScanCycle(app_config, radio, log, Clock(lambda: now[0], lambda: now[0]))
    answers: list[str | None] = []

    async def run() -> None:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(cycle.run()), timeout_s=6)
            answers.append(cycle.liveness.not_ready())
            radio.silence = "adapter hci0: nothing was heard for 30 s"
            answers.append(cycle.liveness.not_ready())
            radio.silence = None
            now[0] += 6 * app_config.scan_interval_seconds
            answers.append(cycle.liveness.not_ready())

    in_virtual_time(run())

    assert [
        None,
        "adapter hci0: nothing was heard for 30 s",
        "every sensor heard so far is overdue; the latest, living_room, was heard 3 min ago",
    ] == answers
