"""The metric of every measurement, and its base unit."""

import re

import pytest

from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.metrics.families import FAMILIES

# Unit in the format's table → the ending of the metric's name, and the factor to the metric's unit.
BASE_UNITS = {
    "": ("", 1),
    "%": ("_percent", 1),
    "ppm": ("_ppm", 1),
    "°C": ("_celsius", 1),
    "hPa": ("_pascals", 100),
    "lx": ("_lux", 1),
    "kg": ("_grams", 1000),
    "kWh": ("_joules", 3_600_000),
    "W": ("_watts", 1),
    "V": ("_volts", 1),
    "A": ("_amperes", 1),
    "µg/m³": ("_grams_per_cubic_meter", 1e-6),
    "m": ("_meters", 1),
    "mm": ("_meters", 1e-3),
    "s": ("_seconds", 1),
    "m/s": ("_meters_per_second", 1),
    "m/s²": ("_meters_per_second_squared", 1),
    "L": ("_cubic_meters", 1e-3),
    "m³": ("_cubic_meters", 1),
    "m³/h": ("_cubic_meters_per_second", 1 / 3600),
    "°": ("_degrees", 1),
    "°/s": ("_degrees_per_second", 1),
    "µS/cm": ("_siemens_per_meter", 1e-4),
    "rpm": ("_revolutions_per_second", 1 / 60),
}


@pytest.mark.parametrize("object_id", OBJECTS, ids=lambda object_id: f"0x{object_id:02X}")
def test_every_object_is_exported_in_its_base_unit(object_id: int) -> None:
    """A value that is wrong by a factor of 1000 looks right on a graph until a user compares it with another source."""
    number = OBJECTS[object_id]
    family = FAMILIES[number.name]
    ending, factor = BASE_UNITS[number.unit]

    assert family.suffix == (f"{number.name}{ending}" if number.name != "count" else "count_value")
    assert family.multiplier / family.divisor == pytest.approx(factor, rel=1e-12)


def test_every_object_has_a_family_whose_help_names_it() -> None:
    """Every decoded value must be exported, and its help text must lead to the specification."""
    assert {number.name for number in OBJECTS.values()} == set(FAMILIES)
    for object_id, number in OBJECTS.items():
        assert f"0x{object_id:02X}" in re.findall(r"0x[0-9A-F]{2}", FAMILIES[number.name].help)


def test_no_two_measurements_share_a_metric() -> None:
    """Of two measurements in one series, Prometheus would drop one."""
    assert len(FAMILIES) == len({family.metric for family in FAMILIES.values()})
