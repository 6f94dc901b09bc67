"""What systemd is told, by sd_notify(3) and sd_watchdog_enabled(3). Where it does not ask, nothing happens."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress

from ble_exporter.utils import one_line

READY = "READY=1"
STOPPING = "STOPPING=1"
_WATCHDOG = "WATCHDOG=1"

# systemd ignores a message above 4096 bytes, and UTF-8 has up to four for a character.
_MAX_STATUS = 1000


def notify(message: str) -> None:
    """Send one assignment to systemd, where it listens; what it does not take is lost."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        # An abstract address; the kernel marks it with a zero byte.
        address = f"\0{address[1:]}"
    # Nobody's readings wait for a systemd that is busy, or gone: the socket does not block, and an error is no failure.
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto(message.encode(), address)


def notify_status(text: str) -> None:
    """Give `systemctl status` a line to show."""
    notify(f"STATUS={one_line(text)[:_MAX_STATUS]}")


def watchdog_period_s(environment: Mapping[str, str] = os.environ) -> float | None:
    """Return how many seconds after one WATCHDOG=1 the next is due: half of what systemd waits. None: it does not."""
    try:
        period_s = int(environment.get("WATCHDOG_USEC", "0")) / 2e6
    except (ValueError, OverflowError):
        return None
    # A program that systemd started may pass its environment on to another.
    is_for_us = environment.get("WATCHDOG_PID") in (None, str(os.getpid()))
    return period_s if period_s > 0 and is_for_us else None


async def feed_watchdog(stalled: Callable[[], str | None], log: logging.Logger) -> None:
    """
    Tell systemd that the program is alive, until cancelled; return at once where it does not ask.

    Args:
        stalled: Returns why the program is not alive, in words; None while it is.
        log: Where it is written that systemd will end the program: SIGABRT leaves no time for it.
    """
    period_s = watchdog_period_s()
    is_fed = False
    while period_s is not None:
        await asyncio.sleep(period_s)
        problem = stalled()
        if problem is None:
            notify(_WATCHDOG)
        elif is_fed:
            log.error("scans make no progress (%s): left to systemd's watchdog, which starts this again", problem)
        is_fed = problem is None
