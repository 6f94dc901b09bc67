"""The last hour of one measurement, with one point per minute."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.history import POINTS, LastHour


def last_hour_of(points: Mapping[int, float]) -> LastHour:
    """Return the last hour of these values, by the minute in which each was heard."""
    last_hour = LastHour(min(points))
    for minute, value in points.items():
        last_hour.put(value, minute)
    return last_hour


def test_a_point_is_the_last_value_of_its_minute() -> None:
    """The last value was really sent; a mean could show a door that is one third open."""
    last_hour = last_hour_of({100: 0})
    last_hour.put(1, 100)

    assert [None] * 59 + [1] == last_hour.values(100)


def test_there_is_a_point_for_each_minute_up_to_now() -> None:
    """The page draws a line from these points, which must end at the present minute."""
    assert [None] * 57 + [21.51, None, None] == last_hour_of({100: 21.51}).values(102)


def test_a_minute_without_a_value_is_a_gap() -> None:
    """A line that continued through a gap would hide that the sensor was silent."""
    assert [None] * 54 + [20, None, None, None, None, 21] == last_hour_of({100: 20, 105: 21}).values(105)


def test_an_hour_later_a_value_is_gone() -> None:
    """A value must not be drawn again, an hour after it was heard, as if it were new."""
    last_hour = last_hour_of({100: 20})

    assert [20] + [None] * 59 == last_hour.values(159)
    assert [None] * 60 == last_hour.values(160)
    last_hour.put(21, 160)
    assert [None] * 59 + [21] == last_hour.values(160)


def test_it_is_over_when_no_value_is_left() -> None:
    """A measurement that was not heard for an hour must make room for another one."""
    last_hour = last_hour_of({100: 20, 110: 21})

    assert [False, True] == [last_hour.is_over(minute) for minute in (169, 170)]


@given(waits=st.lists(st.integers(0, 2 * POINTS), max_size=40), looked=st.integers(0, 2 * POINTS))
def test_it_is_what_was_heard_in_the_hour(waits: list[int], looked: int) -> None:
    """Whenever packets and requests arrive, no value may be lost or drawn in the wrong minute."""
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
