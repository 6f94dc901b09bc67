"""
A clock that excludes the time for which the host suspends the guest.

A guest is a process, which a busy host may suspend for seconds. A program can't end within 2 s on a machine that is
suspended for 3 s. So a thread sleeps repeatedly for MOMENT_S; if a sleep takes longer than LONGEST_MOMENT_S, the guest
was suspended, and the clock excludes the excess.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

MOMENT_S = 0.02
LONGEST_MOMENT_S = 0.035
"""A sleep takes up to one 10 ms tick of the guest's clock longer than requested, and Python adds some time."""


class Clock:
    """
    A clock that, from `start` on, excludes the suspensions of the guest; before, it is an ordinary clock.

    Attributes:
        stood_still_s: Total time for which the guest was suspended.
        longest_s: The longest single suspension.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Use `monotonic` as the clock that includes the suspensions."""
        self.longest_s = 0.0
        self._monotonic = monotonic
        # The end of the latest sleep, and the total suspension by then: a tuple, which other threads read atomically.
        self._latest: tuple[float, float] | None = None

    @property
    def stood_still_s(self) -> float:
        """Total time for which the guest was suspended."""
        return self._latest[1] if self._latest else 0.0

    def now(self) -> float:
        """Return the time in seconds since an arbitrary start, without suspensions."""
        if self._latest is None:
            return self._monotonic()
        at, stood_still_s = self._latest
        # After a suspension, the caller may run before the counting thread.
        return at - stood_still_s + min(self._monotonic() - at, LONGEST_MOMENT_S)

    def end_moment(self) -> None:
        """Count the time since the previous call, up to LONGEST_MOMENT_S."""
        now = self._monotonic()
        at, stood_still_s = self._latest or (now, 0.0)
        too_long_s = max(0.0, now - at - LONGEST_MOMENT_S)
        self.longest_s = max(self.longest_s, too_long_s)
        self._latest = now, stood_still_s + too_long_s

    def start(self) -> None:
        """Start the counting thread, which runs until the process ends."""
        self.end_moment()
        threading.Thread(target=self._count, name="clock", daemon=True).start()

    def account(self) -> str:
        """Return the suspensions as a sentence."""
        return f"the guest was suspended for {self.stood_still_s:.2f} s in total, for {self.longest_s:.2f} s at most"

    def _count(self) -> None:
        while True:
            time.sleep(MOMENT_S)
            self.end_moment()


CLOCK = Clock()
"""The guest's clock; run.py starts it."""
