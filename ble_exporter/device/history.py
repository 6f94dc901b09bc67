"""
The last hour of each value, for people: one point a minute.

A point is the last value that was heard in its minute: one that a sensor did send, where a mean of a door that opened
would be a third of a door. A minute in which nothing was heard has none, and nothing is put in its place.

A series takes 0.6 kB: of 200 devices with four values each that is 0.5 MB.
"""

from array import array
from collections.abc import Mapping

POINTS = 60
"""So many points a series has; the last is of the minute that runs."""

STEP_S = 60
"""Seconds from one point to the next."""

MOST_SERIES = 32
"""
So many series are kept of a device. Under a sensor's address anybody can send some hundred names: those that are one
too many have no history until one of the others was not heard for an hour, so that noise drives out no temperature.
"""

_NOTHING = array("d", [float("nan")]) * POINTS


class _Device:
    """
    The series of one device.

    Attributes:
        minute: The latest in which it was heard, on the caller's clock.
        series: Measurement name to its points; that of a minute is at the minute's number modulo POINTS, and NaN where
            nothing was heard.
    """

    __slots__ = ("minute", "series")

    def __init__(self, minute: int) -> None:
        self.minute = minute
        self.series: dict[str, array[float]] = {}

    def move_on(self, minute: int) -> None:
        """Make room for a minute, and let go of what was not heard for an hour before it."""
        over = [passed % POINTS for passed in range(max(self.minute + 1, minute - POINTS + 1), minute + 1)]
        for points in self.series.values():
            for index in over:
                points[index] = _NOTHING[0]
        self.series = {name: points for name, points in self.series.items() if any(map(_is_heard, points))}
        self.minute = minute


class History:
    """The last hour of every device that was heard in it. The caller's clock gives monotonic seconds."""

    def __init__(self) -> None:
        self._devices: dict[str, _Device] = {}

    def hear(self, device: str, measurements: Mapping[str, float], now_s: float) -> None:
        """Note what a device said: measurement name to value."""
        minute = int(now_s // STEP_S)
        known = self._devices.get(device)
        if known is None:
            known = self._devices[device] = _Device(minute)
        elif known.minute < minute:
            known.move_on(minute)
        series = known.series
        index = known.minute % POINTS
        for name, value in measurements.items():
            points = series.get(name)
            if points is None:
                if len(series) >= MOST_SERIES:
                    continue
                points = series[name] = _NOTHING[:]
            points[index] = value

    def last_hour(self, device: str, now_s: float) -> dict[str, list[float | None]]:
        """
        Return the series of a device: measurement name to POINTS values, in the unit in which they were given.

        The last is of the minute that runs, and None of one in which nothing was heard. A measurement that was not
        heard within the hour is not there.
        """
        known = self._devices.get(device)
        if known is None:
            return {}
        since = min(max(0, int(now_s // STEP_S) - known.minute), POINTS)
        first = known.minute + 1 + since
        minutes = [minute % POINTS for minute in range(first, first + POINTS - since)]
        series = {
            name: [points[index] if _is_heard(points[index]) else None for index in minutes] + [None] * since
            for name, points in known.series.items()
        }
        return {name: points for name, points in series.items() if any(point is not None for point in points)}


def _is_heard(value: float) -> bool:
    # Of all numbers only NaN is not itself; math.isnan is no shorter, and two thirds slower.
    return value == value  # noqa: PLR0124 - that is the test
