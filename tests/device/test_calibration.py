"""Offsets, which are added to values when they are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device import Device
from ble_exporter.device.calibration import corrected
from ble_exporter.formats.measurement import Measurement
from tests.data import named

TEMPERATURE = Measurement("temperature")


def with_offset(**offsets: float) -> Device:
    """Return a device with these offsets."""
    device = Device("attic")
    device.offsets = named(offsets)
    return device


@pytest.mark.parametrize(("raw", "offset", "expected"), [(21.37, -0.4, 20.97), (0.1, 0.2, 0.3), (-0.3, 0.3, 0.0)])
def test_a_corrected_value_has_no_more_digits_than_its_parts(raw: float, offset: float, expected: float) -> None:
    """The rounding errors of binary numbers (20.970000000000002) would look like precision."""
    assert expected == corrected(with_offset(temperature=offset), TEMPERATURE, raw)


def test_a_corrected_humidity_may_exceed_100_percent() -> None:
    """If the corrected humidity were limited to 100 %, nobody could compute the raw value from it."""
    assert 101.5 == corrected(with_offset(humidity=2), Measurement("humidity"), 99.5)


def test_each_probe_has_its_own_offset() -> None:
    """Two probes of one device may be wrong by different amounts, and each must be corrected by its own."""
    device = with_offset(temperature_2=1.5)

    assert (20, 21.5) == (corrected(device, TEMPERATURE, 20), corrected(device, Measurement("temperature", 2), 20))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_without_an_offset_a_value_is_not_changed(value: float) -> None:
    """By default, a scrape must show exactly what the sensor sent, to the last bit."""
    assert value.hex() == corrected(Device("attic"), TEMPERATURE, value).hex()


@given(st.integers(-32768, 32766), st.integers(-2000, 2000))
def test_the_raw_value_can_be_computed_from_the_corrected_one(raw: int, offset: int) -> None:
    """A user who changes the offset must be able to correct the old values, too."""
    shown = corrected(with_offset(temperature=offset / 100), TEMPERATURE, raw / 100)

    assert raw / 100 == pytest.approx(shown - offset / 100)
