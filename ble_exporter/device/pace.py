"""
Learns from the counters of a sensor how fast it counts, because firmware and settings differ.

docs/security.md has the rule. Times are in seconds.
"""

from collections import deque

from ble_exporter.utils import median_low

# A repeated counter is accepted for HOLD_S until a second counter is known: PHY62x2 firmware measures at least every
# 1,275 s. After that, it is accepted for HOLD_FACTOR times the longest of the latest intervals between two counters,
# but for at least LEAST_HOLD_S (the user of the ATC firmware may at any time set an interval of up to 250 s), and at
# most MOST_HOLD_S.
HOLD_S = 1500.0
LEAST_HOLD_S = 300.0
HOLD_FACTOR = 1.5
MOST_HOLD_S = 7200.0

# A sensor can count COUNTS_AT_ONCE steps in no time, and COUNTS_PER_S more in each second: the ATC firmware's shortest
# advertising interval is 62.5 ms. A sensor that was seen to count faster can reach RATE_FACTOR times its own rate.
COUNTS_PER_S = 16.0
COUNTS_AT_ONCE = 64
RATE_FACTOR = 2.0

# The rate is learned from this many steps, so that one recording far ahead does not change it.
_STEPS = 5

_SHORTEST_STEP_S = 0.001


class Pace:
    """
    How fast one counter of a sensor counts: its latest steps, and the seconds that each took.

    Args:
        step_s: The longest interval from one counter to the next, as learned in an earlier run; None if unknown.
    """

    def __init__(self, step_s: float | None = None) -> None:
        self._marked_step_s = step_s
        self._steps: deque[tuple[int, float]] = deque(maxlen=_STEPS)

    def learn(self, counts: int, seconds: float) -> None:
        """Record that the counter increased by `counts` (at least 1) in `seconds`."""
        self._steps.append((counts, max(seconds, _SHORTEST_STEP_S)))

    def forget(self) -> None:
        """Forget the intervals, because they may be from a recording."""
        self._steps.clear()
        self._marked_step_s = None

    @property
    def step_s(self) -> float | None:
        """The longest of the latest intervals between two counters; without any, that of an earlier run, or None."""
        return max((seconds / counts for counts, seconds in self._steps), default=self._marked_step_s)

    @property
    def hold_s(self) -> float:
        """How long a repeated counter is accepted after its first packet, in seconds."""
        step_s = self.step_s
        return HOLD_S if step_s is None else min(max(LEAST_HOLD_S, HOLD_FACTOR * step_s), MOST_HOLD_S)

    def can_count(self, counts: int, seconds: float) -> bool:
        """Return whether the counter can increase by `counts` in `seconds`."""
        if counts <= COUNTS_AT_ONCE + COUNTS_PER_S * seconds:
            return True
        if len(self._steps) < _STEPS:
            return False
        rate = median_low(counted / step_s for counted, step_s in self._steps)
        return counts <= COUNTS_AT_ONCE + RATE_FACTOR * rate * seconds
