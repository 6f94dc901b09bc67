"""
How long a new counter shows 0, so that every Prometheus server sees its first event.

Prometheus computes an increase from the samples of a series: it can't see the event with which a series begins. The
first event of a button therefore counts only when the scrapes of all servers have probably seen the 0.
"""

from collections import deque

_SCRAPES = 2.5
"""The 0 is shown for this many times the longest of the latest gaps between scrapes: two servers may alternate."""

_LEAST_S, _MOST_S = 5.0, 55.0
"""Limits of this time in seconds. Prometheus scrapes every minute by default, and then needs only one scrape with 0."""

_UNKNOWN_S = 15.0
"""This time before the second scrape, in seconds."""

_GAPS = 9
# Somebody who reloads /metrics, or the second format of one scrape, says nothing about the servers' rhythm.
_LEAST_GAP_S = 0.5


class Scrapes:
    """The times of the latest scrapes, in monotonic seconds."""

    def __init__(self) -> None:
        self._latest_s: float | None = None
        self._gaps_s: deque[float] = deque(maxlen=_GAPS)

    def hear(self, now_s: float) -> None:
        """Record a scrape."""
        if self._latest_s is not None and now_s - self._latest_s >= _LEAST_GAP_S:
            self._gaps_s.append(now_s - self._latest_s)
        self._latest_s = now_s

    @property
    def hold_s(self) -> float:
        """How long a counter that a scrape shows for the first time must show 0, in seconds."""
        return min(max(_SCRAPES * max(self._gaps_s), _LEAST_S), _MOST_S) if self._gaps_s else _UNKNOWN_S
