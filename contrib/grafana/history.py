"""Writes the samples that Prometheus would have stored during the story, from the real service in virtual time."""

import asyncio
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ble_exporter.config import load_config
from ble_exporter.device.clock import Clock
from ble_exporter.exporter.exposition import OPENMETRICS, Exposition
from ble_exporter.service.scan_cycle import ScanCycle
from ble_exporter.tasks import Tasks
from grafana.story import ENDS_S, HOUR_S, LAST_DAY_S, SENSORS, Home
from tests.virtual_time import VirtualTimeLoop

INSTANCE = "raspberrypi:8000"
SCRAPE_S = 30
# Before the last day, only the batteries are shown.
_SCRAPE_BEFORE_S = 900
STARTS_UNIX_S = 1_768_003_200
"""10 January 2026, midnight UTC."""
ENDS_UNIX_S = STARTS_UNIX_S + int(ENDS_S)

_TARGET = f'{{job="ble",instance="{INSTANCE}"}}'
_LINE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
_SETTINGS = (
    "scan_interval_seconds: 30\nscan_duration_seconds: 30\nstale_after_seconds: auto\nlisten_port: 8000\ndevices:\n"
)


def write_history(folder: Path) -> Path:
    """Simulate the story; return the path of a file in OpenMetrics format, with the time of each sample."""
    path = folder / "history.txt"
    config = folder / "config.yaml"
    devices = "".join(f'  "{one.address}": {{name: "{one.name}", labels: {one.labels}}}\n' for one in SENSORS)
    config.write_text(_SETTINGS + devices.replace(", labels: {}", ""), encoding="utf-8")
    loop = VirtualTimeLoop()
    try:
        with path.open("w", encoding="utf-8") as file:
            loop.run_until_complete(_live(config, loop, file))
            file.write("# EOF\n")
    finally:
        loop.close()
    return path


async def _live(config: Path, loop: VirtualTimeLoop, file: TextIO) -> None:
    """Scan to the end of the story, and write each scrape."""
    clock = Clock(loop.time, lambda: STARTS_UNIX_S + loop.time())
    log = logging.getLogger("grafana.history")
    log.setLevel(logging.CRITICAL)
    home = Home()
    cycle = ScanCycle(load_config(str(config)), home, log, clock)
    exposition = Exposition(
        {
            "readings": cycle.readings,
            "silences": cycle.silence_reasons,
            "labels": cycle.device_labels,
            "exporter": cycle.counts,
        }
    )
    async with Tasks() as tasks:
        tasks.start(cycle.run())
        while loop.time() < ENDS_S:
            is_detailed = loop.time() >= LAST_DAY_S - HOUR_S
            every_s = SCRAPE_S if is_detailed else _SCRAPE_BEFORE_S
            await asyncio.sleep(every_s - loop.time() % every_s)
            home.note(loop.time())
            at = STARTS_UNIX_S + round(loop.time())
            file.writelines(
                f"{line} {at}\n" for line in _samples(exposition.render(OPENMETRICS).decode(), is_detailed=is_detailed)
            )
            file.write(f"up{_TARGET} 1 {at}\nprocess_start_time_seconds{_TARGET} {STARTS_UNIX_S} {at}\n")
        await tasks.end()


def _samples(exposed: str, *, is_detailed: bool) -> Iterator[str]:
    """
    Yield the samples of a scrape with the labels that Prometheus adds for its target.

    Unless `is_detailed`, yield only battery levels, voltages and the devices' labels.
    """
    for line in exposed.splitlines():
        found = _LINE.fullmatch(line)
        if found and (is_detailed or re.match(r"ble_sensor_(battery|voltage|labels)", line)):
            name, labels, value = found.groups()
            yield f'{name}{{job="ble",instance="{INSTANCE}"{"," + labels if labels else ""}}} {value}'
