"""Replays of captures through the whole reading path: the attachment of a bug report becomes a test here."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from ble_exporter.config.app_config import AppConfig
from ble_exporter.device.clock import Clock
from ble_exporter.scanner import MockScanner
from ble_exporter.scanner.capture import Transmission, load_capture
from ble_exporter.service.scan_cycle import ScanCycle
from ble_exporter.tasks import Tasks
from tests.conftest import HERE
from tests.formats.sealing import ADDRESS, KEY, seal_temperature
from tests.radios import InVirtualTime

HOME = HERE / "captures" / "home.btsnoop"
"""20 s of `capture --mock --mock-seed 7 --mock-strangers 2`, with the two devices of `app_config`."""
OF_BTMON = HERE / "captures" / "btmon.btsnoop"
"""4 s of `btmon -w` of BlueZ 5.66, during an active scan with a virtual controller on the radio rig."""

Samples = dict[tuple[str, ...], float]


async def replay(
    config: AppConfig, log: logging.Logger, air: Iterable[Transmission], seconds: float, speed: float
) -> tuple[Samples, ScanCycle]:
    """Replay `seconds` of a capture at this speed; return the samples at its end, and the cycle with the counts."""
    now = asyncio.get_running_loop().time
    clock = Clock(lambda: now() * speed, lambda: 1_700_000_000 + now() * speed)
    cycle = ScanCycle(config, MockScanner(air=air, speed=speed), log, clock)
    async with Tasks() as tasks:
        await tasks.wait(tasks.start(cycle.run()), timeout_s=seconds / speed)
    samples = {
        (sample.name, *sample.labels.values()): round(sample.value, 3)
        for family in cycle.readings.collect()
        for sample in family.samples
    }
    return samples, cycle


@pytest.fixture
def continuous(app_config: AppConfig) -> AppConfig:
    """A configuration with continuous scans and `stale_after_seconds: auto`."""
    return replace(app_config, scan_duration_seconds=app_config.scan_interval_seconds, stale_after_seconds="auto")


def test_a_capture_gives_its_readings(
    continuous: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """A change to the program must not alter the values that it reads from these packets."""
    samples, cycle = in_virtual_time(replay(continuous, log, load_capture(str(HOME)), 25, 1))

    expected = {
        ("ble_sensor_temperature_celsius", "living_room"): 19.1,
        ("ble_sensor_humidity_percent", "living_room"): 43.03,
        ("ble_sensor_battery_percent", "living_room"): 77.0,
        ("ble_sensor_voltage_volts", "living_room"): 2.825,
        ("ble_sensor_temperature_celsius", "bedroom"): 17.2,
        ("ble_sensor_voltage_volts", "bedroom"): 2.881,
    }
    assert expected == {key: samples[key] for key in expected}
    assert (16, 40) == (cycle.counts.decoded, cycle.counts.unknown_device)


@pytest.mark.parametrize("speed", [0.5, 60, 1000])
def test_the_readings_are_the_same_at_any_speed(
    continuous: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime, speed: float
) -> None:
    """A fault that took a day to appear must appear again in a fast replay of that day."""
    real, _ = in_virtual_time(replay(continuous, log, load_capture(str(HOME)), 25, 1))
    at_speed, _ = in_virtual_time(replay(continuous, log, load_capture(str(HOME)), 25, speed))

    assert real == at_speed


@pytest.mark.parametrize("speed", [1, 1000])
def test_the_replay_guard_does_not_mistake_speed_for_an_attack(
    continuous: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime, tmp_path: Path, speed: float
) -> None:
    """The guard judges a counter by the time since the latest packet, and must use the times of the recording."""
    numbers = range(40)
    path = tmp_path / "encrypted.capture"
    path.write_text(
        "".join(f"{10 * number} {ADDRESS} -60 fcd2 {seal_temperature(20, 100 + number).hex()}\n" for number in numbers)
    )
    config = replace(continuous, devices={ADDRESS: "shed"}, keys={ADDRESS: KEY})

    _, cycle = in_virtual_time(replay(config, log, load_capture(str(path)), 395, speed))

    assert (len(numbers), {}) == (cycle.counts.decoded, dict(cycle.counts.rejected))


def test_the_advertisements_in_a_file_of_btmon_are_played() -> None:
    """The replay must skip the commands that btmon records; a name in a scan response must go with the next packet."""
    played = list(load_capture(str(OF_BTMON)))

    assert {
        "A4:C1:38:00:00:01": "ATC_000001",
        "A4:C1:38:00:00:02": "ATC_000002",
        "A4:C1:38:00:00:03": "ATC_000003",
        "A4:C1:38:EE:00:01": "ATC_EE0001",
        "C0:98:E5:00:00:07": "Scale",
    } == {sent.address: sent.name for sent in played if sent.name}
    assert (59, 3.894) == (len(played), round(played[-1].at, 3))
    assert {"public", "random"} == {sent.address_type for sent in played}
