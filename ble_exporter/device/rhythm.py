"""
How often something is heard, and for how long it counts as present after that. Why, and the odds: docs/expiry.md.

Pure arithmetic on monotonic seconds, which the caller passes in.
"""

import math
from collections.abc import Callable
from statistics import median_low

CHANCES = 6
"""A value shows for so many of its usual intervals: five lost packets in a row do not end it."""

FLOOR_S = 60.0
"""No value expires sooner, in seconds: at the usual 5 s between two temperatures that is twelve chances."""

CEILING_S = 900.0
"""No value shows longer, in seconds: whatever the sensor's rhythm, an older value is not the present one."""

GAPS = 9
"""The latest gaps that count: few enough to follow a new setting, and an outage among them is not the median."""

BURST_S = 1.0
"""
Gaps shorter than this, in seconds, do not count: another adapter's copy, or a sensor that sends a burst of packets and
then is silent for a minute. They would make the rhythm look fast.
"""

Limit = Callable[[float | None], float]
"""
For how many seconds something counts as present after it was heard, by its usual interval in seconds.

None is an interval that is not known yet. No interval has a shorter limit than None.
"""


class Rhythm:
    """
    The times at which something was heard.

    An outage is one long gap among others. It needs no rule of its own: the median does not follow it.

    Args:
        heard_s: When it was heard for the first time.
    """

    __slots__ = ("_gaps_s", "_heard_s")

    def __init__(self, heard_s: float) -> None:
        self._heard_s = heard_s
        self._gaps_s: list[float] = []

    def hear(self, now_s: float) -> None:
        """Note that it was heard again."""
        gap_s = now_s - self._heard_s
        self._heard_s = now_s
        if gap_s >= BURST_S:
            gaps_s = self._gaps_s
            gaps_s.append(gap_s)
            if len(gaps_s) > GAPS:
                del gaps_s[0]

    @property
    def interval_s(self) -> float | None:
        """The median gap; None before the second hearing. Of two gaps the shorter: the other may be an outage."""
        return median_low(self._gaps_s) if self._gaps_s else None


def learned_limit(scan_interval_s: float = 0.0) -> Limit:
    """
    Return the limit that follows the rhythm: CHANCES times the interval, between FLOOR_S and CEILING_S.

    Args:
        scan_interval_s: Seconds from the start of one scan to the start of the next; 0 where there is no pause between
            them. An interval counts as no shorter than that: nothing can be heard in the pause.
    """
    least_s = _bounded(CHANCES * scan_interval_s)

    def limit_s(interval_s: float | None) -> float:
        return least_s if interval_s is None else max(least_s, _bounded(CHANCES * interval_s))

    return limit_s


def fixed_limit(limit_s: float) -> Limit:
    """Return a limit of so many seconds for every interval; `math.inf` for no limit at all."""
    return lambda _interval_s: limit_s


NO_LIMIT: Limit = fixed_limit(math.inf)
"""Nothing expires by time alone."""


def _bounded(limit_s: float) -> float:
    return min(max(limit_s, FLOOR_S), CEILING_S)
