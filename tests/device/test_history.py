"""The last hour of one measurement, one point a minute."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.history import POINTS, LastHour


def last_hour_of(points: Mapping[int, float]) -> LastHour:
    """Return the last hour of values that were heard in these minutes."""
    last_hour = LastHour(min(points))
    for minute, value in points.items():
        last_hour.put(value, minute)
    return last_hour


def test_a_point_is_the_last_value_of_its_minute() -> None:
    """A sensor did send it; the mean of a door that opened would be a third of a door."""
    last_hour = last_hour_of({100: 0})
    last_hour.put(1, 100)

    assert [None] * 59 + [1] == last_hour.values(100)


def test_there_is_a_point_for_each_minute_up_to_now() -> None:
    """A line is drawn from them, and its end is now."""
    assert [None] * 57 + [21.51, None, None] == last_hour_of({100: 21.51}).values(102)


def test_a_minute_without_a_value_is_a_gap() -> None:
    """A line that goes on where nothing was heard tells of a sensor that lives."""
    assert [None] * 54 + [20, None, None, None, None, 21] == last_hour_of({100: 20, 105: 21}).values(105)


def test_an_hour_later_a_value_is_gone() -> None:
    """A value must not be drawn again, an hour after it was heard, as if it were new."""
    last_hour = last_hour_of({100: 20})

    assert [20] + [None] * 59 == last_hour.values(159)
    assert [None] * 60 == last_hour.values(160)
    last_hour.put(21, 160)
    assert [None] * 59 + [21] == last_hour.values(160)


def test_it_is_over_when_no_value_is_left() -> None:
    """Then it makes room for another measurement's."""
    last_hour = last_hour_of({100: 20, 110: 21})

    assert [False, True] == [last_hour.is_over(minute) for minute in (169, 170)]


@given(waits=st.lists(st.integers(0, 2 * POINTS), max_size=40), looked=st.integers(0, 2 * POINTS))
def test_it_is_what_was_heard_in_the_hour(waits: list[int], looked: int) -> None:
    """Against a plain list of all that was heard, whenever a sensor is heard and whenever one looks."""
    minute = 1000
    last_hour = LastHour(minute)
    expected: dict[int, float] = {}
    for number, wait in enumerate([0, *waits]):
        minute += wait
        last_hour.put(number, minute)
        expected[minute] = number
    minute += looked

    assert [expected.get(at) for at in range(minute - POINTS + 1, minute + 1)] == last_hour.values(minute)
    assert last_hour.is_over(minute) == (looked >= POINTS)
