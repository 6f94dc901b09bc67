"""A sender with the bytes of a sensor's address, but another address type, is another device."""

from __future__ import annotations

import sys
from dataclasses import replace

from .air import Sender, thermometer_sender, unknown_devices
from .clock import CLOCK
from .exporter import Scrape
from .polling import wait_until
from .registry import scenario
from .scenarios_modes import ALL_THE_TIME, EXPERIMENTAL, counter
from .scenarios_readings import BALCONY, CELLAR, LIVING_ROOM, differences
from .stack import Stack

IMPOSTOR_CELSIUS = 99.0
HEARD_WITHIN_S = 20.0
"""The time within which the sensor must be heard, although an impostor sends twice as often."""
STATIC_RANDOM = replace(LIVING_ROOM, address="C4:7C:8D:00:00:01")


def impostor() -> Sender:
    """Return a sender whose random address equals the living room's public one, and which sends twice as often."""
    sender = thermometer_sender(LIVING_ROOM.measuring(IMPOSTOR_CELSIUS, LIVING_ROOM.voltage_volts))
    return replace(sender, random_address=True, cadence_s=sender.cadence_s / 2)


def refused(scrape: Scrape) -> float:
    """Check that the impostor's value is not served; return the number of packets refused for their address type."""
    served = scrape.value("ble_sensor_temperature_celsius", device=LIVING_ROOM.name)
    assert served != IMPOSTOR_CELSIUS, "the impostor is taken for the sensor"
    return counter(scrape, "advertisements_rejected", reason="wrong_address_type")


def outlive_the_impostor(stack: Stack, mode: str) -> None:
    """Let bluetoothd know the impostor before the sensor, and check that the sensor is heard nevertheless."""
    radio = stack.start(EXPERIMENTAL)
    stack.start_air(radio, impostor(), thermometer_sender(BALCONY), *unknown_devices())
    exporter = stack.start_exporter([LIVING_ROOM, BALCONY], scan_mode=mode, stale_after_seconds=10, **ALL_THE_TIME)
    exporter.wait_until_it_listens()
    wait_until(lambda: refused(exporter.scrape()) >= 3, "the impostor is refused")
    stack.start_air(radio, thermometer_sender(LIVING_ROOM))
    began = CLOCK.now()

    def wrongs(scrape: Scrape) -> list[str]:
        refused(scrape)
        return differences(scrape, LIVING_ROOM)

    scrape = exporter.wait_until_right(wrongs, HEARD_WITHIN_S)
    sys.stdout.write(f"{mode}: heard after {CLOCK.now() - began:.1f} s; {refused(scrape):g} packets refused\n")
    assert "address_type" in exporter.log(), exporter.log()


@scenario
def impostor_with_a_random_address(stack: Stack) -> None:
    """In an active scan, a sensor is heard although bluetoothd knew an impostor first."""
    outlive_the_impostor(stack, "active")


@scenario
def impostor_in_a_passive_scan(stack: Stack) -> None:
    """In a passive scan, a sensor is heard although bluetoothd knew an impostor first."""
    outlive_the_impostor(stack, "passive")


@scenario
def static_random_address(stack: Stack) -> None:
    """A sensor whose address may be a static random one is heard without a setting, whatever its address type."""
    radio = stack.start()
    public = replace(CELLAR, address="C4:7C:8D:00:00:03")
    stack.start_air(radio, replace(thermometer_sender(STATIC_RANDOM), random_address=True), thermometer_sender(public))
    exporter = stack.start_exporter([STATIC_RANDOM, public], **ALL_THE_TIME)
    scrape = exporter.wait_until_right(lambda scrape: differences(scrape, STATIC_RANDOM) + differences(scrape, public))
    assert 0 == refused(scrape), f"{refused(scrape):g} packets were refused"
