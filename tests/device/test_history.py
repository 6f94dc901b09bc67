"""The last hour of each value, one point a minute."""

from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.history import MOST_SERIES, POINTS, STEP_S, History

HOUR_S = POINTS * STEP_S


def heard(history: History, now_s: float) -> dict[str, dict[int, float]]:
    """Return the attic's series: measurement name to minutes ago to value, without the gaps."""
    return {
        name: {POINTS - 1 - index: point for index, point in enumerate(points) if point is not None}
        for name, points in history.last_hour("attic", now_s).items()
    }


def test_a_point_is_the_last_value_of_its_minute() -> None:
    """It was sent by a sensor; a mean of a door that opened would be a third of a door."""
    history = History()
    for moment, door in ((0, 0), (20, 1), (59.9, 1), (60, 0), (130, 1)):
        history.hear("attic", {"door": door}, moment)

    assert {"door": {2: 1, 1: 0, 0: 1}} == heard(history, 130)


def test_a_series_has_a_point_for_each_minute() -> None:
    """A line is drawn from them, and its end is now."""
    history = History()
    history.hear("attic", {"temperature": 21.51}, 0)

    assert {"temperature": [None] * 57 + [21.51, None, None]} == history.last_hour("attic", 2 * STEP_S)


def test_a_minute_without_a_value_is_a_gap() -> None:
    """A line that goes on where nothing was heard tells of a sensor that lives."""
    history = History()
    history.hear("attic", {"temperature": 20, "humidity": 40}, 0)
    history.hear("attic", {"temperature": 21}, 5 * STEP_S)

    assert {"temperature": {5: 20, 0: 21}, "humidity": {5: 40}} == heard(history, 5 * STEP_S)


def test_an_hour_later_a_value_is_gone() -> None:
    """And not drawn again, an hour after it was heard, as if it were new."""
    history = History()
    history.hear("attic", {"temperature": 20}, 0)

    assert {"temperature": {59: 20}} == heard(history, HOUR_S - 1)
    assert {} == heard(history, HOUR_S)
    history.hear("attic", {"humidity": 40}, HOUR_S)
    assert {"humidity": {0: 40}} == heard(history, HOUR_S)


def test_a_device_that_was_never_heard_has_no_history() -> None:
    """Not even an empty one."""
    assert {} == History().last_hour("attic", 0)


def test_nobody_can_fill_the_memory_with_names() -> None:
    """Anybody can send some hundred under a sensor's address; the temperature that was there first stays."""
    history = History()
    history.hear("attic", {"temperature": 20}, 0)
    for minute in range(1, 90):
        history.hear("attic", {f"temperature_{minute}_{position}": 1 for position in range(345)}, minute * STEP_S)
        history.hear("attic", {"temperature": 21}, minute * STEP_S)

    series = heard(history, 89 * STEP_S)
    assert MOST_SERIES == len(series)
    assert dict.fromkeys(range(POINTS), 21) == series["temperature"]


def test_a_name_that_is_heard_no_more_makes_room_for_another() -> None:
    """A sensor with another firmware has a history again after an hour."""
    history = History()
    history.hear("attic", {f"count_{position}": 1 for position in range(MOST_SERIES)}, 0)
    history.hear("attic", {"temperature": 20}, HOUR_S - 1)
    assert "temperature" not in heard(history, HOUR_S - 1)

    history.hear("attic", {"temperature": 21}, HOUR_S)
    assert {"temperature": {0: 21}} == heard(history, HOUR_S)


@given(
    gaps=st.lists(st.floats(0, 2 * HOUR_S), max_size=40),
    looked_s=st.floats(0, 2 * HOUR_S),
)
def test_a_series_is_what_was_heard_in_the_hour(gaps: list[float], looked_s: float) -> None:
    """Whenever a sensor is heard, and whenever one looks."""
    history, now, expected = History(), 0.0, {}
    for number, gap in enumerate(gaps):
        now += gap
        history.hear("attic", {"count": number}, now)
        expected[int(now // STEP_S)] = number
    now += looked_s

    minute = int(now // STEP_S)
    in_the_hour = {minute - at: number for at, number in expected.items() if minute - at < POINTS}
    assert in_the_hour == heard(history, now).get("count", {})
