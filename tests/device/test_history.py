"""The last hour of one measurement, with one point per minute."""

from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.history import NO_POINTS, POINTS, last_hour, with_minute


def test_there_is_a_point_for_each_minute_up_to_now() -> None:
    """The page draws a line from these points, which must end at the present minute."""
    assert [None] * 57 + [21.51, None, None] == last_hour(NO_POINTS, 21.51, 2)


def test_a_minute_without_a_value_is_a_gap() -> None:
    """A line that continued through a gap would hide that the sensor was silent."""
    points = with_minute(NO_POINTS, 20, 5)

    assert [None] * 54 + [20, None, None, None, None, 21] == last_hour(points, 21, 0)


def test_an_hour_later_a_value_is_gone() -> None:
    """A value must not be drawn again, an hour after it was heard, as if it were new."""
    assert [20] + [None] * 59 == last_hour(NO_POINTS, 20, 59)
    assert [None] * 60 == last_hour(NO_POINTS, 20, 60)
    assert [20] + [None] * 58 + [21] == last_hour(with_minute(NO_POINTS, 20, 59), 21, 0)
    assert [None] * 59 + [21] == last_hour(with_minute(NO_POINTS, 20, 60), 21, 0)


def test_when_no_value_is_left_no_points_are_kept() -> None:
    """A measurement that the sensor no longer sends must take no memory for its history."""
    points = with_minute(NO_POINTS, 20, 1)
    for _ in range(POINTS - 2):
        points = with_minute(points, None, 1)
        assert points is not NO_POINTS

    assert with_minute(points, None, 1) is NO_POINTS


@given(waits=st.lists(st.integers(0, 2 * POINTS), max_size=40), looked=st.integers(0, 2 * POINTS))
def test_it_is_what_was_heard_in_the_hour(waits: list[int], looked: int) -> None:
    """Whenever packets and requests arrive, no value may be lost or drawn in the wrong minute."""
    minute, value = 1000, 0
    points = NO_POINTS
    expected: dict[int, float] = {minute: value}
    for number, wait in enumerate(waits, 1):
        if wait:
            points = with_minute(points, value, wait)
        minute += wait
        expected[minute] = value = number

    hour = range(minute + looked - POINTS + 1, minute + looked + 1)
    assert [expected.get(at) for at in hour] == last_hour(points, value, looked)
    assert len(points) < POINTS
