"""One listening session: start a radio, wait while it listens, stop it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TypeVar

from ble_exporter.errors import ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.scanner import hints
from ble_exporter.scanner.radio import Everything, Listener, Radio

# Longer than a radio may take to stop. Before Python 3.12 a library may lose the cancellation that hits it.
_CANCEL_AGAIN_S = 10.0

Result = TypeVar("Result")


class Listening:
    """A radio that listens, made by `listening`."""

    def __init__(self, running: "asyncio.Task[None]") -> None:
        self._running = running

    async def last(self, duration_s: float) -> bool:
        """
        Wait for so long, or until nothing more can come.

        Returns:
            Whether more can come.

        Raises:
            ScannerError: The radio failed.
        """
        # Not asyncio.wait_for: it could not tell the end of the time from a TimeoutError inside the radio.
        await asyncio.wait({self._running}, timeout=duration_s)
        if not self._running.done():
            return True
        if self._running.cancelled():
            # Not by us: that comes later. Passed on it would look like a stop that was asked for.
            raise ScannerError(hints.BROKEN_OFF)
        self._running.result()
        return False


@asynccontextmanager
async def listening(radio: Radio, listener: Listener, started: Callable[[], None]) -> AsyncIterator[Listening]:
    """
    Listen for as long as the block lasts, which is entered when the radio has started.

    Args:
        radio: What listens.
        listener: Whom it tells.
        started: Called once, when listening begins.

    Raises:
        ScannerError: It failed, to stop as well.
    """
    has_started = asyncio.Event()

    def note_start() -> None:
        has_started.set()
        started()

    running = asyncio.ensure_future(radio.run(listener, note_start))
    starting = asyncio.ensure_future(has_started.wait())
    try:
        await asyncio.wait({running, starting}, return_when=asyncio.FIRST_COMPLETED)
        yield Listening(running)
    finally:
        starting.cancel()
        await end(running)
        # Also where the block was cancelled: what failed then must not be lost.
        if not running.cancelled():
            running.result()


async def end(*tasks: "asyncio.Task[None]") -> None:
    """Cancel the tasks, and wait until they have ended; how is for the caller to ask."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _ended, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_S)


async def within(seconds: float, coroutine: Coroutine[None, None, Result]) -> Result:
    """
    Await it for so long, and raise asyncio.TimeoutError if it takes longer.

    Not asyncio.wait_for: before Python 3.12 that may swallow a cancellation.
    """
    task = asyncio.ensure_future(coroutine)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        task.cancel()


async def run_for(
    radio: Radio, listener: Listener, duration_s: float, started: Callable[[], None] = lambda: None
) -> bool:
    """
    Listen for `duration_s` seconds from when the radio has started, or until nothing more can come.

    Args:
        radio: What listens.
        listener: Whom it tells.
        duration_s: How long.
        started: Called once, when listening begins.

    Returns:
        Whether more can come.

    Raises:
        ScannerError: It failed, to stop as well.
    """
    async with listening(radio, listener, started) as ear:
        return await ear.last(duration_s)


async def packets_heard(radio: Radio, duration_s: float) -> list[tuple[str, bytes]]:
    """Listen for `duration_s` seconds; return address and service data of every BTHome packet, in order."""
    heard: list[tuple[str, bytes]] = []

    def note(advertisement: Advertisement) -> None:
        payload = advertisement.service_data.get(UUID)
        if payload is not None:
            heard.append((advertisement.address, payload))

    await run_for(radio, Everything(note), duration_s)
    return heard
