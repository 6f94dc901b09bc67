"""A sensor's format is changed while bluetoothd still stores data of the old format."""

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
"""The sensor's measurements while it sends pvvx's own format."""
WATCHED_S = 5.0


def temperature(scrape: Scrape) -> float | None:
    """Return the sensor's temperature, or None if it is missing."""
    return scrape.value("ble_sensor_temperature_celsius", device=LIVING_ROOM.name)


def switch(stack: Stack, mode: str) -> None:
    """Send pvvx's own format, then BTHome; check that no measurement of the old format reappears."""
    radio = stack.start(EXPERIMENTAL)
    sender = thermometer_sender(AT_FIRST)
    sender.packets = (AT_FIRST.packet_custom(number % 256) for number in range(100_000))
    air = stack.start_air(radio, sender)
    exporter = stack.start_exporter([LIVING_ROOM], ear="bluez", scan_mode=mode, **ALL_THE_TIME)

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
    """In an active scan, which auto chooses, values of the old format must not reappear."""
    switch(stack, "auto")


@scenario
def format_switched_passively(stack: Stack) -> None:
    """In a passive scan, bluetoothd reports old service data together with the new; old values must not reappear."""
    switch(stack, "passive")
