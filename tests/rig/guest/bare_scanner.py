"""
The smallest program that uses bleak: it counts callbacks until SIGTERM, and then prints their number.

    python -m rig.guest.bare_scanner [--timer]

With --timer, it also waits for a time that never comes, as any program does that checks or serves something. The event
loop then asks for the time twice more for each message, and in the guest, each such question takes 60 µs.
"""

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

NEVER_S = 86_400.0


async def count() -> None:
    """Scan as the exporter does: with the first adapter, and a callback for each packet."""
    callbacks = itertools.count()

    def heard(_device: BLEDevice, _data: AdvertisementData) -> None:
        next(callbacks)

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if "--timer" in sys.argv:
        loop.call_later(NEVER_S, stop.set)
    scanner = BleakScanner(heard, bluez=BlueZScannerArgs(adapter="hci0", filters={"DuplicateData": True}))
    await scanner.start()
    await stop.wait()
    sys.stdout.write(f"{next(callbacks)}\n")
    # With a thousand advertisements a second, bluetoothd may refuse to stop the scan, which ends with the program.
    with suppress(BleakError):
        await scanner.stop()


if __name__ == "__main__":
    asyncio.run(count())
