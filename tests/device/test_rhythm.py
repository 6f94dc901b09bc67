"""Learned intervals, and the limits that follow from them."""

import math
from collections.abc import Iterable
from statistics import median_low

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.rhythm import (
    BURST_S,
    CEILING_S,
    FLOOR_S,
    GAPS,
    NO_LIMIT,
    Rhythm,
    fixed_limit,
    learned_limit,
)


def rhythm_of(gaps_s: Iterable[float]) -> Rhythm:
    """Return the rhythm of packets with these gaps, in seconds."""
    now_s = 0.0
    rhythm = Rhythm(now_s)
    for gap_s in gaps_s:
        now_s += gap_s
        rhythm.hear(now_s)
    return rhythm


def learned(gaps_s: Iterable[float], scan_interval_s: float = 0.0) -> float:
    """Return the limit of a value with these gaps, in seconds."""
    return learned_limit(scan_interval_s)(rhythm_of(gaps_s).interval_s)


def test_before_the_second_hearing_there_is_no_interval() -> None:
    """An invented interval would be shown on the status page."""
    assert rhythm_of([]).interval_s is None
    assert 5 == rhythm_of([5]).interval_s


@pytest.mark.parametrize("interval_s", [None, 1, 1000])
def test_a_fixed_limit_is_that_of_every_interval(interval_s: float | None) -> None:
    """A limit in the configuration is the owner's decision, whatever the interval of the sensor."""
    assert 90.5 == fixed_limit(90.5)(interval_s)
    assert NO_LIMIT(interval_s) == math.inf


@pytest.mark.parametrize(("scan_interval_s", "limit_s"), [(0, 60), (5, 60), (30, 180), (3600, 900)])
def test_before_a_gap_is_known_the_limit_is_that_of_the_scans(scan_interval_s: float, limit_s: float) -> None:
    """With a scan each 30 s, a limit of one minute would leave only two chances to hear a value."""
    assert limit_s == learned([], scan_interval_s)


@pytest.mark.parametrize(("gap_s", "limit_s"), [(5, FLOOR_S), (10, 60), (20, 120), (60, 360), (600, CEILING_S)])
def test_the_limit_is_six_of_the_usual_gaps(gap_s: float, limit_s: float) -> None:
    """A slow sensor must not expire between two packets, and a fast one that has died must expire soon."""
    assert limit_s == learned([gap_s] * 4)


def test_the_usual_gap_is_the_median() -> None:
    """Every lost packet lengthens a gap, and a mean would grow with each of them."""
    assert 120 == learned([20, 20, 40, 20, 20, 60, 20])


def test_an_outage_is_not_the_sensor_s_rhythm() -> None:
    """After a night without Bluetooth, a sensor that dies must not be shown for another quarter of an hour."""
    assert learned([20, 8 * 3600, 20]) == learned([20, 8 * 3600]) == learned([8 * 3600, 20]) == 120


def test_a_new_setting_of_the_sensor_is_followed() -> None:
    """After the owner changes the interval, the limit must follow once most of the remembered gaps are new."""
    assert 120 == learned([60] * 100 + [20] * (GAPS // 2 + 1))


def test_a_burst_is_one_hearing() -> None:
    """Some sensors send three packets in a burst and are then silent for a minute: that minute is their rhythm."""
    assert learned([60, 0.1, 0.1] * 4) == learned([60] * 4)


def test_another_adapter_s_copy_is_no_rhythm() -> None:
    """With two adapters, every second gap is close to zero, which must not shorten the limit."""
    assert learned([60, BURST_S / 100] * 4) == pytest.approx(360, rel=0.01)


def test_a_gap_of_the_length_of_a_burst_counts() -> None:
    """A sensor that sends once a second must not be taken for an endless burst."""
    assert rhythm_of([BURST_S]).interval_s == BURST_S


def test_gaps_within_a_scan_are_not_those_between_scans() -> None:
    """A scan of ten seconds each minute hears two temperatures, 5 s apart, and these must not expire in the pause."""
    assert 360 == learned([5, 55] * 5, scan_interval_s=60)


@given(st.lists(st.integers(0, 4000).map(lambda quarters: quarters / 4)))
def test_the_interval_is_the_median_of_the_latest_gaps(gaps_s: list[float]) -> None:
    """With a wrong interval, values would expire too early or too late, whatever the gaps."""
    long_s = [gap_s for gap_s in gaps_s if gap_s >= BURST_S][-GAPS:]

    assert (median_low(long_s) if long_s else None) == rhythm_of(gaps_s).interval_s


@given(st.lists(st.floats(0, 1e6)), st.floats(0, 1e5))
def test_a_learned_limit_is_never_out_of_its_bounds(gaps_s: list[float], scan_interval_s: float) -> None:
    """No pattern of packets can make a value stay for ever, or expire immediately."""
    assert FLOOR_S <= learned([], scan_interval_s) <= learned(gaps_s, scan_interval_s) <= CEILING_S


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1e5))
def test_a_longer_interval_has_no_shorter_limit(one_s: float, other_s: float, scan_interval_s: float) -> None:
    """With a shorter limit, a slow sensor's values would expire before a fast sensor's."""
    limit = learned_limit(scan_interval_s)

    assert limit(None) <= limit(min(one_s, other_s)) <= limit(max(one_s, other_s))
