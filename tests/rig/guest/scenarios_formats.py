"""A sensor is set to another format while bluetoothd knows it by the old one."""

from __future__ import annotations

import sys
import time

from .air import Thermometer, thermometer_sender
from .exporter import Scrape
from .registry import scenario
from .scenarios_modes import ALL_THE_TIME, EXPERIMENTAL
from .scenarios_readings import LIVING_ROOM
from .stack import Stack

AT_FIRST = LIVING_ROOM.measuring(30.0, 2.5)
"""What it measured while it sent pvvx' own format."""
WATCHED_S = 5.0


def temperature(scrape: Scrape) -> float | None:
    """That of the one sensor."""
    return scrape.value("ble_sensor_temperature_celsius", device=LIVING_ROOM.name)


def switch(stack: Stack, mode: str) -> None:
    """Let it send pvvx' own format, then BTHome: of what it sent before nothing shows again."""
    radio = stack.start(EXPERIMENTAL)
    sender = thermometer_sender(AT_FIRST)
    sender.packets = (AT_FIRST.packet_custom(number % 256) for number in range(100_000))
    air = stack.start_air(radio, sender)
    exporter = stack.start_exporter([LIVING_ROOM], scan_mode=mode, **ALL_THE_TIME)

    def wait_for(thermometer: Thermometer) -> None:
        wanted = thermometer.temperature_celsius
        exporter.wait_until_right(
            lambda scrape: [] if temperature(scrape) == wanted else [f"{temperature(scrape)} °C, not {wanted}"]
        )

    wait_for(AT_FIRST)
    air.add(thermometer_sender(LIVING_ROOM))
    wait_for(LIVING_ROOM)
    shown = []
    until = time.monotonic() + WATCHED_S
    while time.monotonic() < until:
        shown.append(temperature(exporter.scrape()))
        time.sleep(0.1)
    sys.stdout.write(f"{len(shown)} scrapes after the switch\n")
    assert set(shown) == {LIVING_ROOM.temperature_celsius}, f"after the switch it showed {shown}"


@scenario
def format_switched(stack: Stack) -> None:
    """Actively, as auto takes it."""
    switch(stack, "auto")


@scenario
def format_switched_passively(stack: Stack) -> None:
    """Passively, where bluetoothd adds the new service data to the old, and tells of both."""
    switch(stack, "passive")
