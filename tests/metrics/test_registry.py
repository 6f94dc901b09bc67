"""`update_metrics`: readings on the caller's registry."""

import math

import pytest
from prometheus_client import CollectorRegistry

from ble_exporter.metrics import update_metrics


def test_update_metrics_puts_gauges_on_the_given_registry() -> None:
    """`update_metrics` is public API: a simple way to set the gauges, on a registry of the caller's choice."""
    registry = CollectorRegistry()
    update_metrics("attic", {"temperature": 21.5, "battery": 97.0}, registry)
    update_metrics("attic", {"humidity": 45.0}, registry)

    def value(metric: str) -> float | None:
        return registry.get_sample_value(metric, {"device": "attic"})

    assert (21.5, 97.0, 45.0, 1) == (
        value("ble_sensor_temperature_celsius"),
        value("ble_sensor_battery_percent"),
        value("ble_sensor_humidity_percent"),
        value("ble_sensor_seen"),
    )
    assert value("ble_sensor_last_update_timestamp_seconds") is not None


@pytest.mark.parametrize("name", ["colour", "temperature_1", "temperature_x", "colour_2"])
def test_an_unknown_measurement_is_refused_by_name(name: str) -> None:
    """A typo in a caller must not go unnoticed."""
    with pytest.raises(ValueError, match=f"{name}: not a measurement"):
        update_metrics("attic", {name: 1.0}, CollectorRegistry())


def test_what_is_refused_leaves_no_trace() -> None:
    """Nobody could explain a partly stored reading."""
    registry = CollectorRegistry()
    with pytest.raises(ValueError, match="colour: not a measurement; the known measurements are battery, temperature"):
        update_metrics("attic", {"temperature": 21.5, "colour": 1.0}, registry)

    assert [] == list(registry.collect())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.7e308, -1.7e308])
def test_a_value_that_is_not_finite_in_its_base_unit_is_left_out(value: float) -> None:
    """One infinite sample makes every sum and average of its series useless; the values next to it are kept."""
    registry = CollectorRegistry()
    update_metrics("attic", {"temperature": 21.5, "energy": value}, registry)

    families = {family.name for family in registry.collect()}
    assert "ble_sensor_temperature_celsius" in families
    assert "ble_sensor_energy_joules" not in families
