"""Readings of thermometers that the exporter serves."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Sequence

from .air import AAAB, Air, Sender, Thermometer, local_name, thermometer_sender, unknown_devices
from .clock import CLOCK
from .exporter import SCAN_DURATION_S, Exporter, Scrape, Setting
from .polling import wait_until
from .registry import scenario
from .stack import Stack
from .virtual_radio import VirtualRadio

LIVING_ROOM = Thermometer("living_room", "A4:C1:38:00:00:01", 21.53, 45.12, 88, 2.968, -60)
BALCONY = Thermometer("balcony", "A4:C1:38:00:00:02", -7.35, 81.9, 12, 2.611, -83)
CELLAR = Thermometer("cellar", "A4:C1:38:00:00:03", 12.0, 63.07, 100, 3.104, -71)
THERMOMETERS = (LIVING_ROOM, BALCONY, CELLAR)

AFTER_SCAN_S = 2.0
"""The maximum time from the end of a scan until its readings are served."""
SIGTERM_LIMIT_S = 1.0
SIGTERM_TRIES = 3
"""The maximum number of attempts; a busy host may suspend the guest during some of them, but not all."""


def expected_series(thermometer: Thermometer) -> dict[str, float]:
    """Return the expected values by metric name, after both packets of the thermometer were received."""
    return {
        "ble_sensor_temperature_celsius": thermometer.temperature_celsius,
        "ble_sensor_humidity_percent": thermometer.humidity_percent,
        "ble_sensor_battery_percent": thermometer.battery_percent,
        "ble_sensor_voltage_volts": thermometer.voltage_volts,
        "ble_sensor_rssi_dbm": thermometer.rssi_dbm,
        "ble_sensor_seen": 1,
    }


def differences(scrape: Scrape, thermometer: Thermometer) -> list[str]:
    """Return a line for each value that differs from the thermometer's; the RSSI is that of hci0."""
    wrong = []
    for metric, sent in expected_series(thermometer).items():
        labels = {"adapter": "hci0"} if metric == "ble_sensor_rssi_dbm" else {}
        served = scrape.value(metric, device=thermometer.name, **labels)
        if served != sent:
            wrong.append(f"{thermometer.name}: {metric} is {served}, not {sent}")
    return wrong


def incomplete(scrape: Scrape, thermometers: Sequence[Thermometer] = THERMOMETERS) -> list[str]:
    """Return the differences of all thermometers."""
    return [line for thermometer in thermometers for line in differences(scrape, thermometer)]


def without_cellar(scrape: Scrape) -> list[str]:
    """Return the faults of a scrape that must have no series of the cellar and all of the others."""
    still_there = [f"{CELLAR.name} has series"] if CELLAR.name in scrape.devices() else []
    return still_there + incomplete(scrape, (LIVING_ROOM, BALCONY))


def wait_for_scan_to_end(radio: VirtualRadio) -> None:
    """Wait for the end of the current scan or, between two scans, of the next one."""
    before = radio.completed_scans
    wait_until(lambda: radio.completed_scans > before, "a scan is completed")


def terminate_in_mid_scan(exporter: Exporter, radio: VirtualRadio) -> float:
    """Send SIGTERM during a scan; check that the radio becomes idle; return the seconds the exporter took to end."""

    def in_mid_scan() -> bool:
        return radio.scanning and 1.0 < CLOCK.now() - radio.scan_log[-1].at < SCAN_DURATION_S - 1.0

    wait_until(in_mid_scan, "a scan is under way")
    took = exporter.terminate()
    idle = wait_until(lambda: not radio.scanning, "the radio stops scanning", within_s=3)
    sys.stdout.write(f"SIGTERM during a scan: ended after {took:.2f} s, radio idle {idle:.2f} s later\n")
    return took


def scrape_without_cellar(stack: Stack, change: Callable[[Air], None], **settings: Setting) -> Scrape:
    """Change the senders between two scans; return the scrape that no longer has the cellar."""
    radio = stack.start()
    air = stack.start_air(radio, *map(thermometer_sender, THERMOMETERS))
    exporter = stack.start_exporter(THERMOMETERS, **settings)
    wait_for_scan_to_end(radio)
    exporter.wait_until_right(incomplete, AFTER_SCAN_S)
    wait_until(lambda: not radio.scanning, "a pause between scans")
    change(air)
    wait_for_scan_to_end(radio)
    return exporter.wait_until_right(without_cellar, AFTER_SCAN_S)


@scenario
def three_sensors(stack: Stack) -> None:
    """Both packets of each sensor are merged; unknown devices have no series; SIGTERM ends the exporter within 1 s."""
    started = time.time()
    radio = stack.start()
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS), *unknown_devices())
    exporter = stack.start_exporter(THERMOMETERS)
    wait_for_scan_to_end(radio)
    scrape = exporter.wait_until_right(incomplete, AFTER_SCAN_S)
    assert scrape.devices() == {thermometer.name for thermometer in THERMOMETERS}, scrape.devices()
    for name in scrape.devices():
        updated = scrape.value("ble_sensor_last_update_timestamp_seconds", device=name)
        assert updated is not None, f"{name} was never updated"
        assert started <= updated <= time.time(), f"{name} was updated at {updated}"
    for counter in ("advertisements_received", "advertisements_unknown_device"):
        value = scrape.value(f"ble_exporter_{counter}_total")
        assert value, f"{counter} is {value}"
    took = terminate_in_mid_scan(exporter, radio)
    for _ in range(SIGTERM_TRIES - 1):
        if took > SIGTERM_LIMIT_S:
            took = terminate_in_mid_scan(stack.start_exporter(THERMOMETERS), radio)
    assert took <= SIGTERM_LIMIT_S, f"the exporter took {took:.2f} s to end after SIGTERM"


@scenario
def sensor_falls_silent(stack: Stack) -> None:
    """One of three sensors stops sending: its series disappear after the next scan, and the others remain."""
    scrape_without_cellar(stack, lambda air: air.silence(CELLAR))


@scenario
def aaab_order(stack: Stack) -> None:
    """Readings are complete in the older firmware's order: A A A with one packet id, then B with the next."""
    radio = stack.start()
    stack.start_air(radio, *(thermometer_sender(thermometer, AAAB) for thermometer in THERMOMETERS))
    exporter = stack.start_exporter(THERMOMETERS)
    wait_for_scan_to_end(radio)
    exporter.wait_until_right(incomplete, AFTER_SCAN_S)


@scenario
def only_a_name(stack: Stack) -> None:
    """One of three sensors sends only its name: the old service data that BlueZ repeats is not a reading."""
    name = Sender(CELLAR.address, itertools.repeat(local_name("ATC_000003")), CELLAR.rssi_dbm)
    scrape = scrape_without_cellar(stack, lambda air: air.add(name), ear="bluez")
    counted = scrape.value("ble_exporter_advertisements_rejected_total", reason="no_service_data")
    assert counted, f"{counted} advertisements without service data were counted"
