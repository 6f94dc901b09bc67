"""How long a value shows: the limits by themselves. The store that keeps them: test_metrics_staleness.py."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.rhythm import BURST_S, CEILING_S, FLOOR_S, GAPS, Fixed, Learned


def learned(gaps_s: Iterable[float], scan_interval_s: float = 0.0) -> float:
    """Return the limit of a value that was heard with these gaps, in seconds."""
    limits = Learned(scan_interval_s)
    now_s = 0.0
    limits.hear("attic", ["temperature"], now_s)
    for gap_s in gaps_s:
        now_s += gap_s
        limits.hear("attic", ["temperature"], now_s)
    return limits.limit_s("attic", "temperature")


def test_a_fixed_limit_is_that_of_every_value() -> None:
    """Who writes a number gets it, whatever is heard."""
    limits = Fixed(90.5)
    limits.hear("attic", ["temperature"], 0)
    limits.hear("attic", ["temperature"], 1000)

    assert (limits.least_s, limits.limit_s("attic", "temperature")) == (90.5, 90.5)


@pytest.mark.parametrize(("scan_interval_s", "limit_s"), [(0, 60), (5, 60), (30, 180), (3600, 900)])
def test_before_a_gap_is_known_the_limit_is_that_of_the_scans(scan_interval_s: float, limit_s: float) -> None:
    """With a scan each 30 s nothing can be heard more often: a minute would be two chances."""
    assert limit_s == learned([], scan_interval_s) == Learned(scan_interval_s).least_s


@pytest.mark.parametrize(("gap_s", "limit_s"), [(5, FLOOR_S), (10, 60), (20, 120), (60, 360), (600, CEILING_S)])
def test_the_limit_is_six_of_the_usual_gaps(gap_s: float, limit_s: float) -> None:
    """A sensor that was set to send rarely is not dead in between; one that sends often is soon known to be."""
    assert limit_s == learned([gap_s] * 4)


def test_the_usual_gap_is_the_median() -> None:
    """Every lost packet doubles a gap: the mean would follow them."""
    assert learned([20, 20, 40, 20, 20, 60, 20]) == 120


def test_an_outage_is_not_the_sensor_s_rhythm() -> None:
    """After a night without Bluetooth a dead sensor must not show for a quarter of an hour."""
    assert learned([20, 8 * 3600, 20]) == learned([20, 8 * 3600]) == learned([8 * 3600, 20]) == 120


def test_a_new_setting_of_the_sensor_is_followed() -> None:
    """Within as many gaps as are more than half of those that count."""
    assert learned([60] * 100 + [20] * (GAPS // 2 + 1)) == 120


def test_a_burst_is_one_hearing() -> None:
    """Some sensors send three packets at once and are then silent for a minute: that minute is their rhythm."""
    assert learned([60, 0.1, 0.1] * 4) == learned([60] * 4)


def test_another_adapter_s_copy_is_no_rhythm() -> None:
    """With two adapters every second gap is nothing."""
    assert learned([60, BURST_S / 100] * 4) == pytest.approx(360, rel=0.01)


def test_gaps_within_a_scan_are_not_those_between_scans() -> None:
    """Ten seconds of listening each 60 s hear two temperatures, 5 s from one another; then there is a pause."""
    assert learned([5, 55] * 5, scan_interval_s=60) == 360


def test_each_measurement_has_its_own_limit() -> None:
    """A voltage that is sent once a minute is none of the temperature's business."""
    limits = Learned()
    for second in range(0, 600, 5):
        limits.hear("attic", ["temperature", "voltage"] if second % 60 == 0 else ["temperature"], second)
        limits.hear("cellar", ["voltage"], second)

    assert [60, 360, 60] == [
        limits.limit_s("attic", "temperature"),
        limits.limit_s("attic", "voltage"),
        limits.limit_s("cellar", "voltage"),
    ]


@given(st.lists(st.floats(0, 1e6)), st.floats(0, 1e5))
def test_a_learned_limit_is_never_out_of_its_bounds(gaps_s: list[float], scan_interval_s: float) -> None:
    """Nothing that may be on air can make a value live for ever, or die at once."""
    assert FLOOR_S <= Learned(scan_interval_s).least_s <= learned(gaps_s, scan_interval_s) <= CEILING_S
