"""The smallest program that uses bleak: it counts callbacks until SIGTERM, and then prints their number."""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
from contextlib import suppress

from bleak import BleakScanner
from bleak.args.bluez import BlueZScannerArgs
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError


async def count() -> None:
    """Scan as the exporter does: with the first adapter, and a callback for each packet."""
    callbacks = itertools.count()

    def heard(_device: BLEDevice, _data: AdvertisementData) -> None:
        next(callbacks)

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    options = BlueZScannerArgs(adapter="hci0", filters={"DuplicateData": True})
    # With a thousand advertisements a second, bluetoothd may refuse to stop the scan, which ends with the program.
    with suppress(BleakError):
        async with BleakScanner(heard, bluez=options):
            await stop.wait()
            sys.stdout.write(f"{next(callbacks)}\n")


if __name__ == "__main__":
    asyncio.run(count())
