"""
How long a radio may hear nothing at all.

A controller that hangs looks healthy: bluetoothd says that it is powered and scanning. Only silence tells. But a quiet
house is not a dead radio: any advertisement ends the silence, from whomever, and only time spent listening counts.
docs/watchdog.md has the rule, and the odds of a false alarm.
"""

import asyncio

from ble_exporter.errors import ScannerError
from ble_exporter.scanner import hints

# Where only thermometers are heard, so many of their usual intervals must pass. If they were missed by chance, with
# whatever probability, the odds are at most e^-10 for each interval.
USUAL_INTERVALS = 10
# The usual interval is a mean that forgets: about so many of the latest.
_REMEMBERED_INTERVALS = 16
# Before so many of them were heard it is not known, and a house with slow thermometers must get the time to teach it.
_INTERVALS_TO_LEARN = 8
UNLEARNED_LIMIT_S = 900.0

# So often the watch looks whether anything was heard. A clock read at each advertisement would cost as much as all else
# that is done for a stranger.
LOOK_S = 1.0
# A later look was held up by a busy machine, as was what is still to be heard: the rest of the time is no silence.
_LATEST_LOOK_S = 2.0


class Silence:
    """
    The silence of one radio, over all its scans.

    Args:
        limit_s: How many seconds of listening without any advertisement are too many.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._lasts_s = 0.0
        self._has_ended = False
        self._only_thermometers = False
        self._listened_s = 0.0
        self._looked_at = 0.0
        self._heard_at_s: float | None = None
        self._intervals = 0
        self._usual_s = 0.0

    def end(self) -> None:
        """Note that something was heard: no more than a note, since it is so often."""
        self._has_ended = True
        if self._only_thermometers:
            self._learn()

    def begin_anew(self) -> None:
        """Forget how long the silence has lasted: what failed says nothing of what is tried next."""
        self._lasts_s = 0.0

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
        self._only_thermometers = only_thermometers
        self._looked_at = asyncio.get_running_loop().time()
        # What was heard while the radio was being stopped counts too.
        self._look()
        try:
            while self._lasts_s < self._limit:
                await asyncio.sleep(min(LOOK_S, self._limit - self._lasts_s))
                self._look()
        finally:
            self._look()
        silence = hints.silent(self._limit, only_thermometers=only_thermometers)
        raise ScannerError(f"adapter {adapter}: {silence}")

    @property
    def _limit(self) -> float:
        if not self._only_thermometers:
            return self._limit_s
        is_learned = self._intervals >= _INTERVALS_TO_LEARN
        return max(self._limit_s, USUAL_INTERVALS * self._usual_s if is_learned else UNLEARNED_LIMIT_S)

    def _look(self) -> None:
        """Add the time since the last look to the silence, or begin it anew."""
        now = asyncio.get_running_loop().time()
        listened_s, self._looked_at = min(now - self._looked_at, _LATEST_LOOK_S), now
        self._listened_s += listened_s
        self._lasts_s = 0.0 if self._has_ended else self._lasts_s + listened_s
        self._has_ended = False

    def _learn(self) -> None:
        heard_at_s = self._listened_s + asyncio.get_running_loop().time() - self._looked_at
        # What came before the first advertisement is part of an interval only.
        if self._heard_at_s is not None:
            self._intervals += 1
            interval_s = heard_at_s - self._heard_at_s
            self._usual_s += (interval_s - self._usual_s) / min(self._intervals, _REMEMBERED_INTERVALS)
        self._heard_at_s = heard_at_s
