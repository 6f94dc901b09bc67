"""
How long a radio may hear nothing at all.

A controller that hangs looks healthy: bluetoothd says that it is powered and scanning. Only silence tells. But a quiet
house is not a dead radio: any advertisement ends the silence, from whomever, and only time spent listening counts.
docs/silence.md has the odds of a false alarm.
"""

import asyncio

from ble_exporter.errors import ScannerError
from ble_exporter.scanner import remedies


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

    def end(self) -> None:
        """Note that something was heard."""
        self._before_s = 0.0
        if self._since is not None:
            self._since = asyncio.get_running_loop().time()

    async def watch(self, adapter: str) -> None:
        """
        Wait, from the moment that the radio listens until cancelled, for the silence to last too long.

        Raises:
            ScannerError: It did.
        """
        now = asyncio.get_running_loop().time
        self._since = now()
        try:
            # What is heard meanwhile moves the end, which is looked at anew only when the old one is reached: an event
            # for each advertisement would cost more.
            while (left := self._limit_s - self._before_s - (now() - self._since)) > 0:  # noqa: ASYNC110
                await asyncio.sleep(left)
        finally:
            self._before_s += now() - self._since
            self._since = None
        raise ScannerError(f"adapter {adapter}: {remedies.silent(self._limit_s)}")
