"""The real radio: BlueZ over D-Bus, by bleak. The only file that knows either."""

import asyncio
import time
from collections.abc import Callable

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

# What bleak gives where BlueZ has no RSSI: the callback tells of a device forgotten, not of one heard.
_NOT_HEARD = -127

# BlueZ answers in milliseconds; one that does not in this time is not going to.
_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 5.0


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

    async def run(self, deliver: Deliver) -> None:
        """See AbstractScanner."""
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def heard(device: BLEDevice, data: AdvertisementData) -> None:
            if data.rssi == _NOT_HEARD:
                return
            try:
                deliver(Advertisement(device.address.upper(), data.service_data, self._clock(), data.rssi))
            except Exception as error:  # bleak swallows what a callback raises; a bug must not pass in silence
                if not failed.done():
                    failed.set_exception(error)

        scanner = BleakScanner(heard, bluez=BlueZScannerArgs(adapter=self._adapter) if self._adapter else {})
        try:
            await asyncio.wait_for(scanner.start(), _START_TIMEOUT_S)
        except asyncio.CancelledError:
            # Not a scan that heard nothing: one that never listened.
            raise ScannerError(f"{self._name}: the scan was over before it had started: {_RESET}") from None
        except asyncio.TimeoutError:
            raise ScannerError(
                f"{self._name}: the scan did not start within {_START_TIMEOUT_S:g} s: {_RESET}"
            ) from None
        except (BleakError, OSError, EOFError) as error:
            raise self._explained(error) from error
        try:
            await failed
        finally:
            await self._stop(scanner)

    async def scan(self, duration_s: float) -> list[tuple[str, bytes]]:
        """See AbstractScanner."""
        return await packets_heard(self, duration_s)

    async def _stop(self, scanner: BleakScanner) -> None:
        try:
            await asyncio.wait_for(scanner.stop(), _STOP_TIMEOUT_S)
        except asyncio.TimeoutError:
            raise ScannerError(f"{self._name}: the scan did not stop within {_STOP_TIMEOUT_S:g} s: {_RESET}") from None
        except (BleakError, OSError, EOFError) as error:
            raise ScannerError(
                f"{self._name}: Bluetooth failed during the scan ({_one_line(error)}): "
                "see `journalctl -u bluetooth` and `dmesg`; the service manager may restart this program"
            ) from error

    @property
    def _name(self) -> str:
        return f"adapter {self._adapter}" if self._adapter else "the default Bluetooth adapter"

    def _explained(self, error: Exception) -> ScannerError:
        """Say what an error at the start of a scan means, and what mends it."""
        if isinstance(error, BleakBluetoothNotAvailableError):
            cause = _NOT_AVAILABLE.get(error.reason, _one_line(error))
        elif isinstance(error, BleakDBusError):
            cause = next(
                (text for name, text in _DBUS_ERRORS.items() if error.dbus_error.startswith(name)),
                _one_line(error),
            )
        elif isinstance(error, BleakError) and "not found" in str(error):
            cause = "it does not exist: see `bluetoothctl list`, and name one of those, or none, as adapter"
        elif isinstance(error, BleakError):
            cause = _one_line(error)
        else:
            return ScannerError(
                f"D-Bus can't be reached ({_one_line(error)}): start it with `systemctl start dbus`; in a container, "
                "mount /run/dbus/system_bus_socket"
            )
        return ScannerError(f"{self._name}: {cause}")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


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
