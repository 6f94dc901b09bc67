"""
Makes bluetoothd forget senders that use the bytes of a sensor's address with another address type.

bluetoothd has only one object for an address, whatever its type. As long as the object belongs to the impostor,
bluetoothd drops every packet of the sensor. When bluetoothd has forgotten the impostor, the object goes to whichever of
the two sends first.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from ble_exporter.errors import ScannerError
from ble_exporter.scanner.bluez_dbus import ANSWER_TIMEOUT_S, Bluez

# Bounds the work that an impostor can cause. A sensor needs about ten attempts against an impostor that sends ten times
# as often; once bluetoothd knows the sensor, it drops the packets of the impostor.
_PAUSE_S = 1.0


class Impostors:
    """The impostors of configured devices, by their D-Bus paths, until bluetoothd has forgotten them."""

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._is_there_one = asyncio.Event()

    def note(self, path: str, properties: Mapping[str, object]) -> None:
        """Note an impostor, unless it is paired or connected (in its D-Bus properties): other programs then use it."""
        if not (properties.get("Paired") or properties.get("Connected")):
            self._paths.add(path)
            self._is_there_one.set()

    async def run(self, bluez: Bluez) -> None:
        """Make bluetoothd forget the impostors, each of them at most once a second."""
        while True:
            await self._is_there_one.wait()
            self._is_there_one.clear()
            paths, self._paths = self._paths, set()
            for path in paths:
                # bluetoothd may have forgotten the impostor already; if not, its next packet causes another attempt.
                with suppress(ScannerError):
                    await bluez.forget(path, ANSWER_TIMEOUT_S)
            await asyncio.sleep(_PAUSE_S)
