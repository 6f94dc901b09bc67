"""Listen for `discover`, until the time is over or the user presses Ctrl-C."""

import asyncio
import signal

from ble_exporter.cli.discover.discovered import Discovery
from ble_exporter.cli.discover.display import Display
from ble_exporter.scanner import Radio
from ble_exporter.scanner.session import listening
from ble_exporter.tasks import Tasks

_REDRAW_S = 0.25


async def listen(radio: Radio, discovery: Discovery, seconds: float, display: Display) -> float:
    """
    Listen for `seconds`, or until SIGINT or the end of a capture; return the seconds listened.

    Raises:
        ScannerError: The radio failed.
    """
    loop = asyncio.get_running_loop()
    took_s = 0.0

    def show() -> None:
        display.show(discovery, max(seconds - took_s, 0.0), ", ".join(radio.adapters))

    async def listen_and_show() -> None:
        nonlocal took_s
        async with listening(radio, discovery) as wait:
            began = loop.time()
            has_more = True
            while has_more and took_s < seconds:
                show()
                has_more = await wait(min(_REDRAW_S, seconds - took_s))
                took_s = loop.time() - began
            show()

    interrupted = asyncio.Event()
    # Handle SIGINT before the radio starts, because the start may take a long time.
    loop.add_signal_handler(signal.SIGINT, interrupted.set)
    try:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(listen_and_show()), tasks.start(interrupted.wait()))
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        display.end()
    return took_s
