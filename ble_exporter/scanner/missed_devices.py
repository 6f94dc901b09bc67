"""
Devices that bluetoothd knows, but bleak has missed.

bleak reads the list of devices from bluetoothd once. It loses a device that is reported right after this list, while
bleak still processes it, and then drops every report of this unknown device. Such a sensor would not be heard for as
long as bluetoothd knows it, which is as long as it sends.
"""

import asyncio
import logging
from contextlib import suppress

from bleak.backends.bluezdbus.manager import BlueZManager, get_global_bluez_manager
from bleak.exc import BleakError

from ble_exporter.scanner.bluez_dbus import ANSWER_TIMEOUT_S, Bluez, BusError
from ble_exporter.tasks import within

_log = logging.getLogger(__name__)


async def bleak_manager() -> BlueZManager | None:
    """
    Return bleak's own record of the devices, read from bluetoothd now if it was not yet; None if bleak can't read it.

    To be called before the first scan: unless another program scans, no device appears meanwhile.
    """
    with suppress(BleakError, OSError, EOFError, asyncio.TimeoutError):
        return await within(ANSWER_TIMEOUT_S, get_global_bluez_manager())
    return None


async def forget_missed_devices(manager: BlueZManager, bluez: Bluez, adapter: str) -> None:
    """
    Make bluetoothd forget the devices of an adapter that bleak has missed, so that it reports them as new ones.

    Only devices with service data that were neither paired nor connected, when the adapters were read, are forgotten.
    Raises a ScannerError if bluetoothd refuses to forget one.
    """
    for path in bluez.unused_devices & bluez.cached_data.keys():
        if path.startswith(f"/org/bluez/{adapter}/") and not _knows(manager, path):
            _log.debug("bleak has missed %s", path)
            try:
                await bluez.forget(path)
            except BusError as error:
                # Meanwhile bluetoothd may have forgotten it on its own.
                if error.name != "org.bluez.Error.DoesNotExist":
                    raise


def _knows(manager: BlueZManager, path: str) -> bool:
    try:
        manager.get_device_address(path)
    except BleakError:
        return False
    return True
