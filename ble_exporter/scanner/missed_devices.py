"""
Devices that bluetoothd knows, and bleak does not.

bleak asks bluetoothd, once, which devices there are. What appears while it does so, and is told of right behind the
answer, bleak forgets when it takes the answer in; and whatever is told of a device that it does not know it drops. A
sensor lost so would not be heard for as long as bluetoothd knows it, which is as long as it sends.
"""

import asyncio
import logging
from contextlib import suppress

from bleak.backends.bluezdbus.manager import BlueZManager, get_global_bluez_manager
from bleak.exc import BleakError

from ble_exporter.scanner.bluez_dbus import BusError, Stack
from ble_exporter.tasks import within

# As long as all else that is asked before a scan; what then is wrong the stack will tell.
_ANSWER_TIMEOUT_S = 10.0
_GONE = "org.bluez.Error.DoesNotExist"

_log = logging.getLogger(__name__)


async def let_bleak_ask() -> BlueZManager | None:
    """
    Have bleak ask which devices there are, if it has not yet.

    To be called before anything is scanned for: where nobody else scans, nothing appears meanwhile.

    Returns:
        What bleak knows; None if it could not ask.
    """
    with suppress(BleakError, OSError, EOFError, asyncio.TimeoutError):
        return await within(_ANSWER_TIMEOUT_S, get_global_bluez_manager())
    return None


async def have_told_again(manager: BlueZManager, stack: Stack, adapter: str) -> None:
    """
    Have bluetoothd forget the devices that bleak does not know: when they are heard next, it tells of them anew.

    Only what sends service data, and is neither paired nor connected, is forgotten.

    Args:
        manager: What bleak knows.
        stack: What bluetoothd knows, since an adapter was chosen.
        adapter: Whose devices are looked at.

    Raises:
        ScannerError: It does not forget them.
    """
    for path in stack.passing & stack.kept.keys():
        if path.startswith(f"/org/bluez/{adapter}/") and not _knows(manager, path):
            _log.debug("bleak has missed %s", path)
            await _forget(stack, path)


def _knows(manager: BlueZManager, path: str) -> bool:
    try:
        manager.get_device_address(path)
    except BleakError:
        return False
    return True


async def _forget(stack: Stack, path: str) -> None:
    try:
        await stack.forget(path)
    except BusError as error:
        # It has left by itself.
        if error.name != _GONE:
            raise
