"""
When each adapter listened, and when unknown devices were heard.

A silence says nothing about a device if nobody listened. The caller notes every few seconds which adapters listen. A
long gap between two notes is time in which the program did not run, for example because the machine was asleep. Times
are monotonic seconds, and include the machine's sleep.
"""

from collections import deque
from collections.abc import Collection

NOTE_S = 5.0
"""The seconds between two notes."""

# If more seconds than these lie between two notes, the time between them does not count as listening.
_LONGEST_STEP_S = 3 * NOTE_S
# The maximum number of spans that are kept for an adapter. In continuous listening, one span lasts until something
# interrupts it.
_MOST_SPANS = 64


class Listening:
    """
    The spans in which each adapter listened, and the latest sign of unknown devices.

    Attributes:
        started_s: The time when the record began.
        strangers_s: The time at which an unknown device was last heard, accurate to NOTE_S; None if none was heard.
    """

    def __init__(self, now_s: float) -> None:
        self.started_s = now_s
        self.strangers_s: float | None = None
        self._strangers = 0
        self._noted_s = now_s
        self._adapters: Collection[str] = ()
        # By adapter: the beginning and the end of each span.
        self._spans: dict[str, deque[tuple[float, float]]] = {}

    def note(self, now_s: float, adapters: Collection[str], strangers: int = 0) -> None:
        """
        Note which adapters listen from now on, until the next note.

        Args:
            now_s: The present time.
            adapters: The names of the adapters; a radio without adapters has the name "".
            strangers: The number of packets of unknown devices so far.
        """
        is_awake = now_s - self._noted_s <= _LONGEST_STEP_S
        for adapter in self._adapters:
            spans = self._spans.setdefault(adapter, deque(maxlen=_MOST_SPANS))
            if is_awake and spans and spans[-1][1] == self._noted_s:
                spans[-1] = (spans[-1][0], now_s)
            elif is_awake:
                spans.append((self._noted_s, now_s))
        if strangers != self._strangers:
            self._strangers, self.strangers_s = strangers, now_s
        self._noted_s, self._adapters = now_s, tuple(adapters)

    def listened_s(self, adapter: str | None, since_s: float) -> float:
        """
        Return for how many seconds an adapter listened since a time.

        For an unknown adapter (or None), returns the longest such time of any adapter; 0 if none has listened. The time
        since the latest note does not count. Returns infinity if the record no longer reaches back to `since_s`.
        """
        if adapter not in self._spans:
            return max((self.listened_s(known, since_s) for known in self._spans), default=0.0)
        spans = self._spans[adapter]
        if len(spans) == _MOST_SPANS and spans[0][0] > since_s:
            return float("inf")
        return sum(end_s - max(begin_s, since_s) for begin_s, end_s in spans if end_s > since_s)
