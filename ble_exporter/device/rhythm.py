"""
Learns the interval at which a value or device is heard, and derives how long the value or device counts as present.

See docs/expiry.md. This is pure arithmetic on monotonic seconds, which the caller passes in.
"""

import math
from array import array
from collections.abc import Callable

from ble_exporter.utils import median_low

CHANCES = 6
"""A value is shown for this many of its usual intervals, so that five lost packets in a row do not expire it."""

FLOOR_S = 60.0
"""The shortest learned limit, in seconds: at the usual 5 s between two temperatures, it leaves twelve chances."""

CEILING_S = 900.0
"""The longest learned limit, in seconds: an older value is out of date, whatever the rhythm of the sensor."""

GAPS = 9
"""The number of recent gaps that count: few enough to follow a new setting, enough for the median to ignore outages."""

_LAST_GAP = GAPS - 1

BURST_S = 1.0
"""
Shorter gaps, in seconds, do not count, because they would make the rhythm look too fast: the packet is another
adapter's copy, or part of a burst before a minute of silence.
"""

Limit = Callable[[float | None], float]
"""
Turns a usual interval into the time for which a value or device counts as present after it was heard, in seconds.

None stands for an unknown interval, which has the shortest limit.
"""


class Rhythm:
    """
    The usual interval of a value or device that was first heard at `heard_s`.

    An outage is one long gap among others; the median ignores it without a special rule.

    Attributes:
        sharers: The number of values that share it: those of one packet do, until one is heard without the others.
    """

    __slots__ = ("_gaps_s", "_heard_s", "_oldest", "sharers")

    def __init__(self, heard_s: float) -> None:
        self.sharers = 1
        self._heard_s = heard_s
        # An array, not a list: the garbage collector would traverse the list of every rhythm.
        self._gaps_s = array("d")
        # The index of the gap that the next one replaces. The median ignores the order of the gaps, and replacing one
        # is faster than moving all.
        self._oldest = 0

    def hear(self, now_s: float, burst_s: float = BURST_S) -> None:
        """Record that the value or device was heard. Gaps shorter than `burst_s` seconds do not count."""
        gap_s = now_s - self._heard_s
        self._heard_s = now_s
        if gap_s >= burst_s:
            oldest = self._oldest
            try:
                self._gaps_s[oldest] = gap_s
            except IndexError:
                self._gaps_s.append(gap_s)
            self._oldest = oldest + 1 if oldest < _LAST_GAP else 0

    def began_at(self, now_s: float) -> bool:
        """Return whether this rhythm is new: nothing was heard at any other time."""
        return self._heard_s == now_s and not self._gaps_s

    def parted(self, sharers: int) -> "Rhythm":
        """Return a copy for `sharers` of its values, which were heard without the others."""
        self.sharers -= sharers
        rhythm = Rhythm(self._heard_s)
        rhythm._gaps_s, rhythm._oldest, rhythm.sharers = self._gaps_s[:], self._oldest, sharers
        return rhythm

    @property
    def interval_s(self) -> float | None:
        """The median gap in seconds (of two, the shorter: the longer may be an outage); None before the first gap."""
        return median_low(self._gaps_s) if self._gaps_s else None


def learned_limit(scan_interval_s: float = 0.0) -> Limit:
    """
    Return the limit that follows the rhythm: CHANCES times the interval, at least FLOOR_S and at most CEILING_S.

    Args:
        scan_interval_s: Seconds from the start of one scan to the start of the next; 0 if there is no pause between
            them. A shorter interval counts as this long, because nothing can be heard in the pause.
    """

    def limit_s(interval_s: float | None) -> float:
        usual_s = max(scan_interval_s, interval_s or 0.0)
        return min(max(CHANCES * usual_s, FLOOR_S), CEILING_S)

    return limit_s


def fixed_limit(limit_s: float) -> Limit:
    """Return a limit of `limit_s` seconds for every interval."""
    return lambda _interval_s: limit_s


NO_LIMIT: Limit = fixed_limit(math.inf)
"""An infinite limit, so that no value expires by time alone."""
