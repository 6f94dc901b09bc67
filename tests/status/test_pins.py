"""The detection of idle pins: readings of a thermometer's pins to which nothing seems to be connected."""

import pytest

from ble_exporter.status.pins import idle_pins
from tests.home import Home

CLIMATE = {"temperature": 21.5, "humidity": 40.0, "battery": 81.0}
PINS = {"voltage": 2.848, "power_on": 0.0, "opening": 1.0}


def idle(*packets: dict[str, float]) -> list[str]:
    """Return the idle pins of a device after these packets."""
    home = Home()
    for packet in packets:
        home.hear(packet)
    return idle_pins(home.devices["attic"])


@pytest.mark.parametrize(
    "packets",
    [(CLIMATE, PINS), (PINS, CLIMATE), ({**CLIMATE, **PINS},), (CLIMATE, PINS, CLIMATE, PINS)],
    ids=["BTHome", "in the other order", "pvvx custom", "repeated"],
)
def test_a_plain_thermometer_has_idle_pins(packets: tuple[dict[str, float], ...]) -> None:
    """The firmware sends the levels of pins to which nothing is soldered, and they would puzzle the owner."""
    assert ["power_on", "opening"] == idle(*packets)


def test_the_hourly_packet_of_an_unused_input_changes_nothing() -> None:
    """By default, the firmware sends the input and its count once an hour, whether or not it is used."""
    assert ["power_on", "opening", "count"] == idle(CLIMATE, PINS, {"opening": 1, "count": 0})


def test_a_counted_closing_shows_that_a_switch_is_connected() -> None:
    """A door may not have moved since the exporter started, and its state must be visible nevertheless."""
    assert ["power_on"] == idle(CLIMATE, PINS, {"opening": 1, "count": 3})


def test_a_pin_that_has_changed_is_in_use() -> None:
    """A window contact or a relay must stay visible, even when it returns to its first level."""
    assert ["power_on"] == idle(CLIMATE, PINS, {**PINS, "opening": 0}, PINS)
    assert ["opening"] == idle(CLIMATE, PINS, {**PINS, "power_on": 1}, PINS)


def test_an_older_firmware_has_one_pin() -> None:
    """Before version 4.8, the thermometers' packets lack the input, but their other pin must be recognised, too."""
    assert ["power_on"] == idle(CLIMATE, {"voltage": 2.848, "power_on": 1})


@pytest.mark.parametrize(
    "packet",
    [
        {"opening": 1.0, "battery": 97.0},
        {"temperature": 21.5, "battery": 81.0, "voltage": 2.9, "opening": 1.0},
        {"power_on": 0.0, "power": 0.0, "voltage": 230.1},
        {"temperature": 61.5, "power_on": 1.0},
    ],
    ids=["door sensor", "door sensor with a thermometer", "plug", "boiler"],
)
def test_the_readings_of_other_devices_are_no_pins(packet: dict[str, float]) -> None:
    """For a door sensor or a plug, these readings are the reason why it was bought."""
    assert [] == idle(packet)


def test_an_expired_pin_is_no_reading() -> None:
    """A client looks the idle pins up among the readings, where it would not find a pin whose value has expired."""
    home = Home()
    home.hear({**CLIMATE, **PINS})
    home.now += 10
    home.begin_scan()
    home.hear(CLIMATE)
    home.end_scan()

    assert [] == idle_pins(home.devices["attic"])
