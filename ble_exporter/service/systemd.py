"""Notifies systemd, as described in sd_notify(3) and sd_watchdog_enabled(3). Without systemd, nothing is sent."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from ble_exporter.utils import one_line

READY = "READY=1"
STOPPING = "STOPPING=1"

# In characters, of up to four bytes each in UTF-8: systemd ignores a message of more than 4096 bytes.
_MAX_STATUS = 1000


class Notifier:
    """
    Sends messages to systemd if systemd has started the program.

    The socket is opened only once: systemd's watchdog must be fed even when no file descriptor is left.

    Args:
        log: Receives a line if the socket can't be opened.
        address: The value of NOTIFY_SOCKET, by default that of this process; empty without systemd.
    """

    def __init__(self, log: logging.Logger, address: str | None = None) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        # An abstract socket address: "@" stands for a zero byte.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if address:
            try:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                # The service must not wait if systemd is busy or gone.
                self._socket.setblocking(False)
            except OSError as error:
                log.warning("systemd can't be notified, and will restart the program: %s", error.strerror)

    def notify(self, message: str) -> None:
        """Send one assignment, such as READY; it is lost if systemd does not accept it immediately."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.sendto(message.encode(), self._address)

    def notify_status(self, text: str) -> None:
        """Set the status line that `systemctl status` shows."""
        self.notify(f"STATUS={one_line(text)[:_MAX_STATUS]}")

    def notify_reloading(self) -> None:
        """Announce a reload; READY announces its end. systemd compares the time with that of its reload signal."""
        self.notify(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def close(self) -> None:
        """Close the socket; later messages are dropped."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> "Notifier":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def watchdog_period_s(environment: Mapping[str, str] = os.environ) -> float | None:
    """Return the seconds between two WATCHDOG=1 messages, half of systemd's limit; None without a watchdog."""
    try:
        period_s = int(environment.get("WATCHDOG_USEC", "0")) / 2e6
    except (ValueError, OverflowError):
        return None
    # The environment variables may have been inherited from a parent process that systemd watches.
    is_for_us = environment.get("WATCHDOG_PID") in (None, str(os.getpid()))
    return period_s if period_s > 0 and is_for_us else None


async def feed_watchdog(notifier: Notifier, stalled: Callable[[], str | None], log: logging.Logger) -> None:
    """
    Send WATCHDOG=1 to systemd at regular intervals while scans make progress; return if there is no watchdog.

    `stalled` returns the reason why scans make no progress; None while they do. The reason is logged before systemd
    ends the program, because SIGABRT leaves no time for logging.
    """
    period_s = watchdog_period_s()
    is_fed = False
    while period_s is not None:
        await asyncio.sleep(period_s)
        problem = stalled()
        if problem is None:
            notifier.notify("WATCHDOG=1")
        elif is_fed:
            log.error("scans make no progress (%s): systemd's watchdog will restart the program", problem)
        is_fed = problem is None
