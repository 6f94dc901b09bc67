"""
Limits how long a radio may hear nothing at all.

A controller that hangs looks healthy: bluetoothd reports it as powered and scanning. Only silence reveals the hang. A
quiet place must not cause an alarm, so an advertisement of any device ends the silence, and only time spent listening
counts. docs/watchdog.md has the rule, and the odds of a false alarm.
"""

import asyncio
from collections.abc import Callable

from ble_exporter.errors import ScannerError
from ble_exporter.scanner import hints
from ble_exporter.tasks import next_tick

# If only thermometers can be heard, the limit is at least this many mean intervals between their advertisements.
# Whatever the share of advertisements lost by chance, the odds of a false alarm are then at most e^-10 per interval.
USUAL_INTERVALS = 10
# The mean is a moving average over about this many intervals. The median of device.rhythm, which ignores bursts and
# outages of a sensor, is not suitable, because the odds above hold for the mean of all intervals.
_REMEMBERED_INTERVALS = 16
# With fewer intervals, the mean is unknown. The limit then suits a single slow sensor: PHY62x2 firmware changes its
# payload at least every 1,275 s, other firmware every 40 minutes, and BlueZ does not report an unchanged payload again.
_INTERVALS_TO_LEARN = 8
UNLEARNED_LIMIT_S = 3600.0

# The watchdog checks whether anything was heard, during a silence at this interval in seconds. Reading the clock for
# each advertisement would take as long as all other work for an unknown device.
CHECK_S = 1.0
CALM_CHECK_S = 5.0
"""The longest interval of the checks, in seconds, while each of them finds that something was heard."""

# This interval as a fraction of the limit: a silence is noticed late by as much. For the usual limit, 90 s, it is 5 s.
_CALM = 1 / 18

# If a check is late by more than this, the machine was busy and delayed advertisements too: the excess is not silence.
_LATE_S = 1.0

# The fraction of the limit at which a silence becomes long: readings are missing, but the radio may still recover.
_LONG = 1 / 3


class SilenceWatchdog:
    """
    Measures the silence of one radio, across all its scans. The limit is in seconds of listening.

    Calls `on_heard` at each check that finds a packet received.

    Attributes:
        silent_s: The seconds of silence at the last check.
        heard_checks: The number of checks that found a packet received since the previous check.
    """

    def __init__(self, limit_s: float, on_heard: Callable[[], None] | None = None) -> None:
        self.heard_checks = 0
        self._on_heard = on_heard
        self._became_long = asyncio.Event()
        self._limit_s = limit_s
        self.silent_s = 0.0
        self._was_heard = False
        self._only_thermometers = False
        self._listened_s = 0.0
        self._checked_at = 0.0
        self._check_s = CHECK_S
        self._last_heard_at_s: float | None = None
        self._intervals = 0
        self._mean_interval_s = 0.0

    def note_heard(self) -> None:
        """Note that an advertisement was heard. Must be cheap, because the radio calls it for every advertisement."""
        self._was_heard = True
        if not self._only_thermometers:
            return
        heard_at_s = self._listened_s + asyncio.get_running_loop().time() - self._checked_at
        # The time before the first advertisement is only part of an interval.
        if self._last_heard_at_s is not None:
            self._intervals += 1
            interval_s = heard_at_s - self._last_heard_at_s
            self._mean_interval_s += (interval_s - self._mean_interval_s) / min(self._intervals, _REMEMBERED_INTERVALS)
        self._last_heard_at_s = heard_at_s

    def reset(self) -> bool:
        """
        End the silence, because the silence of a failed run says nothing about the next run.

        Returns whether an advertisement arrived after the last check, while the scan was being stopped.
        """
        was_heard = self._was_heard
        if was_heard:
            self.check()
        self.silent_s = 0.0
        return was_heard

    async def wait_for_long_silence(self) -> None:
        """Wait until a silence becomes long; this happens once for each silence."""
        self._became_long.clear()
        await self._became_long.wait()

    def check(self) -> None:
        """Add the time since the last check to the silence, or restart the silence if anything was heard."""
        was_long = self.is_long
        now = asyncio.get_running_loop().time()
        listened_s, self._checked_at = min(now - self._checked_at, self._check_s + _LATE_S), now
        self._listened_s += listened_s
        self.heard_checks += self._was_heard
        self.silent_s = 0.0 if self._was_heard else self.silent_s + listened_s
        if self._was_heard and self._on_heard is not None:
            self._on_heard()
        self._was_heard = False
        if self.is_long and not was_long:
            self._became_long.set()

    async def run(
        self,
        adapter: str,
        *,
        only_thermometers: bool = False,
        catch_up: Callable[[], None] | None = None,
    ) -> None:
        """
        Watch while an adapter listens; raise ScannerError when the silence has lasted too long.

        Before a check without anything heard, `catch_up` delivers the advertisements that wait to be delivered.
        With `only_thermometers`, as in a passive scan, other devices can't be heard, so the limit is at least
        USUAL_INTERVALS times the mean interval between two advertisements or, until that is known, UNLEARNED_LIMIT_S.
        """
        self._only_thermometers = only_thermometers
        self._checked_at = asyncio.get_running_loop().time()
        # Advertisements that arrived while the last scan was being stopped count too.
        self.check()
        try:
            while self.silent_s < self._limit:
                calm_check_s = min(CALM_CHECK_S, max(CHECK_S, _CALM * self._limit))
                self._check_s = CHECK_S if self.silent_s else calm_check_s
                await next_tick(self._check_s, at_most_s=self._limit - self.silent_s)
                if catch_up is not None and not self._was_heard:
                    catch_up()
                self.check()
        finally:
            self.check()
        raise ScannerError(*hints.silent(self._limit, only_thermometers=only_thermometers), adapter=adapter)

    @property
    def is_long(self) -> bool:
        """Whether the silence has lasted for a third of its limit."""
        return self.silent_s >= _LONG * self._limit

    @property
    def _limit(self) -> float:
        if not self._only_thermometers:
            return self._limit_s
        is_learned = self._intervals >= _INTERVALS_TO_LEARN
        return max(self._limit_s, USUAL_INTERVALS * self._mean_interval_s if is_learned else UNLEARNED_LIMIT_S)
