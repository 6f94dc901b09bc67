"""
Time as the guest has it: what the host takes away from it does not count.

A guest is a process, and a busy host lets it wait, sometimes for seconds. Whoever promises an end within 2 s can't keep
that on a machine that stands still for three. So deadlines are counted by a thread that does nothing but sleep for a
moment, again and again: where a moment lasts too long the machine stood still, and the rest of it is left out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

MOMENT_S = 0.02
LONGEST_MOMENT_S = 0.035
"""Sleeping takes up to one tick of the guest's clock, of 10 ms, longer than asked for; and Python its time."""


class Clock:
    """
    Before `start` it counts everything, as any clock does.

    Attributes:
        stood_still_s: How long, in all, the guest stood still.
        longest_s: The longest time at once.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`monotonic` is the clock that knows nothing of hosts."""
        self.longest_s = 0.0
        self._monotonic = monotonic
        # When the latest moment ended, and how long the guest had stood still by then: read by other threads at once.
        self._latest: tuple[float, float] | None = None

    @property
    def stood_still_s(self) -> float:
        """How long, in all."""
        return self._latest[1] if self._latest else 0.0

    def now(self) -> float:
        """Seconds since whenever, but for those in which the guest stood still."""
        if self._latest is None:
            return self._monotonic()
        at, stood_still_s = self._latest
        # Whoever asks may have woken sooner than the thread that counts.
        return at - stood_still_s + min(self._monotonic() - at, LONGEST_MOMENT_S)

    def end_moment(self) -> None:
        """Count a moment, from the end of the one before to now."""
        now = self._monotonic()
        at, stood_still_s = self._latest or (now, 0.0)
        too_long_s = max(0.0, now - at - LONGEST_MOMENT_S)
        self.longest_s = max(self.longest_s, too_long_s)
        self._latest = now, stood_still_s + too_long_s

    def start(self) -> None:
        """Count moments from now to the process's end."""
        self.end_moment()
        threading.Thread(target=self._count, name="clock", daemon=True).start()

    def account(self) -> str:
        """What it says of the host, in words."""
        return f"the guest stood still for {self.stood_still_s:.2f} s in all, for {self.longest_s:.2f} s at most"

    def _count(self) -> None:
        while True:
            time.sleep(MOMENT_S)
            self.end_moment()


CLOCK = Clock()
"""The guest's; run.py starts it."""
