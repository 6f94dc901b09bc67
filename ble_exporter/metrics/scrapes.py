"""
Determines how long a new counter shows 0, so that every Prometheus server sees the first event.

Prometheus computes an increase from the samples of a series, so it can't see an event that the first sample already
includes. The first event of a button is therefore counted only when every server has probably scraped the 0.
"""

from collections import deque

_SCRAPES = 2.5
"""The 0 is shown for this many times the longest recent gap between scrapes, because two servers may alternate."""

_LEAST_S, _MOST_S = 5.0, 55.0
"""The limits of the time for which the 0 is shown, in seconds; at a scrape interval of 60 s, one scrape shows the 0."""

_UNKNOWN_S = 15.0
"""How long the 0 is shown while no gap between scrapes is known, in seconds."""

_GAPS = 9
# Shorter gaps occur within one scrape, or when somebody reloads /metrics, and say nothing about a server's interval.
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
        """How long a counter must show 0 from its first scrape on, in seconds."""
        return min(max(_SCRAPES * max(self._gaps_s), _LEAST_S), _MOST_S) if self._gaps_s else _UNKNOWN_S
