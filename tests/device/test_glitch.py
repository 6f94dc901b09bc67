"""The rule of the glitch filter; tests/test_pipeline_glitches.py runs the cases of tests/vectors/glitches.json."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.glitch import LARGEST_STEPS, GlitchFilter
from ble_exporter.device.series import MOST_SERIES
from ble_exporter.formats.limits import BOUNDS
from ble_exporter.formats.registry import UNITS
from ble_exporter.model import Advertisement, Reading
from tests.data import named
from tests.home import Home


class Filtered:
    """A filter, and a device that receives what the filter lets through."""

    def __init__(self) -> None:
        self.filter = GlitchFilter()
        self.glitches = 0
        self.home = Home()

    def hear(
        self, packet_id: int, measurements: Mapping[str, float], *, is_late: bool = False, is_triggered: bool = False
    ) -> dict[str, float]:
        """Sift a packet; return the values of the device after it."""
        device = self.home.devices["attic"]
        advertisement = Advertisement(device.address, {}, -60)
        reading = Reading(named(measurements), {}, packet_id, is_triggered=is_triggered)
        reading, glitches = self.filter.sift(advertisement, reading, device.series, self.home.now, is_late=is_late)
        self.glitches += len(glitches)
        device.update(advertisement, reading, self.home.now)
        return {str(name): value for name, value in device.values().items()}

    @property
    def held(self) -> int:
        """The number of values that the filter holds back."""
        return len(self.filter._held)


def test_every_step_is_for_a_measurement_with_a_unit_and_leaves_room_for_two_values() -> None:
    """A misspelt name would filter nothing; a step wider than the possible values would never be exceeded."""
    for name, step in LARGEST_STEPS.items():
        least, most = BOUNDS.get(name, (0, 10**9))
        assert UNITS[name]
        assert 0 < step < (most - least) / 100


@pytest.mark.parametrize("name", sorted(UNITS.keys() - LARGEST_STEPS))
def test_what_can_jump_is_never_held_back(name: str) -> None:
    """Illuminance, power or a count, for example, can jump and come back, which is not a glitch."""
    filtered = Filtered()
    filtered.hear(1, {name: 0})

    assert {name: 1_000_000} == filtered.hear(2, {name: 1_000_000})


@pytest.mark.parametrize("name", LARGEST_STEPS)
@pytest.mark.parametrize("direction", [-1, 1])
def test_each_kind_has_its_step(name: str, direction: int) -> None:
    """The steps are documented, and users judge the filter by them."""
    filtered = Filtered()
    filtered.hear(1, {name: 50})

    assert {name: 50 + direction * LARGEST_STEPS[name]} == filtered.hear(
        2, {name: 50 + direction * LARGEST_STEPS[name]}
    )
    assert {name: 50 + direction * LARGEST_STEPS[name]} == filtered.hear(
        3, {name: 50 + direction * (2 * LARGEST_STEPS[name] + 0.5)}
    )


def test_each_position_is_a_measurement_of_its_own() -> None:
    """Of two probes, the one in the oven must not confirm or refute the other."""
    filtered = Filtered()
    filtered.hear(1, {"temperature": 20, "temperature_2": 200})
    assert {"temperature": 20, "temperature_2": 201} == filtered.hear(2, {"temperature": 200, "temperature_2": 201})

    assert {"temperature": 20.1, "temperature_2": 201} == filtered.hear(3, {"temperature": 20.1, "temperature_2": 20})
    assert 1 == filtered.glitches


def test_a_late_packet_may_bring_a_believable_value_but_no_other() -> None:
    """A late packet may have the newest voltage, but a late value that jumps can't be confirmed, and is left out."""
    filtered = Filtered()
    filtered.hear(1, {"temperature": 20})

    assert {"temperature": 21} == filtered.hear(2, {"temperature": 21}, is_late=True)
    assert {"temperature": 21} == filtered.hear(3, {"temperature": 85}, is_late=True)
    assert (0, 0) == (filtered.held, filtered.glitches)


def test_a_sensor_that_sends_only_when_something_happens_is_not_filtered() -> None:
    """The sensor's next measurement may come days later, and until then an outdated value would be shown."""
    filtered = Filtered()
    filtered.hear(1, {"temperature": 20}, is_triggered=True)

    assert {"temperature": 85} == filtered.hear(2, {"temperature": 85}, is_triggered=True)
    assert (0, 0) == (filtered.held, filtered.glitches)


def test_a_value_held_before_is_judged_by_the_packet_that_something_has_caused() -> None:
    """Some sensors send at intervals and on events, so a packet sent on an event must judge a held value as well."""
    filtered = Filtered()
    filtered.hear(1, {"temperature": 20})
    filtered.hear(2, {"temperature": 85})

    assert {"temperature": 20.1} == filtered.hear(3, {"temperature": 20.1}, is_triggered=True)
    assert (0, 1) == (filtered.held, filtered.glitches)


@given(st.lists(st.floats(-40, 85), min_size=1), st.floats(-40, 85))
def test_a_value_that_stays_is_shown_after_one_more_measurement(before: list[float], stays: float) -> None:
    """Whatever came before, a real change must not be delayed by more than one measurement."""
    filtered = Filtered()
    for packet_id, value in enumerate([*before, stays], 1):
        filtered.home.now += 10
        filtered.hear(packet_id % 256, {"temperature": value})
    filtered.home.now += 10

    assert {"temperature": stays} == filtered.hear((len(before) + 2) % 256, {"temperature": stays})


def test_nobody_can_make_the_filter_keep_more_than_a_device_has_room_for() -> None:
    """Anybody can send thousands of positions under a sensor's address, which must not fill the filter's memory."""
    filtered = Filtered()
    for number in range(2, 2000):
        filtered.home.now += 5
        if number % 50 == 0:
            filtered.home.devices["attic"].series.clear()
        filtered.hear(number % 256, {f"temperature_{number}": 20})
        filtered.hear((number + 1) % 256, {f"temperature_{number}": 85})

    assert 1 <= filtered.held <= MOST_SERIES
