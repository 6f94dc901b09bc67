"""Names of measurements: a name and a position as one text."""

import pytest

from ble_exporter.formats.measurement import Measurement


def test_the_first_of_a_name_has_no_number() -> None:
    """The series of a sensor with one probe must not have a position."""
    measurement = Measurement("temperature")

    assert ("temperature", "temperature", 1) == (measurement, measurement.name, measurement.position)


def test_a_repeated_name_is_told_apart_by_its_position() -> None:
    """Two probes need two series."""
    measurement = Measurement("temperature", 2)

    assert ("temperature_2", "temperature", 2) == (measurement, measurement.name, measurement.position)


@pytest.mark.parametrize(
    ("text", "name", "position"),
    [("temperature", "temperature", 1), ("temperature_2", "temperature", 2), ("battery_low", "battery_low", 1)],
)
def test_a_text_from_outside_is_read(text: str, name: str, position: int) -> None:
    """Callers of `update_metrics` pass names as plain text, in which a position must be recognised."""
    measurement = Measurement.parse(text)

    assert (text, name, position) == (measurement, measurement.name, measurement.position)


@pytest.mark.parametrize("text", ["_2", "temperature_²", "temperature_", "temperature_1", "temperature_02", "2"])
def test_what_only_looks_like_a_position_is_a_name(text: str) -> None:
    """A text that only resembles a name with a position must not be taken for another probe of a known measurement."""
    measurement = Measurement.parse(text)

    assert (text, text, 1) == (measurement, measurement.name, measurement.position)
