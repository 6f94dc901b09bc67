"""
Devices that bluetoothd knows, but bleak has missed.

bleak reads the list of devices from bluetoothd once. If bluetoothd reports a new device while bleak still processes
this list, bleak loses the report, and then ignores every later report about that device. Such a sensor would not be
heard as long as bluetoothd knows it, which is as long as the sensor sends.
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
    Return bleak's manager of the devices, which reads them from bluetoothd at the first call; None if that fails.

    Call this before the first scan, when no new devices appear unless another program is scanning.
    """
    with suppress(BleakError, OSError, EOFError, asyncio.TimeoutError):
        return await within(ANSWER_TIMEOUT_S, get_global_bluez_manager())
    return None


async def forget_missed_devices(manager: BlueZManager, bluez: Bluez, adapter: str) -> None:
    """
    Make bluetoothd forget the devices of an adapter that bleak has missed, so that bluetoothd reports them as new.

    Forgets only devices that have service data, and that were neither paired nor connected when the adapters were read.
    Raises a ScannerError if bluetoothd refuses to forget a device.
    """
    for path in bluez.unused_devices & bluez.cached_data.keys():
        if path.startswith(f"/org/bluez/{adapter}/") and not _knows(manager, path):
            _log.debug("bleak has missed %s", path)
            try:
                await bluez.forget(path)
            except BusError as error:
                # bluetoothd may have forgotten the device by itself in the meantime.
                if error.name != "org.bluez.Error.DoesNotExist":
                    raise


def _knows(manager: BlueZManager, path: str) -> bool:
    try:
        manager.get_device_address(path)
    except BleakError:
        return False
    return True
