"""
Devices that bluetoothd knows, and bleak has missed.

bleak asks bluetoothd, once, which devices there are. A device that appears meanwhile, and is reported right after the
answer, is lost when bleak takes the answer in; and bleak drops every report of a device that it does not know. Such a
sensor would not be heard for as long as bluetoothd knows it, which is as long as it sends.
"""

import asyncio
import logging
from contextlib import suppress

from bleak.backends.bluezdbus.manager import BlueZManager, get_global_bluez_manager
from bleak.exc import BleakError

from ble_exporter.scanner.bluez_dbus import ANSWER_TIMEOUT_S, Bluez, BusError
from ble_exporter.tasks import within

_GONE = "org.bluez.Error.DoesNotExist"

_log = logging.getLogger(__name__)


async def bleak_manager() -> BlueZManager | None:
    """
    Return bleak's own record of the devices; it asks bluetoothd for them now, if it has not yet.

    To be called before anything is scanned for: where nobody else scans, nothing appears meanwhile.

    Returns:
        The record; None if bleak could not ask.
    """
    with suppress(BleakError, OSError, EOFError, asyncio.TimeoutError):
        return await within(ANSWER_TIMEOUT_S, get_global_bluez_manager())
    return None


async def forget_missed_devices(manager: BlueZManager, bluez: Bluez, adapter: str) -> None:
    """
    Have bluetoothd forget the devices that bleak has missed: when they are heard next, it reports them as new ones.

    Only what sends service data, and is neither paired nor connected, is forgotten.

    Args:
        manager: Bleak's record of the devices.
        bluez: bluetoothd, which was asked for its devices when the adapter was chosen.
        adapter: Whose devices are looked at.

    Raises:
        ScannerError: bluetoothd does not forget them.
    """
    for path in bluez.unused_devices & bluez.cached_data.keys():
        if path.startswith(f"/org/bluez/{adapter}/") and not _knows(manager, path):
            _log.debug("bleak has missed %s", path)
            await _forget(bluez, path)


def _knows(manager: BlueZManager, path: str) -> bool:
    try:
        manager.get_device_address(path)
    except BleakError:
        return False
    return True


async def _forget(bluez: Bluez, path: str) -> None:
    try:
        await bluez.forget(path)
    except BusError as error:
        # bluetoothd has forgotten it by itself.
        if error.name != _GONE:
            raise
