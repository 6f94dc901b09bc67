"""What a scanner is, and how long it listens."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement

Deliver = Callable[[Advertisement], None]

# Longer than a radio may take to stop. Before Python 3.12 a library may lose the cancellation that hits it.
_CANCEL_AGAIN_S = 10.0


class AbstractScanner(Protocol):
    """The simple face of a scanner."""

    async def scan(self, duration_s: float) -> list[tuple[str, bytes]]:
        """
        Listen for some seconds.

        Returns:
            Address and service data of every BTHome packet heard, in order.

        Raises:
            ScannerError: Bluetooth is not available, or stopped working.
        """


class Radio(AbstractScanner, Protocol):
    """What the service asks of a scanner."""

    async def run(self, deliver: Deliver, started: Callable[[], None]) -> None:
        """
        Listen, and deliver each advertisement as it is heard, until cancelled or until nothing more can come.

        Args:
            deliver: Called for each advertisement.
            started: Called once, when listening begins.

        Raises:
            ScannerError: Bluetooth is not available, or stopped working.
        """


async def run_for(
    radio: Radio, deliver: Deliver, duration_s: float, started: Callable[[], None] = lambda: None
) -> bool:
    """
    Listen for `duration_s` seconds from when the radio has started, or until nothing more can come.

    Args:
        radio: What listens.
        deliver: Called for each advertisement.
        duration_s: How long.
        started: Called once, when listening begins.

    Returns:
        Whether more can come.

    Raises:
        ScannerError: It failed, to stop as well.
    """
    has_started = asyncio.Event()

    def note_start() -> None:
        has_started.set()
        started()

    # Not asyncio.wait_for: it could not tell the end of the time from a TimeoutError inside the radio.
    listening = asyncio.ensure_future(radio.run(deliver, note_start))
    starting = asyncio.ensure_future(has_started.wait())
    try:
        await asyncio.wait({listening, starting}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({listening}, timeout=duration_s)
        more_can_come = not listening.done()
    finally:
        starting.cancel()
        while not listening.done():
            listening.cancel()
            await asyncio.wait({listening}, timeout=_CANCEL_AGAIN_S)
        # Also where this function itself is cancelled: what failed then must not be lost.
        if not listening.cancelled():
            listening.result()
    return more_can_come


async def packets_heard(radio: Radio, duration_s: float) -> list[tuple[str, bytes]]:
    """Listen for `duration_s` seconds; return address and service data of every BTHome packet, in order."""
    heard: list[tuple[str, bytes]] = []

    def note(advertisement: Advertisement) -> None:
        payload = advertisement.service_data.get(UUID)
        if payload is not None:
            heard.append((advertisement.address, payload))

    await run_for(radio, note, duration_s)
    return heard
