"""Clocks that jump, start in 1970, or stand still while the machine is asleep: no old value may look alive."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from ble_exporter.config.app_config import AppConfig
from ble_exporter.config.stale_after import StaleAfter
from ble_exporter.tasks import Tasks
from tests.nights.service import EPOCH_S, Machine, Service
from tests.radios import LIVING_ROOM, InVirtualTime
from tests.service.house import packet

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S

Act = Callable[[Service], object]


async def live(service: Service, *acts: tuple[float, Act]) -> None:
    """Run the service, and call each act after its delay, in seconds since the previous act."""
    async with Tasks() as tasks:
        tasks.start(service.cycle.run())
        for delay_s, act in acts:
            await asyncio.sleep(delay_s)
            act(service)
        await tasks.end()


def hear(service: Service) -> None:
    """Receive a packet of the sensor."""
    service.send(LIVING_ROOM, packet(2150))


@pytest.mark.parametrize("interval_s", [30.0, 900.0], ids=["without a pause", "with pauses"])
@pytest.mark.parametrize("setting", [None, "auto", 3600])
def test_after_a_sleep_no_value_looks_alive(
    app_config: AppConfig,
    log: logging.Logger,
    in_virtual_time: InVirtualTime,
    setting: StaleAfter | None,
    interval_s: float,
) -> None:
    """A laptop that wakes up in the morning must not record the evening's temperature as that of the morning."""
    config = replace(
        app_config, scan_interval_seconds=interval_s, scan_duration_seconds=30, stale_after_seconds=setting
    )
    service = Service(Machine(), config, log)
    scrapes: list[dict[str, float]] = []

    def sleep(_service: Service) -> None:
        service.machine.asleep_s += 8 * HOUR_S

    def scrape(_service: Service) -> None:
        scrapes.append(service.scrape())

    in_virtual_time(
        live(service, (1, hear), (40, scrape), (0, sleep), (0, scrape), (interval_s + 20, hear), (1, scrape))
    )
    shown = ["temperature_celsius['living_room']" in one for one in scrapes]

    # Without the setting, values expire when a scan ends, or when its end is a minute late, as after the sleep.
    assert ([True, False, True], {}) == (shown, scrapes[1])


def test_a_sleep_is_the_reason_of_the_silence(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """Neither the sensor nor the exporter is at fault, and systemd must not restart the exporter after each sleep."""
    config = replace(app_config, scan_duration_seconds=30, stale_after_seconds="auto")
    service = Service(Machine(), config, log)
    found: list[object] = []

    def sleep(_service: Service) -> None:
        service.machine.asleep_s += 8 * HOUR_S

    def look(_service: Service) -> None:
        found.append((service.reasons().get("living_room"), service.cycle.liveness.stalled()))

    in_virtual_time(live(service, (1, hear), (10, sleep), (6, look)))

    assert [("not_listening", None)] == found


@pytest.mark.parametrize("jumps_s", [(-EPOCH_S,), (-3 * DAY_S, 5 * DAY_S, -DAY_S), (40 * 365 * DAY_S, -DAY_S)])
def test_a_jump_of_the_wall_clock_changes_only_timestamps(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime, jumps_s: tuple[float, ...]
) -> None:
    """The clock of a Pi may show 1970 until NTP sets it: this jump must neither age a value nor delay a scan."""
    config = replace(app_config, scan_duration_seconds=30, stale_after_seconds="auto")

    def run(offsets_s: tuple[float, ...]) -> tuple[list[dict[str, float]], int]:
        service = Service(Machine(), config, log)
        scrapes: list[dict[str, float]] = []

        def jump_by(offset_s: float) -> Act:
            return lambda _service: setattr(service.machine, "set_s", offset_s)

        def scrape(_service: Service) -> None:
            series = service.scrape()
            updated = series.pop("last_update_timestamp_seconds['living_room']")
            assert 5.0 == pytest.approx(service.machine.wall() - updated)
            scrapes.append(series)

        acts = [((5, jump_by(offset_s)), (20, hear), (5, scrape)) for offset_s in offsets_s]
        in_virtual_time(live(service, *(act for one in acts for act in one)))
        return scrapes, service.cycle.counts.scans

    assert run((0.0,) * (len(jumps_s) + 1)) == run((*jumps_s, 0.0))
