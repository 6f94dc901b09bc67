"""What a scanner is, and how long it listens."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement

Deliver = Callable[[Advertisement], None]


class AbstractScanner(Protocol):
    """What the service asks of a radio."""

    async def run(self, deliver: Deliver) -> None:
        """
        Listen, and deliver each advertisement as it is heard, until cancelled.

        Raises:
            ScannerError: Bluetooth is not available, or stopped working.
        """

    async def scan(self, duration_s: float) -> list[tuple[str, bytes]]:
        """
        Listen for some seconds.

        Returns:
            Address and service data of every BTHome packet heard, in order.

        Raises:
            ScannerError: Bluetooth is not available, or stopped working.
        """


async def run_for(scanner: AbstractScanner, deliver: Deliver, duration_s: float) -> None:
    """
    Run a scanner for `duration_s` seconds, or until it ends by itself.

    Raises:
        ScannerError: It failed, to stop as well.
    """
    # Not asyncio.wait_for: it could not tell the end of the time from a TimeoutError inside the scanner.
    listening = asyncio.ensure_future(scanner.run(deliver))
    try:
        await asyncio.wait({listening}, timeout=duration_s)
    finally:
        listening.cancel()
        await asyncio.wait({listening})
        # Also where this function itself is cancelled: what failed then must not be lost.
        if not listening.cancelled():
            listening.result()


async def packets_heard(scanner: AbstractScanner, duration_s: float) -> list[tuple[str, bytes]]:
    """Run a scanner for `duration_s` seconds; return address and service data of every BTHome packet, in order."""
    heard: list[tuple[str, bytes]] = []

    def note(advertisement: Advertisement) -> None:
        payload = advertisement.service_data.get(UUID)
        if payload is not None:
            heard.append((advertisement.address, payload))

    await run_for(scanner, note, duration_s)
    return heard
