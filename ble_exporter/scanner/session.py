"""One listening session: start a radio, wait while it listens, stop it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ble_exporter.errors import ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.scanner import hints
from ble_exporter.scanner.radio import Everything, Listener, Radio
from ble_exporter.tasks import Tasks, UnexpectedCancellationError


class Listening:
    """A radio that listens, made by `listening`."""

    def __init__(self, tasks: Tasks, running: "asyncio.Task[None]") -> None:
        self._tasks = tasks
        self._running = running

    async def last(self, duration_s: float | None) -> bool:
        """
        Wait until the time is over, or nothing more can come.

        Args:
            duration_s: How many seconds to wait; None is without a limit.

        Returns:
            Whether more can come.

        Raises:
            ScannerError: The radio failed.
        """
        return not await self._tasks.wait(self._running, timeout_s=duration_s)


@asynccontextmanager
async def listening(radio: Radio, listener: Listener, started: Callable[[], None]) -> AsyncIterator[Listening]:
    """
    Listen while the block runs. It is entered when the radio has started.

    Args:
        radio: What listens.
        listener: What takes the advertisements.
        started: Called once, when listening begins.

    Raises:
        ScannerError: It failed, or failed to stop.
    """
    has_started = asyncio.Event()

    def note_start() -> None:
        has_started.set()
        started()

    try:
        async with Tasks() as tasks:
            running = tasks.start(radio.run(listener, note_start))
            await tasks.wait(running, tasks.start(has_started.wait()))
            yield Listening(tasks, running)
    except UnexpectedCancellationError as error:
        raise ScannerError(*hints.BROKEN_OFF, adapter=", ".join(radio.adapters)) from error


async def run_for(
    radio: Radio, listener: Listener, duration_s: float | None, started: Callable[[], None] = lambda: None
) -> bool:
    """
    Listen for some time, which counts from when the radio has started, or until nothing more can come.

    Args:
        radio: What listens.
        listener: What takes the advertisements.
        duration_s: How many seconds; None is without a limit.
        started: Called once, when listening begins.

    Returns:
        Whether more can come.

    Raises:
        ScannerError: It failed, or failed to stop.
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
