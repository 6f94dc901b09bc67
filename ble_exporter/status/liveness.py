"""Monitors whether scans make progress and produce readings, for /readyz and for systemd's watchdog."""

import asyncio
from collections.abc import Callable, Sequence

# The margin lets an unresponsive radio fail first, with a reason: bluetoothd may take 10 s to appear, 20 s to start a
# scan and 5 s to stop it, and a cancellation that a library swallows is repeated after 10 s.
MARGIN_S = 45.0
# Radios are started and stopped one after the other, so each additional radio needs more time.
MARGIN_PER_RADIO_S = 25.0

_NO_SCAN_YET = "the first scan has not ended yet"


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


class Liveness:
    """
    The progress of the scans: each scan must end within interval + duration + margins after the previous one.

    The interval is the time between the starts of two scans. `clock` returns monotonic seconds, by default those of the
    running event loop, because a Pi's wall clock jumps by months when the network comes up. Each of the `doubts`
    returns the reason why readings are not current although scans end, or None; these reasons do not affect systemd's
    watchdog. Time during which `is_pausing` returns True does not count, because no scan can end.
    """

    def __init__(
        self,
        interval_s: float,
        duration_s: float,
        clock: Callable[[], float] = _loop_time,
        radios: int = 1,
        doubts: Sequence[Callable[[], str | None]] = (),
        *,
        is_pausing: Callable[[], bool] = lambda: False,
    ) -> None:
        self._interval_s = interval_s
        self._limit_s = interval_s + duration_s + MARGIN_S + (radios - 1) * MARGIN_PER_RADIO_S
        self._clock = clock
        self._doubts = doubts
        self._is_pausing = is_pausing
        self._since: float | None = None
        self._has_ended = False

    def scan_started(self) -> None:
        """Record that the radio has started to listen."""
        if self._since is None:
            self._since = self._clock()

    def scan_ended(self) -> None:
        """Record that a scan ended without an error."""
        self._since = self._clock()
        self._has_ended = True

    def stalled(self) -> str | None:
        """Return the reason why scans make no progress, as text; None while they make progress."""
        if self._since is None:
            return _NO_SCAN_YET
        if self._is_pausing():
            # systemd's watchdog and the probes call this method often enough to leave out the whole pause.
            self._since = self._clock()
        age = self._clock() - self._since
        if age <= self._limit_s:
            return None
        if not self._has_ended:
            return f"the first scan started {age:.0f} s ago and has not ended yet"
        return f"the last scan ended {age:.0f} s ago; a scan is due every {self._interval_s:g} s"

    def not_ready(self) -> str | None:
        """Return the reason why the exporter has no current readings, as text; None if its readings are current."""
        if not self._has_ended:
            return _NO_SCAN_YET
        reasons = (check() for check in (self.stalled, *self._doubts))
        return next((reason for reason in reasons if reason is not None), None)
