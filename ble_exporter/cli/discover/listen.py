"""Listens for a search: until its time is over, or its user has seen enough."""

import asyncio
import signal
from typing import TYPE_CHECKING

from ble_exporter.cli.discover.discovered import Survey
from ble_exporter.cli.discover.display import Display

if TYPE_CHECKING:
    from ble_exporter.scanner import Radio

_REDRAW_S = 0.25


async def listen(radio: "Radio", survey: Survey, seconds: float, display: Display) -> float:
    """
    Listen for so long, or until SIGINT, or until nothing more can come.

    Args:
        radio: What listens.
        survey: What is told.
        seconds: How long, from when the radio has started.
        display: What shows it; it is ended in any case.

    Returns:
        How many seconds it listened.

    Raises:
        ScannerError: Bluetooth is not available, or stopped working.
    """
    # Imported here, so that --help answers at once: bleak takes most of a second on a Pi.
    from ble_exporter.scanner.session import end, listening

    loop = asyncio.get_running_loop()
    took_s = 0.0

    async def until_over() -> None:
        nonlocal took_s
        async with listening(radio, survey, lambda: None) as ear:
            began = loop.time()
            more_comes = True
            while more_comes and took_s < seconds:
                display.show(survey, seconds - took_s, ", ".join(radio.adapters))
                more_comes = await ear.last(min(_REDRAW_S, seconds - took_s))
                took_s = loop.time() - began
            display.show(survey, 0.0, ", ".join(radio.adapters))

    enough = asyncio.Event()
    listening_on = asyncio.ensure_future(until_over())
    seen_enough = asyncio.ensure_future(_wait(enough))
    # Also while Bluetooth starts, which may take long.
    loop.add_signal_handler(signal.SIGINT, enough.set)
    try:
        await asyncio.wait({listening_on, seen_enough}, return_when=asyncio.FIRST_COMPLETED)
        await end(listening_on, seen_enough)
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        display.end()
    if not listening_on.cancelled():
        listening_on.result()
    return took_s


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
