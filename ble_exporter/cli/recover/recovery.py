"""
Resets one Bluetooth adapter from outside of bluetoothd, and nothing else.

On Linux 6.1, bluetoothd can't power off an adapter that does not obey when it must stop scanning: the kernel refuses.
`HCIDEVDOWN`, the request of `hciconfig hci0 down`, works nevertheless. Then the adapter's driver starts it anew.

Source: include/net/bluetooth/hci_sock.h, net/bluetooth/hci_sock.c and Documentation/usb/authorization.rst of Linux.
"""

import errno
import fcntl
import socket
import time
from collections.abc import Callable
from pathlib import Path

from ble_exporter.scanner.inspection import blocking, known_to_kernel

_AF_BLUETOOTH, _BTPROTO_HCI = 31, 1
_DEVICE_UP, _DEVICE_DOWN = 0x400448C9, 0x400448CA
_BLUETOOTH_CLASS = "e0"

# Drivers that load firmware need some seconds.
_APPEAR_S = 15.0
_POLL_S = 0.2
_OFF_S = 1.0


class Switchboard:
    """Everything that changes the machine, which tests replace."""

    def power(self, number: int, *, is_on: bool) -> None:
        """Power the adapter hci`number` on or off in the kernel. Raises OSError."""
        with socket.socket(_AF_BLUETOOTH, socket.SOCK_RAW, _BTPROTO_HCI) as hci:
            fcntl.ioctl(hci.fileno(), _DEVICE_UP if is_on else _DEVICE_DOWN, number)

    def write(self, path: Path, text: str) -> None:
        """Write to a file in /sys. Raises OSError."""
        path.write_text(text, encoding="ascii")

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class Recovery:
    """
    The recovery of one adapter ("hci0"); `say` receives a line for each thing that is done, or left alone.

    Args:
        may_unblock: Whether to unblock the adapter if rfkill blocks it in software.
        is_dry_run: Whether to change nothing.
        root: The folder that contains /sys.
    """

    def __init__(
        self,
        adapter: str,
        switchboard: Switchboard,
        say: Callable[[str], None],
        *,
        may_unblock: bool = False,
        is_dry_run: bool = False,
        root: Path = Path("/"),
    ) -> None:
        self._adapter = adapter
        self._switchboard = switchboard
        self._tell = say
        self._may_unblock = may_unblock
        self._is_dry_run = is_dry_run
        self._root = root

    def run(self) -> bool:
        """Reset the adapter, unless there is a reason to leave it alone; return False if it can't be powered on."""
        if self._adapter not in known_to_kernel(self._root):
            return self._leave_alone("the kernel does not have it")
        if self._is_connected():
            return self._leave_alone("a device is connected to it")
        if not self._unblock():
            return True
        # The links are gone while the driver does not have the adapter.
        device = self._device()
        self._power(is_on=False)
        self._switchboard.sleep(0 if self._is_dry_run else _OFF_S)
        self._restart(device)
        return self._power(is_on=True)

    def _is_connected(self) -> bool:
        """Return whether the kernel has a connection of this adapter, such as "hci0:64"."""
        return any((self._root / "sys/class/bluetooth").glob(f"{self._adapter}:*"))

    def _unblock(self) -> bool:
        """Unblock the adapter if that is permitted; return False if it stays blocked."""
        for switch in blocking(self._root):
            if switch.device != self._adapter:
                continue
            if switch.is_hard:
                return not self._leave_alone("a hardware switch blocks it")
            if not self._may_unblock:
                return not self._leave_alone("rfkill blocks it, perhaps on purpose; --unblock would unblock it")
            if not self._write("unblocked", switch.path / "soft", "0"):
                return False
        return True

    def _device(self) -> Path | None:
        """Return the folder of the adapter's hardware device; None if it has none, as a virtual adapter."""
        link = self._root / "sys/class/bluetooth" / self._adapter / "device"
        devices = (self._root / "sys/devices").resolve()
        device = link.resolve()
        return device if link.exists() and device.is_relative_to(devices) else None

    def _restart(self, device: Path | None) -> None:
        """Let the adapter's driver start it anew."""
        if device is None:
            self._tell(f"{self._adapter}: its driver was left alone: it is no hardware device")
            return
        usb = device.parent
        if (usb / "authorized").exists() and _is_only_bluetooth(usb):
            done = self._write("disconnected from USB", usb / "authorized", "0")
            done = self._write("connected to USB again", usb / "authorized", "1") and done
        elif (device / "driver").exists():
            # Other functions of the device, such as Wi-Fi, have other drivers.
            driver = (device / "driver").resolve()
            done = self._write(f"taken from its driver {driver.name}", driver / "unbind", device.name)
            done = self._write(f"given to its driver {driver.name} again", driver / "bind", device.name) and done
        else:
            self._tell(f"{self._adapter}: it was left without a new start: it has no driver")
            return
        if done and not self._is_dry_run:
            self._wait_for_adapter(device)

    def _wait_for_adapter(self, device: Path) -> None:
        """Wait until the device has an adapter again, whose number may have changed."""
        for _ in range(int(_APPEAR_S / _POLL_S)):
            for path in device.glob("bluetooth/hci*"):
                self._adapter = path.name
                return
            self._switchboard.sleep(_POLL_S)

    def _power(self, *, is_on: bool) -> bool:
        """Power the adapter on or off; return whether it is so now."""
        state = "on" if is_on else "off"
        try:
            if not self._is_dry_run:
                self._switchboard.power(int(self._adapter.removeprefix("hci")), is_on=is_on)
        except OSError as error:
            if error.errno != errno.EALREADY:
                self._say(f"it can't be powered {state} ({error.strerror})")
                return False
        self._say(f"powered {state}")
        return True

    def _write(self, what: str, path: Path, text: str) -> bool:
        try:
            if not self._is_dry_run:
                self._switchboard.write(path, text)
        except OSError as error:
            self._say(f"it can't be {what} ({path}: {error.strerror})")
            return False
        self._say(what)
        return True

    def _leave_alone(self, reason: str) -> bool:
        self._tell(f"{self._adapter}: left alone: {reason}")
        return True

    def _say(self, text: str) -> None:
        self._tell(f"{self._adapter}: {'would be: ' if self._is_dry_run else ''}{text}")


def _is_only_bluetooth(usb: Path) -> bool:
    """Return whether every function of a USB device is Bluetooth; a dongle may have Wi-Fi, too."""
    classes = [path.read_text(encoding="ascii").strip() for path in usb.glob(f"{usb.name}:*/bInterfaceClass")]
    return bool(classes) and set(classes) == {_BLUETOOTH_CLASS}
