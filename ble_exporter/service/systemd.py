"""Notifies systemd, as described in sd_notify(3) and sd_watchdog_enabled(3). Without systemd, nothing is sent."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress

from ble_exporter.utils import one_line

READY = "READY=1"
STOPPING = "STOPPING=1"

# In characters, of up to four bytes each in UTF-8: systemd ignores a message of more than 4096 bytes.
_MAX_STATUS = 1000


def notify(message: str) -> None:
    """Send one assignment to systemd if it is listening; a message that systemd does not accept is lost."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        # An abstract socket address: "@" stands for a zero byte.
        address = f"\0{address[1:]}"
    # The service must not wait if systemd is busy or gone, so the socket does not block, and errors are ignored.
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto(message.encode(), address)


def notify_status(text: str) -> None:
    """Set the status line that `systemctl status` shows."""
    notify(f"STATUS={one_line(text)[:_MAX_STATUS]}")


def watchdog_period_s(environment: Mapping[str, str] = os.environ) -> float | None:
    """Return the seconds between two WATCHDOG=1 messages, half of systemd's limit; None without a watchdog."""
    try:
        period_s = int(environment.get("WATCHDOG_USEC", "0")) / 2e6
    except (ValueError, OverflowError):
        return None
    # The environment variables may have been inherited from a parent process that systemd watches.
    is_for_us = environment.get("WATCHDOG_PID") in (None, str(os.getpid()))
    return period_s if period_s > 0 and is_for_us else None


async def feed_watchdog(stalled: Callable[[], str | None], log: logging.Logger) -> None:
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
            notify("WATCHDOG=1")
        elif is_fed:
            log.error("scans make no progress (%s): systemd's watchdog will restart the program", problem)
        is_fed = problem is None
