"""Listens for a search: until its time is over, or its user has seen enough."""

import asyncio
import signal
from typing import TYPE_CHECKING

from ble_exporter.cli.discover.discovered import Survey
from ble_exporter.cli.discover.display import Display
from ble_exporter.tasks import Tasks

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
    from ble_exporter.scanner.session import listening

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
    # Also while Bluetooth starts, which may take long.
    loop.add_signal_handler(signal.SIGINT, enough.set)
    try:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(until_over()), tasks.start(enough.wait()))
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        display.end()
    return took_s
