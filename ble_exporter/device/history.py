"""
The last hour of one measurement, with one point per minute: the last value heard in that minute.

A point is not the mean of the minute, because the mean of a door that opened would be a fraction. A minute without a
value has no point. A series takes 0.6 kB, so 200 devices with four measurements each take 0.5 MB.
"""

from array import array

POINTS = 60
"""Number of points in a series; the last point is that of the current minute."""

STEP_S = 60
"""Seconds from one point to the next."""

_NO_POINTS = array("d", [float("nan")]) * POINTS


class LastHour:
    """
    The points of one measurement.

    Attributes:
        minute: The latest minute that has a point, numbered by the caller's monotonic seconds // STEP_S.
        points: The point of a minute is at the index `minute % POINTS`; NaN if nothing was heard.
    """

    __slots__ = ("minute", "points")

    def __init__(self, minute: int) -> None:
        self.minute = minute
        self.points = _NO_POINTS[:]

    def put(self, value: float, minute: int) -> None:
        """Set the point of `minute`, which must not be earlier than the latest minute."""
        for passed in range(max(self.minute + 1, minute - POINTS + 1), minute):
            self.points[passed % POINTS] = _NO_POINTS[0]
        self.minute = minute
        self.points[minute % POINTS] = value

    def is_over(self, minute: int) -> bool:
        """Return whether nothing was heard in the hour that ends with `minute`."""
        return minute - self.minute >= POINTS

    def values(self, minute: int) -> list[float | None]:
        """Return POINTS values, the last one that of `minute`; None for a minute in which nothing was heard."""
        minutes = range(minute - POINTS + 1, minute + 1)
        points = (self.points[number % POINTS] if number <= self.minute else _NO_POINTS[0] for number in minutes)
        # Only NaN differs from itself; math.isnan is two thirds slower.
        return [point if point == point else None for point in points]  # noqa: PLR0124 - the comparison detects NaN
