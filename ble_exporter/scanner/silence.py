"""
How long a radio may hear nothing at all.

A controller that hangs looks healthy: bluetoothd says that it is powered and scanning. Only silence tells. But a quiet
house is not a dead radio: any advertisement ends the silence, from whomever, and only time spent listening counts.
docs/silence.md has the rule, and the odds of a false alarm.
"""

import asyncio

from ble_exporter.errors import ScannerError
from ble_exporter.scanner import remedies

# Where only thermometers are heard, so many of their usual intervals must pass. If they were missed by chance, with
# whatever probability, the odds are at most e^-10 for each interval.
USUAL_INTERVALS = 10
# The usual interval is a mean that forgets: about so many of the latest.
_REMEMBERED_INTERVALS = 16
# Before so many of them were heard it is not known, and a house with slow thermometers must get the time to teach it.
_INTERVALS_TO_LEARN = 8
UNLEARNED_LIMIT_S = 900.0


class Silence:
    """
    The silence of one radio, over all its scans.

    Args:
        limit_s: How many seconds of listening without any advertisement are too many.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._before_s = 0.0
        self._since: float | None = None
        self._learns = False
        self._intervals = -1
        self._usual_s = 0.0

    def end(self) -> None:
        """Note that something was heard."""
        now = None if self._since is None else asyncio.get_running_loop().time()
        if self._learns:
            self._learn(self._lasted_s(now))
        self._before_s = 0.0
        self._since = now

    def begin_anew(self) -> None:
        """Forget how long the silence has lasted: what failed says nothing of what is tried next."""
        self._before_s = 0.0

    async def watch(self, adapter: str, *, only_thermometers: bool = False) -> None:
        """
        Wait, from the moment that the radio listens until cancelled, for the silence to last too long.

        Args:
            adapter: What listens.
            only_thermometers: The scan is passive, so that no stranger can be heard: the limit then is not below ten
                times the usual interval between two advertisements.

        Raises:
            ScannerError: It did.
        """
        now = asyncio.get_running_loop().time
        self._since = now()
        self._learns = only_thermometers
        try:
            # What is heard meanwhile moves the end, which is looked at anew when the old one is reached, or might be a
            # nearer one: an event for each advertisement would cost more.
            while (left := self._limit - self._lasted_s(now())) > 0:  # noqa: ASYNC110
                await asyncio.sleep(min(left, self._limit_s))
        finally:
            self._before_s = self._lasted_s(now())
            self._since = None
        silence = remedies.silent(self._limit, only_thermometers=only_thermometers)
        raise ScannerError(f"adapter {adapter}: {silence}")

    @property
    def _limit(self) -> float:
        if not self._learns:
            return self._limit_s
        is_learned = self._intervals >= _INTERVALS_TO_LEARN
        return max(self._limit_s, USUAL_INTERVALS * self._usual_s if is_learned else UNLEARNED_LIMIT_S)

    def _lasted_s(self, now: float | None) -> float:
        """Return how many seconds of listening the silence has lasted."""
        return self._before_s if self._since is None or now is None else self._before_s + now - self._since

    def _learn(self, interval_s: float) -> None:
        self._intervals += 1
        # What came before the first advertisement is part of an interval only.
        if self._intervals > 0:
            self._usual_s += (interval_s - self._usual_s) / min(self._intervals, _REMEMBERED_INTERVALS)
