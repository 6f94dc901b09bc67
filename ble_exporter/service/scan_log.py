"""Logs the scans' results so that changes stay visible: a day without changes adds a dozen lines at INFO."""

import logging
from collections.abc import Collection

from ble_exporter.device import Device

DETAILED_S = 3600.0
"""For this long after the first scan, in seconds, every result is logged at level INFO."""

REMINDER_S = 7200.0
"""After DETAILED_S, a result is logged at level INFO at least this often, in seconds; others at level DEBUG."""


class ScanLog:
    """
    Logs the result of each scan: at INFO if it is news, otherwise at DEBUG.

    Args:
        devices: The configured devices.
        log: The log.
    """

    def __init__(self, devices: Collection[Device], log: logging.Logger) -> None:
        self._devices = devices
        self._log = log
        self._began_s: float | None = None
        self._logged_s = 0.0
        self._missing: frozenset[str] = frozenset()

    def scan_ended(self, result: str, now_s: float) -> None:
        """
        Log the result of a scan that ended at `now_s`, in monotonic seconds.

        A single scan often misses a sensor that is far away or sends rarely. A device therefore counts as missing only
        when it was never heard, or has been silent for longer than its interval explains, as in its state in /status.
        """
        if self._began_s is None:
            self._began_s = now_s
        missing = frozenset(device.address for device in self._devices if _is_missing(device, now_s))
        is_detailed = now_s - self._began_s < DETAILED_S
        is_news = is_detailed or missing != self._missing or now_s - self._logged_s >= REMINDER_S
        self._missing = missing
        if is_news:
            self._logged_s = now_s
        self._log.log(logging.INFO if is_news else logging.DEBUG, "%s", result)


def _is_missing(device: Device, now_s: float) -> bool:
    return device.heard_s is None or device.is_silent(now_s)
