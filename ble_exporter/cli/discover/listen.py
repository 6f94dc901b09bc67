"""Listens on behalf of `discover`, until the time is up or the user presses Ctrl-C."""

from ble_exporter.cli.discover.discovered import Discovery
from ble_exporter.cli.discover.display import Display
from ble_exporter.cli.listening import listen_for
from ble_exporter.scanner import Radio


async def listen(radio: Radio, discovery: Discovery, seconds: float, display: Display) -> float:
    """
    Listen for `seconds`, or until SIGINT or the end of a capture; return the seconds listened.

    Raises:
        ScannerError: The radio failed.
    """

    def show(left_s: float) -> bool:
        display.show(discovery, left_s, ", ".join(radio.adapters))
        return True

    try:
        return await listen_for(radio, discovery, seconds, show)
    finally:
        display.end()
