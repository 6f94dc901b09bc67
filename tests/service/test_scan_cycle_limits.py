"""Tests of the scan cycle with a time limit on readings, which then outlive their scan."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import pytest

from ble_exporter.config.app_config import AppConfig
from ble_exporter.device.clock import Clock
from ble_exporter.formats.bthome import UUID
from ble_exporter.scanner import MockScanner
from ble_exporter.scanner.capture import Transmission
from ble_exporter.service.scan_cycle import ScanCycle
from ble_exporter.tasks import Tasks
from tests.conftest import PACKET_A
from tests.radios import LIVING_ROOM, InVirtualTime

Observation = tuple[bool, int]
"""Whether the living room's series exists, and the number of devices that the latest scan received."""


def observe(
    config: AppConfig, heard_s: list[float], log: logging.Logger, look_at_s: list[int], in_virtual_time: InVirtualTime
) -> Mapping[int, Observation]:
    """Run the scan cycle with a sensor whose packets arrive at `heard_s`; return the observations at `look_at_s`."""
    air = [Transmission(at_s, LIVING_ROOM, -60, {UUID: PACKET_A}) for at_s in heard_s]
    # A late packet of an unknown device keeps the capture from ending early.
    air.append(Transmission(1000.0, "A4:C1:38:00:00:99", -60, {UUID: PACKET_A}))
    seen = {}

    async def run() -> None:
        now = asyncio.get_running_loop().time
        cycle = ScanCycle(config, MockScanner(air=air), log, clock=Clock(now))
        async with Tasks() as tasks:
            task = tasks.start(cycle.run())
            for at_s in look_at_s:
                await asyncio.sleep(at_s - now())
                families = {family.name for family in cycle.readings.collect()}
                seen[at_s] = ("ble_sensor_temperature_celsius" in families, cycle.tracker.devices_seen)
            task.cancel()

    in_virtual_time(run())
    return seen


@pytest.mark.parametrize("stale_after", [90, "auto"])
def test_with_a_limit_readings_outlive_their_scan(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime, stale_after: float | Literal["auto"]
) -> None:
    """A reading must live until its limit, over several scans; each scan still counts the devices it received."""
    config = replace(app_config, stale_after_seconds=stale_after)

    seen = observe(config, [1.0], log, [10, 40, 80, 200], in_virtual_time)

    assert {10: (True, 1), 40: (True, 0), 80: (True, 0), 200: (False, 0)} == seen


@pytest.mark.parametrize(("own", "is_seen"), [("never", True), (90, True), (60, False), ("auto", True)])
def test_a_device_s_own_limit_outlives_the_scan_too(
    app_config: AppConfig,
    log: logging.Logger,
    in_virtual_time: InVirtualTime,
    own: float | Literal["auto", "never"],
    is_seen: bool,
) -> None:
    """A door must keep its state, even where thermometers show only values of the latest scan."""
    config = replace(app_config, stale_after_seconds=None, stale_after={"a4:c1:38:00:00:01": own})

    assert {85: (is_seen, 0)} == observe(config, [1.0], log, [85], in_virtual_time)


def test_a_scan_longer_than_the_limit_still_counts_its_devices(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """The log line of a scan counts every device received in it, even if its readings have expired."""
    config = replace(app_config, stale_after_seconds=90, scan_interval_seconds=240, scan_duration_seconds=120)

    seen = observe(config, [1.0], log, [80, 100, 130], in_virtual_time)

    assert {80: (True, 0), 100: (False, 0), 130: (False, 1)} == seen
