"""How fast a sensor counts, with known and unknown firmware."""

import pytest

from ble_exporter.device.pace import HOLD_S, LEAST_HOLD_S, MOST_HOLD_S, Pace


def pace_of(*steps: tuple[int, float]) -> Pace:
    """Return the pace of a sensor that was heard with these steps: counts and seconds."""
    pace = Pace()
    for counts, seconds in steps:
        pace.learn(counts, seconds)
    return pace


def test_before_the_second_counter_the_hold_suits_the_slowest_known_firmware() -> None:
    """PHY62x2 firmware may measure only every 1,275 s, and its first counter must not be refused."""
    assert (None, HOLD_S) == (Pace().step_s, Pace().hold_s)
    assert HOLD_S > 1275


@pytest.mark.parametrize(
    ("step_s", "hold_s"), [(2.5, LEAST_HOLD_S), (10, LEAST_HOLD_S), (1275, 1912.5), (86400, MOST_HOLD_S)]
)
def test_the_hold_follows_the_sensor_between_two_limits(step_s: float, hold_s: float) -> None:
    """A fast sensor may be set to 250 s at any time, and a slow sensor that has died must not look alive for a day."""
    assert hold_s == pace_of((1, step_s)).hold_s


def test_lost_counters_do_not_make_a_sensor_look_slow() -> None:
    """A sensor keeps counting while it is out of range, so an hour's absence is not a slow pace."""
    assert 10 == pace_of((1, 10), (360, 3600), (1, 10)).step_s


def test_the_longest_of_the_latest_steps_counts() -> None:
    """Right after the user sets a longer interval, packets must be accepted, although most known steps are short."""
    assert 600 == pace_of((1, 10), (1, 10), (1, 600)).step_s
    assert 10 == pace_of((1, 600), *[(1, 10)] * 5).step_s


def test_the_pace_of_an_earlier_run_holds_until_the_sensor_counts() -> None:
    """A slow sensor may be in the middle of a counter when the program restarts."""
    pace = Pace(1275)
    assert 1912.5 == pace.hold_s
    pace.learn(1, 10)
    assert LEAST_HOLD_S == pace.hold_s


def test_no_sensor_is_expected_to_count_far_immediately() -> None:
    """A counter that is far ahead may come from a recording of an earlier battery."""
    assert [True, False, True, False] == [
        Pace().can_count(counts, seconds) for counts, seconds in ((64, 0), (65, 0), (224, 10), (225, 10))
    ]


def test_a_sensor_that_was_seen_to_count_fast_may_do_so() -> None:
    """Some firmware counts milliseconds; but a single leap among five steps may come from a recording."""
    assert not pace_of(*[(2500, 2.5)] * 4).can_count(5000, 5)
    assert pace_of(*[(2500, 2.5)] * 5).can_count(5000, 5)
    assert not pace_of(*[(2500, 2.5)] * 5).can_count(20_100, 10)
    assert not pace_of((900_000, 1.0), *[(1, 10)] * 4).can_count(5000, 5)


def test_what_was_learned_from_a_recording_can_be_forgotten() -> None:
    """Leaps between two alternating counts look like one very fast sensor, from which recordings would be accepted."""
    pace = pace_of(*[(900_000, 0.0)] * 5)
    pace.forget()

    assert (None, False) == (pace.step_s, pace.can_count(1000, 1))
