"""
Senders that use the bytes of a sensor's address with another address type.

bluetoothd has one object for each address, whatever the type. As long as it knows the other sender, it drops every
packet of the sensor. After it has forgotten the other sender, whichever of the two sends first gets the object.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from ble_exporter.errors import ScannerError
from ble_exporter.scanner.bluez_dbus import ANSWER_TIMEOUT_S, Bluez

# Bounds the work that a sender can cause. A sensor that sends every 2.5 s needs a few attempts against one that sends
# ten times as often; once bluetoothd knows the sensor, it drops the packets of the other sender.
_PAUSE_S = 1.0


class Impostors:
    """The impostors among the configured devices, by their D-Bus paths, until bluetoothd has forgotten them."""

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._is_there_one = asyncio.Event()

    def note(self, path: str, properties: Mapping[str, object]) -> None:
        """Note an impostor with its D-Bus properties. A paired or connected device is left alone: others use it."""
        if not (properties.get("Paired") or properties.get("Connected")):
            self._paths.add(path)
            self._is_there_one.set()

    async def run(self, bluez: Bluez) -> None:
        """Make bluetoothd forget the impostors, each at most once a second."""
        while True:
            await self._is_there_one.wait()
            self._is_there_one.clear()
            paths, self._paths = self._paths, set()
            for path in paths:
                # bluetoothd may have forgotten it already, and there may be another attempt.
                with suppress(ScannerError):
                    await bluez.forget(path, ANSWER_TIMEOUT_S)
            await asyncio.sleep(_PAUSE_S)
