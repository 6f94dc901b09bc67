"""Listens on behalf of a command, until the time is up or a signal arrives."""

import asyncio
import signal
from collections.abc import Callable, Collection

from ble_exporter.scanner import Listener, Radio
from ble_exporter.scanner.session import listening
from ble_exporter.tasks import Tasks

# `discover` simulates these sensors in addition to the configured ones; `capture`, only without a configuration.
MOCK_SENSORS = ("A4:C1:38:5C:E2:07", "A4:C1:38:00:00:01", "A4:C1:38:7B:10:9F")

_SHOW_S = 0.25


async def listen_for(
    radio: Radio,
    listener: Listener,
    seconds: float,
    show: Callable[[float], bool],
    signals: Collection[signal.Signals] = (signal.SIGINT,),
) -> float:
    """
    Listen for `seconds`, or until one of the signals or the end of a capture; return the seconds listened.

    Calls `show` with the seconds left, several times a second; if `show` returns False, listening ends. Raises
    ScannerError.
    """
    loop = asyncio.get_running_loop()
    took_s = 0.0

    async def listen_and_show() -> None:
        nonlocal took_s
        async with listening(radio, listener) as wait:
            began = loop.time()
            has_more = True
            while has_more and took_s < seconds:
                if not show(max(seconds - took_s, 0.0)):
                    return
                has_more = await wait(min(_SHOW_S, seconds - took_s))
                took_s = loop.time() - began
            show(max(seconds - took_s, 0.0))

    interrupted = asyncio.Event()
    # Handle signals before the radio starts, because the start may take a long time.
    for number in signals:
        loop.add_signal_handler(number, interrupted.set)
    try:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(listen_and_show()), tasks.start(interrupted.wait()))
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
    return took_s
