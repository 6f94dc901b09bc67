"""The real radio: BlueZ over D-Bus, by bleak. The only file that knows either."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import TypeVar

from bleak import BleakScanner
from bleak.args.bluez import BlueZScannerArgs
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakError,
)

from ble_exporter.errors import ScannerError
from ble_exporter.model import Advertisement
from ble_exporter.scanner.listening import Deliver, packets_heard
from ble_exporter.utils import one_line

# What bleak gives where BlueZ has no RSSI: the callback tells of a device forgotten, not of one heard.
_NOT_HEARD = -127

# BlueZ answers in milliseconds; one that does not in this time is not going to.
_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 5.0

Result = TypeVar("Result")


class BleakScannerImpl:
    """
    Scans with a Bluetooth adapter of this machine.

    Args:
        adapter: Its name ("hci0"); None leaves the choice to bleak.
        clock: Gives the seconds since the Unix epoch.
    """

    def __init__(self, adapter: str | None = None, clock: Callable[[], float] = time.time) -> None:
        self._adapter = adapter
        self._clock = clock
        self._last_said: dict[str, object] = {}

    async def run(self, deliver: Deliver, started: Callable[[], None]) -> None:
        """See Radio."""
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def heard(device: BLEDevice, data: AdvertisementData) -> None:
            if data.rssi == _NOT_HEARD:
                return
            try:
                deliver(self._advertisement(device, data))
            except Exception as error:  # bleak swallows what a callback raises; a bug must not pass in silence
                if not failed.done():
                    failed.set_exception(error)

        scanner = BleakScanner(heard, bluez=self._options())
        try:
            await _within(_START_TIMEOUT_S, scanner.start())
        except asyncio.TimeoutError:
            raise ScannerError(
                f"{self._name}: the scan did not start within {_START_TIMEOUT_S:g} s: {_RESET}"
            ) from None
        except (BleakError, OSError, EOFError) as error:
            raise self._explained(error) from error
        started()
        try:
            await failed
        finally:
            await self._stop(scanner)

    async def scan(self, duration_s: float) -> list[tuple[str, bytes]]:
        """See AbstractScanner."""
        return await packets_heard(self, duration_s)

    def _options(self) -> BlueZScannerArgs:
        # With DuplicateData BlueZ tells of the service data of each packet, also where it is that of the one before.
        options = BlueZScannerArgs(filters={"DuplicateData": True})
        if self._adapter:
            options["adapter"] = self._adapter
        return options

    def _advertisement(self, device: BLEDevice, data: AdvertisementData) -> Advertisement:
        """
        Return what this very packet said.

        A callback is not a packet: BlueZ keeps a device's service data, and bleak gives it again with whatever else is
        heard, a name for example. bleak keeps the properties as D-Bus sent them, so the packet had service data if, and
        only if, the object that holds it is another one than at the device's last callback.
        """
        path, properties = data.platform_data
        said = properties.get("ServiceData")
        is_old = said is self._last_said.get(path)
        self._last_said[path] = said
        return Advertisement(device.address.upper(), {} if is_old else data.service_data, self._clock(), data.rssi)

    async def _stop(self, scanner: BleakScanner) -> None:
        try:
            await _within(_STOP_TIMEOUT_S, scanner.stop())
        except asyncio.TimeoutError:
            raise ScannerError(f"{self._name}: the scan did not stop within {_STOP_TIMEOUT_S:g} s: {_RESET}") from None
        except (BleakError, OSError, EOFError) as error:
            raise ScannerError(
                f"{self._name}: Bluetooth failed during the scan ({_said(error)}): "
                "see `journalctl -u bluetooth` and `dmesg`; the service manager may restart this program"
            ) from error

    @property
    def _name(self) -> str:
        return f"adapter {self._adapter}" if self._adapter else "the default Bluetooth adapter"

    def _explained(self, error: Exception) -> ScannerError:
        """Say what an error at the start of a scan means, and what mends it."""
        if isinstance(error, BleakBluetoothNotAvailableError):
            cause = _NOT_AVAILABLE.get(error.reason, _said(error))
        elif isinstance(error, BleakDBusError):
            cause = next(
                (text for name, text in _DBUS_ERRORS.items() if error.dbus_error.startswith(name)),
                _said(error),
            )
        elif isinstance(error, BleakError) and "not found" in str(error):
            cause = "it does not exist: see `bluetoothctl list`, and name one of those, or none, as adapter"
        elif isinstance(error, BleakError):
            cause = _said(error)
        else:
            return ScannerError(
                f"D-Bus can't be reached ({_said(error)}): start it with `systemctl start dbus`; in a container, "
                "mount /run/dbus/system_bus_socket"
            )
        return ScannerError(f"{self._name}: {cause}")


async def _within(seconds: float, coroutine: Coroutine[None, None, Result]) -> Result:
    """Await it for so long. Not asyncio.wait_for: before Python 3.12 that may swallow a cancellation."""
    task = asyncio.ensure_future(coroutine)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        task.cancel()


def _said(error: BaseException) -> str:
    return one_line(error) or type(error).__name__


_RESET = "it may hang; try `bluetoothctl power off`, `bluetoothctl power on`, or unplug it"
_NO_ADAPTER = (
    "no Bluetooth adapter: plug one in, or enable the built-in one (`rfkill unblock bluetooth`; on a Raspberry Pi, no "
    "`dtoverlay=disable-bt` in config.txt)"
)
_POWERED_OFF = "it is powered off: `rfkill unblock bluetooth`, then `bluetoothctl power on`"

_NOT_AVAILABLE = {
    BleakBluetoothNotAvailableReason.NO_BLUETOOTH: _NO_ADAPTER,
    BleakBluetoothNotAvailableReason.NO_BLE_CENTRAL_ROLE: "no Bluetooth adapter can scan for Low Energy devices",
    BleakBluetoothNotAvailableReason.POWERED_OFF: _POWERED_OFF,
    BleakBluetoothNotAvailableReason.DENIED_BY_SYSTEM: (
        "D-Bus does not let this user in: it must be in the user database, and in the group bluetooth"
    ),
}

# By the beginning of the D-Bus error's name.
_DBUS_ERRORS = {
    "org.freedesktop.DBus.Error.ServiceUnknown": "bluetoothd is not running: `systemctl start bluetooth`",
    "org.freedesktop.DBus.Error.Spawn": "bluetoothd is not running and can't be started: `systemctl status bluetooth`",
    "org.freedesktop.systemd1": "bluetoothd is not running and can't be started: `systemctl status bluetooth`",
    "org.freedesktop.DBus.Error.AccessDenied": (
        "D-Bus refuses this user: add it to the group bluetooth (`usermod -a -G bluetooth USER`)"
    ),
    "org.bluez.Error.NotReady": _POWERED_OFF,
    "org.bluez.Error.InProgress": f"bluetoothd can't start a scan: another program may be scanning, or {_RESET}",
}
