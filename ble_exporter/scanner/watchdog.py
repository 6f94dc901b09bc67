"""
How long a radio may hear nothing at all.

A controller that hangs looks healthy: bluetoothd says that it is powered and scanning. Only silence gives it away. But
a quiet house is not a dead radio: an advertisement of any device ends the silence, and only time spent listening
counts. docs/watchdog.md has the rule, and the odds of a false alarm.
"""

import asyncio

from ble_exporter.errors import ScannerError
from ble_exporter.scanner import hints

# Where only thermometers are heard, this many of their mean intervals must pass in silence. If they were missed by
# chance, with whatever probability, the odds are at most e^-10 for each interval.
USUAL_INTERVALS = 10
# The mean is a moving one, of about this many intervals.
_REMEMBERED_INTERVALS = 16
# Before this many were heard the mean is not known, and slow thermometers must get the time to teach it.
_INTERVALS_TO_LEARN = 8
UNLEARNED_LIMIT_S = 900.0

# How often the watchdog checks whether anything was heard. To read the clock at each advertisement would cost as much
# as everything else that is done for an unknown device.
CHECK_S = 1.0
# A check that comes later was held up by a busy machine, as was what is still to be heard: the rest is no silence.
_LONGEST_CHECK_S = 2.0


class SilenceWatchdog:
    """
    Measures the silence of one radio, over all its scans.

    Args:
        limit_s: How many seconds of listening without any advertisement are too many.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._silent_s = 0.0
        self._was_heard = False
        self._only_thermometers = False
        self._listened_s = 0.0
        self._checked_at = 0.0
        self._last_heard_at_s: float | None = None
        self._intervals = 0
        self._mean_interval_s = 0.0

    def note_heard(self) -> None:
        """Note that something was heard; cheap, since it is called for every advertisement."""
        self._was_heard = True
        if self._only_thermometers:
            self._learn()

    def reset(self) -> None:
        """Forget how long the silence has lasted: a run that failed says nothing of the next one."""
        self._silent_s = 0.0

    async def run(self, adapter: str, *, only_thermometers: bool = False) -> None:
        """
        Wait until the silence has lasted too long. To be started when the radio listens, and cancelled with it.

        Args:
            adapter: The name of the adapter that listens.
            only_thermometers: The scan is passive, so that no unknown device can be heard: the limit then is at least
                ten times the mean interval between two advertisements.

        Raises:
            ScannerError: The silence has lasted too long.
        """
        self._only_thermometers = only_thermometers
        self._checked_at = asyncio.get_running_loop().time()
        # What was heard while the radio was being stopped counts too.
        self._check()
        try:
            while self._silent_s < self._limit:
                await asyncio.sleep(min(CHECK_S, self._limit - self._silent_s))
                self._check()
        finally:
            self._check()
        raise ScannerError(*hints.silent(self._limit, only_thermometers=only_thermometers), adapter=adapter)

    @property
    def _limit(self) -> float:
        if not self._only_thermometers:
            return self._limit_s
        is_learned = self._intervals >= _INTERVALS_TO_LEARN
        return max(self._limit_s, USUAL_INTERVALS * self._mean_interval_s if is_learned else UNLEARNED_LIMIT_S)

    def _check(self) -> None:
        """Add the time since the last check to the silence, or begin it anew."""
        now = asyncio.get_running_loop().time()
        listened_s, self._checked_at = min(now - self._checked_at, _LONGEST_CHECK_S), now
        self._listened_s += listened_s
        self._silent_s = 0.0 if self._was_heard else self._silent_s + listened_s
        self._was_heard = False

    def _learn(self) -> None:
        heard_at_s = self._listened_s + asyncio.get_running_loop().time() - self._checked_at
        # What came before the first advertisement is part of an interval only.
        if self._last_heard_at_s is not None:
            self._intervals += 1
            interval_s = heard_at_s - self._last_heard_at_s
            self._mean_interval_s += (interval_s - self._mean_interval_s) / min(self._intervals, _REMEMBERED_INTERVALS)
        self._last_heard_at_s = heard_at_s
