"""The bounds of possible values; docs/formats.md has the table in words."""

import math

import pytest

from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.formats.limits import BOUNDS, bounds
from ble_exporter.formats.numbers import Number
from ble_exporter.metrics.families import FAMILIES

LEAST_AND_MOST = {
    "temperature": (-273.15, None),
    "dew_point": (-273.15, None),
    "humidity": (-6, 119),
    "moisture": (-6, 119),
    "battery": (0, 100),
    "direction": (0, 360),
}


def test_these_and_no_others_have_bounds() -> None:
    """A bound that was added by mistake would remove valid values."""
    assert LEAST_AND_MOST.keys() == BOUNDS.keys()


@pytest.mark.parametrize("name", [name for name, (_, most) in LEAST_AND_MOST.items() if most is not None])
@pytest.mark.parametrize("divisor", [1, 2, 10, 100])
def test_a_bound_is_itself_possible(name: str, divisor: int) -> None:
    """A full battery of 100 % must be possible, whatever the divisor of the integer is."""
    least, most = LEAST_AND_MOST[name]

    assert most is not None
    assert (least * divisor, most * divisor) == bounds(name, divisor)


@pytest.mark.parametrize(
    ("divisor", "signed_size", "expected"),
    [
        (100, 2, (-273_15, 327_66)),  # 0x7FFF means "no temperature"
        (100, 0, (-273_15, 10**300)),
        (100, 1, (-273_15, 10**300)),
        (100, 3, (-273_15, 10**300)),
        (100, 4, (-273_15, 10**300)),
        (10, 2, (-273_1, 0x7FFE)),  # −273.2 °C is below absolute zero
        (1, 0, (-273, 10**298)),
        (1000, 0, (-273_150, 10**301)),
    ],
)
@pytest.mark.parametrize("name", ["temperature", "dew_point"])
def test_a_temperature_s_bounds(name: str, divisor: int, signed_size: int, expected: tuple[int, int]) -> None:
    """No graph may show a temperature below absolute zero, or the sentinel of a signed temperature of two bytes."""
    assert expected == bounds(name, divisor, signed_size)


def test_every_integer_of_a_payload_is_possible_without_bounds() -> None:
    """In BTHome v1, integers have up to 30 bytes, and pounds are multiplied; none of these values may be lost."""
    largest = 256**30 * 45_359_237
    least, most = bounds("mass", 1)

    assert least < -largest < largest < most


def test_the_limit_without_bounds_has_both_signs() -> None:
    """A large negative number is as impossible as a large positive one."""
    assert (-(10**300), 10**300) == bounds("pressure", 100)


def test_the_sentinel_of_a_temperature_is_no_other_measurement_s() -> None:
    """A rotation of 3,276.7° is a valid value, which must not be lost."""
    assert bounds("rotation", 10, 2)[1] > 0x7FFF


@pytest.mark.parametrize("raw", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_never_possible(raw: float) -> None:
    """One NaN or infinity makes every average that contains it useless, even for a measurement without bounds."""
    least, most = bounds("pressure", 100)

    assert not least <= raw <= most


@pytest.mark.parametrize("raw", [-9.9e299, 0.0, 9.9e299])
def test_any_usual_number_is_possible_without_bounds(raw: float) -> None:
    """Only values that are certainly impossible may be left out, because each leaves a gap."""
    least, most = bounds("pressure", 100)

    assert least <= raw <= most


@pytest.mark.parametrize("raw", [-1.01e300, 1.01e300])
def test_a_number_that_a_conversion_could_make_infinite_is_not_possible(raw: float) -> None:
    """As a double, an energy of 1.7 × 10^308 kWh is finite, but infinite after its conversion to joules."""
    least, most = bounds("pressure", 100)

    assert not least <= raw <= most


@pytest.mark.parametrize("number", OBJECTS.values(), ids=lambda number: f"{number.name}-{number.size}")
def test_every_possible_value_is_finite_in_its_base_unit(number: Number) -> None:
    """Prometheus accepts +Inf without an error, but +Inf makes every sum and average that contains it useless."""
    family = FAMILIES[number.name]
    least, most = bounds(number.name, number.divisor, number.size, number.multiplier)

    for bound in (least, most):
        assert math.isfinite(bound / number.divisor * family.multiplier / family.divisor)
