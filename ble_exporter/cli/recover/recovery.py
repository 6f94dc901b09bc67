"""
Resets a Bluetooth adapter without bluetoothd.

On Linux 6.1, bluetoothd can't power off an adapter that does not obey the command to stop scanning: the kernel refuses.
`HCIDEVDOWN`, the ioctl of `hciconfig hci0 down`, works nevertheless. Then the USB dongle is connected again, or the
driver is bound again, which initialises the adapter.

A reset that has begun is completed: an adapter without its driver could not be recovered later.

Source: include/net/bluetooth/hci_sock.h, net/bluetooth/hci_sock.c and Documentation/usb/authorization.rst of Linux.
"""

import errno
import fcntl
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ble_exporter.scanner.inspection import Switch, blocking, known_to_kernel, text_of

_AF_BLUETOOTH, _BTPROTO_HCI = 31, 1
_DEVICE_UP, _DEVICE_DOWN, _DEVICE_INFO = 0x400448C9, 0x400448CA, 0x800448D3
# struct hci_dev_info: the number, the name, the address, the flags, and all remaining fields.
_INFO = struct.Struct("=H8s6sI72s")
_IS_UP = 1
_BLUETOOTH_CLASS = "e0"

# Drivers that load firmware need a few seconds.
_APPEAR_S = 15.0
_POLL_S = 0.2
_OFF_S = 1.0


class Switchboard:
    """The ioctls, the writes to /sys and the waits of a recovery; tests replace this class."""

    def power(self, number: int, *, is_on: bool) -> None:
        """Power the adapter hci`number` on or off in the kernel. Raises OSError."""
        with socket.socket(_AF_BLUETOOTH, socket.SOCK_RAW, _BTPROTO_HCI) as hci:
            fcntl.ioctl(hci.fileno(), _DEVICE_UP if is_on else _DEVICE_DOWN, number)

    def is_on(self, number: int) -> bool:
        """Return whether the adapter hci`number` is powered on in the kernel. Raises OSError."""
        with socket.socket(_AF_BLUETOOTH, socket.SOCK_RAW, _BTPROTO_HCI) as hci:
            answer = fcntl.ioctl(hci.fileno(), _DEVICE_INFO, _INFO.pack(number, b"", b"", 0, b""))
        flags: int = _INFO.unpack(answer)[3]
        return bool(flags & _IS_UP)

    def write(self, path: Path, text: str) -> None:
        """Write to a file in /sys. Raises OSError."""
        path.write_text(text, encoding="ascii")

    def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds."""
        time.sleep(seconds)


class _Step(NamedTuple):
    """A text to write to a file in /sys, and its effect on the adapter."""

    what: str
    path: Path
    text: str


class Recovery:
    """
    The recovery of one adapter ("hci0"); `say` receives a line for each action that is taken or omitted.

    Args:
        may_power_on: Whether to reset an adapter that is off. If false, such an adapter is left alone, because somebody
            may have powered it off on purpose.
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
        may_power_on: bool = False,
        may_unblock: bool = False,
        is_dry_run: bool = False,
        root: Path = Path("/"),
    ) -> None:
        self._adapter = adapter
        self._switchboard = switchboard
        self._tell = say
        self._may_power_on = may_power_on
        self._may_unblock = may_unblock
        self._is_dry_run = is_dry_run
        self._root = root

    def run(self) -> bool:
        """Reset the adapter, unless there is a reason to leave it alone; return False if an operation failed."""
        if self._adapter not in known_to_kernel(self._root):
            return self._leave_alone("the kernel does not have it")
        if self._is_connected():
            return self._leave_alone("a device is connected to it")
        blocked = [switch for switch in blocking(self._root) if switch.device == self._adapter]
        if blocked:
            return self._unblock(blocked)
        if not self._may_power_on:
            try:
                if not self._switchboard.is_on(self._number):
                    return self._leave_alone("somebody has powered it off")
            except OSError as error:
                self._say(f"the kernel does not say whether it is powered on ({error.strerror})")
                return False
        with _signals_deferred():
            return self._reset()

    @property
    def _number(self) -> int:
        return int(self._adapter.removeprefix("hci"))

    def _is_connected(self) -> bool:
        """Return whether the kernel has a connection of this adapter, such as "hci0:64"."""
        return any((self._root / "sys/class/bluetooth").glob(f"{self._adapter}:*"))

    def _unblock(self, switches: list[Switch]) -> bool:
        """Unblock the adapter if that is permitted, and power it on. It is not reset: nothing shows that it hangs."""
        if any(switch.is_hard for switch in switches):
            return self._leave_alone("a hardware switch blocks it")
        if not self._may_unblock:
            return self._leave_alone("rfkill blocks it, perhaps on purpose; use --unblock to unblock it")
        are_open = [self._write(_Step("unblocked", switch.path / "soft", "0")) for switch in switches]
        return all(are_open) and self._power(is_on=True)

    def _reset(self) -> bool:
        # All links are resolved before anything is changed, because they disappear with the driver.
        device = self._device()
        steps = self._steps(device) if device else self._left_as_it_is("it is not a hardware device")
        was_powered_off = self._power(is_on=False)
        try:
            self._switchboard.sleep(0 if self._is_dry_run else _OFF_S)
            # The last step undoes the first one, and must be tried even if the first one has failed.
            written = [self._write(step) for step in steps]
            is_reset = written[-1] if written and written[0] else was_powered_off
            if device and steps and not self._is_dry_run:
                self._wait_for_adapter(device)
        finally:
            is_on = self._power(is_on=True)
        if not is_reset:
            self._say("not reset")
        return is_reset and is_on

    def _device(self) -> Path | None:
        """Return the folder of the adapter's hardware device; None for a virtual adapter, which has no such device."""
        link = self._root / "sys/class/bluetooth" / self._adapter / "device"
        devices = (self._root / "sys/devices").resolve()
        device = link.resolve()
        return device if link.exists() and device.is_relative_to(devices) else None

    def _steps(self, device: Path) -> list[_Step]:
        """Return the steps that reconnect a USB dongle, or rebind the driver of another device."""
        usb = device.parent
        if (usb / "authorized").exists() and _is_only_bluetooth(usb):
            return [
                _Step("disconnected from USB", usb / "authorized", "0"),
                _Step("connected to USB again", usb / "authorized", "1"),
            ]
        if (device / "driver").exists():
            # Other functions of the device, such as Wi-Fi, have other drivers.
            driver = (device / "driver").resolve()
            return [
                _Step(f"unbound from its driver {driver.name}", driver / "unbind", device.name),
                _Step(f"bound to its driver {driver.name} again", driver / "bind", device.name),
            ]
        return self._left_as_it_is("it has no driver")

    def _left_as_it_is(self, reason: str) -> list[_Step]:
        self._tell(f"{self._adapter}: its driver is left alone: {reason}")
        return []

    def _wait_for_adapter(self, device: Path) -> None:
        """Wait up to _APPEAR_S seconds until the device has an adapter again, whose number may have changed."""
        for _ in range(int(_APPEAR_S / _POLL_S)):
            for path in device.glob("bluetooth/hci*"):
                self._adapter = path.name
                return
            self._switchboard.sleep(_POLL_S)

    def _power(self, *, is_on: bool) -> bool:
        """Power the adapter on or off; return False if that fails."""
        state = "on" if is_on else "off"
        try:
            if not self._is_dry_run:
                self._switchboard.power(self._number, is_on=is_on)
        except OSError as error:
            if error.errno != errno.EALREADY:
                self._say(f"it can't be powered {state} ({error.strerror})")
                return False
            self._say(f"it is powered {state} already")
        else:
            self._say(f"powered {state}")
        return True

    def _write(self, step: _Step) -> bool:
        try:
            if not self._is_dry_run:
                self._switchboard.write(step.path, step.text)
        except OSError as error:
            self._say(f"it can't be {step.what} ({step.path}: {error.strerror})")
            return False
        self._say(step.what)
        return True

    def _leave_alone(self, reason: str) -> bool:
        self._tell(f"{self._adapter}: left alone: {reason}")
        return True

    def _say(self, text: str) -> None:
        self._tell(f"{self._adapter}: {'would be: ' if self._is_dry_run else ''}{text}")


@contextmanager
def _signals_deferred() -> Iterator[None]:
    """Let a signal that ends the program take effect only after the block, which takes a limited time."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _is_only_bluetooth(usb: Path) -> bool:
    """Return whether every function of a USB device is Bluetooth; a dongle may have Wi-Fi, too."""
    classes = {text_of(path) for path in usb.glob(f"{usb.name}:*/bInterfaceClass")}
    return classes == {_BLUETOOTH_CLASS}
