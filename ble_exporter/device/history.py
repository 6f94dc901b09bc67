"""
The last hour of one measurement, with one point per minute: the last value heard in that minute.

A point is not the mean of the minute, because the mean of a door that opened would be a fraction. A minute without a
value has no point. The point of the present minute is the latest value, which the device keeps anyway: only the end of
a minute adds a point. After an hour, a series takes 0.6 kB.
"""

from array import array

POINTS = 60
"""Number of points in a series; the last point is that of the present minute."""

STEP_S = 60
"""Seconds from one point to the next."""

NO_POINTS = array("d")
"""
The points of a new series.

Points are those of the minutes that have ended, the latest last; NaN if nothing was heard. An array, not a list: the
garbage collector would traverse the list of every series, and each point would be an object. It is replaced, not
changed, because an array that grows reserves memory.
"""

# Minutes that have ended.
_ENDED = POINTS - 1
_GAP = array("d", [float("nan")])


def end_of_minute(now_s: float) -> float:
    """Return the time at which the present minute ends, in the same monotonic seconds."""
    return (now_s // STEP_S + 1) * STEP_S


def with_minute(points: "array[float]", value: float | None, minutes: int) -> "array[float]":
    """
    Return the points after a minute has ended; NO_POINTS if nothing was heard in the hour until now.

    Args:
        points: The points before.
        value: The last value heard in that minute; None if nothing was heard.
        minutes: The number of minutes from that minute to the present one, at least 1. In those between them, nothing
            was heard.
    """
    if value is None and not points:
        return NO_POINTS
    ended = _GAP if value is None else array("d", [value])
    points = (points + ended + _GAP * min(minutes - 1, _ENDED))[-_ENDED:]
    # Only NaN differs from itself; math.isnan is two thirds slower.
    return points if points[-1] == points[-1] or any(point == point for point in points) else NO_POINTS  # noqa: PLR0124


def last_hour(points: "array[float]", value: float | None, minutes: int) -> list[float | None]:
    """
    Return POINTS values, the last one that of the present minute; None for a minute in which nothing was heard.

    Args:
        points: The points of the minutes before `value` was heard.
        value: The last value heard in the minute after them; None if nothing was heard.
        minutes: The number of minutes from that minute to the present one.
    """
    heard = [point if point == point else None for point in points]  # noqa: PLR0124 - see above
    return [*[None] * (_ENDED - len(heard)), *heard, value, *[None] * min(minutes, POINTS)][-POINTS:]
