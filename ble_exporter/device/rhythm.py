"""
How long a value shows after it was last heard: a fixed time, or one that follows from how often it is heard.

Pure arithmetic on monotonic seconds, which the caller hands in. Why it is so, and the odds: docs/expiry.md.
"""

from collections.abc import Iterable
from statistics import median_low

CHANCES = 6
"""So many times the usual gap between two hearings a value shows: five lost packets in a row are no death."""

FLOOR_S = 60.0
"""No value goes sooner, in seconds: at the usual 5 s between two temperatures that is twelve chances."""

CEILING_S = 900.0
"""No value shows longer, in seconds: whatever the sensor's rhythm, what is older is not the present."""

GAPS = 9
"""So many gaps count, the latest: few enough to follow a new setting, and one outage among them is not the median."""

BURST_S = 1.0
"""
What is heard again within so many seconds is the same hearing: another adapter's copy, or a sensor that sends some
packets in a row and then is silent for a minute. Such gaps would make the sensor's rhythm look fast.
"""


class Fixed:
    """
    The same limit for all.

    Args:
        limit_s: Seconds.

    Attributes:
        least_s: The limit.
    """

    def __init__(self, limit_s: float) -> None:
        self.least_s = limit_s

    def hear(self, device: str, names: Iterable[str], now_s: float) -> None:
        """Learn nothing."""

    def limit_s(self, device: str, name: str) -> float:  # noqa: ARG002 - the face that Learned has
        """Return the limit, in seconds."""
        return self.least_s


class _Rhythm:
    """When a value was last heard, and the latest gaps before; in seconds."""

    __slots__ = ("gaps_s", "heard_s")

    def __init__(self, heard_s: float) -> None:
        self.heard_s = heard_s
        self.gaps_s: list[float] = []


class Learned:
    """
    A limit for each value of each device: CHANCES times the median gap between two hearings of it.

    The gap is taken for no shorter than the time between two scans, for in the pause between them nothing can be heard;
    and the limit lies between FLOOR_S and CEILING_S. What was learned outlives the value, or a sensor that is slower
    than the floor would be met as a new one each time.

    Args:
        scan_interval_s: Seconds from the start of one scan to the start of the next; 0 where there is no pause between
            them.

    Attributes:
        least_s: The limit of a value whose rhythm is not known yet; no other is shorter.
    """

    def __init__(self, scan_interval_s: float = 0.0) -> None:
        self.least_s = _limit_s(scan_interval_s)
        self._rhythms: dict[str, dict[str, _Rhythm]] = {}

    def hear(self, device: str, names: Iterable[str], now_s: float) -> None:
        """
        Note that these values of a device were heard now, be it as a repeat.

        An outage is one long gap among others. It needs no rule of its own: a median does not follow it.
        """
        rhythms = self._rhythms.get(device)
        if rhythms is None:
            rhythms = self._rhythms[device] = {}
        for name in names:
            rhythm = rhythms.get(name)
            if rhythm is None:
                rhythms[name] = _Rhythm(now_s)
                continue
            gap_s = now_s - rhythm.heard_s
            rhythm.heard_s = now_s
            if gap_s >= BURST_S:
                gaps_s = rhythm.gaps_s
                gaps_s.append(gap_s)
                if len(gaps_s) > GAPS:
                    del gaps_s[0]

    def limit_s(self, device: str, name: str) -> float:
        """Return the limit of one value, in seconds; `least_s` where fewer than two hearings are known."""
        # Of two gaps the shorter one counts: the other may be an outage.
        gap_s = self.gap_s(device, name)
        return self.least_s if gap_s is None else max(self.least_s, _limit_s(gap_s))

    def gap_s(self, device: str, name: str) -> float | None:
        """Return the usual gap between two hearings of one value, in seconds; None before it is known."""
        rhythm = self._rhythms.get(device, {}).get(name)
        return median_low(rhythm.gaps_s) if rhythm is not None and rhythm.gaps_s else None


def _limit_s(gap_s: float) -> float:
    return min(max(CHANCES * gap_s, FLOOR_S), CEILING_S)


Limits = Fixed | Learned
