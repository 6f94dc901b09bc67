"""One listening session: starts a radio, waits while it listens, and stops it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from ble_exporter.errors import ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.scanner import hints
from ble_exporter.scanner.radio import Everything, Listener, Radio
from ble_exporter.tasks import Tasks, UnexpectedCancellationError


@asynccontextmanager
async def listening(radio: Radio, listener: Listener) -> AsyncIterator[Callable[[float | None], Awaitable[bool]]]:
    """
    Keep a radio listening during the block; the block is entered when the radio has started.

    Yields a function that waits for a number of seconds (None: without a limit), or until no more advertisements can
    arrive, and returns whether more can arrive. Raises a ScannerError if the radio fails, or fails to stop.
    """
    has_started = asyncio.Event()
    try:
        async with Tasks() as tasks:
            running = tasks.start(radio.run(listener, has_started.set))
            await tasks.wait(running, tasks.start(has_started.wait()))

            async def wait(duration_s: float | None) -> bool:
                return not await tasks.wait(running, timeout_s=duration_s)

            yield wait
    except UnexpectedCancellationError as error:
        raise ScannerError(*hints.BROKEN_OFF, adapter=", ".join(radio.adapters)) from error


async def run_for(radio: Radio, listener: Listener, duration_s: float) -> bool:
    """
    Listen for `duration_s` seconds, or until no more advertisements can arrive.

    Returns whether more can arrive. Raises a ScannerError if the radio fails.
    """
    async with listening(radio, listener) as wait:
        return await wait(duration_s)


async def packets_heard(radio: Radio, duration_s: float) -> list[tuple[str, bytes]]:
    """
    Listen for `duration_s` seconds; return the address and service data of each BTHome packet, in order.

    Raises a ScannerError if the radio fails.
    """
    heard: list[Advertisement] = []
    await run_for(radio, Everything(heard.append), duration_s)
    return [(one.address, one.service_data[UUID]) for one in heard if UUID in one.service_data]
