"""The reasons of silent sensors, on the real Bluetooth stack."""

from __future__ import annotations

import sys

from .air import thermometer_sender, unknown_devices
from .clock import CLOCK
from .exporter import Exporter, Scrape
from .registry import scenario
from .scenarios_modes import ALL_THE_TIME
from .scenarios_readings import BALCONY, CELLAR, LIVING_ROOM, THERMOMETERS, incomplete
from .stack import Stack

SILENT_S = 60.0
"""The shortest silence after which a sensor counts as silent."""
LIMIT_S = 3 * SILENT_S


def reasons(scrape: Scrape) -> dict[str, str]:
    """Return the reason of each silent sensor; each must have exactly one."""
    found = [labels for labels, value in scrape.labelled("ble_sensor_silence_reason") if value == 1]
    names = [labels["device"] for labels in found]
    assert len(set(names)) == len(names), f"more than one reason: {found}"
    return {labels["device"]: labels["reason"] for labels in found}


def wait_for_reasons(exporter: Exporter, expected: dict[str, str]) -> None:
    """Wait until these sensors are silent, for these reasons, and no others."""
    began = CLOCK.now()

    def wrongs(scrape: Scrape) -> list[str]:
        return [] if reasons(scrape) == expected else [f"{reasons(scrape)}, not {expected}"]

    exporter.wait_until_right(wrongs, LIMIT_S)
    sys.stdout.write(f"after {CLOCK.now() - began:.0f} s: {expected}\n")


@scenario
def reasons_of_silence(stack: Stack) -> None:
    """The reason is `left` for a sensor that stops alone, and `all_silent` for the others, which then stop together."""
    radio = stack.start()
    air = stack.start_air(radio, *map(thermometer_sender, THERMOMETERS), *unknown_devices())
    exporter = stack.start_exporter(THERMOMETERS, **ALL_THE_TIME)
    exporter.wait_until_right(incomplete)
    assert {} == reasons(exporter.scrape())
    air.silence(CELLAR)
    wait_for_reasons(exporter, {CELLAR.name: "left"})
    air.silence(LIVING_ROOM)
    air.silence(BALCONY)
    together = {LIVING_ROOM.name: "all_silent", BALCONY.name: "all_silent"}
    wait_for_reasons(exporter, {CELLAR.name: "left", **together})
