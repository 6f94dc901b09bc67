"""The guest's Bluetooth stack; each scenario starts the parts that it needs."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from ble_exporter.monitor_channel.protocol import HELPER_SOCKET

from .air import Air, Sender, Thermometer
from .exporter import Exporter, Setting
from .polling import wait_until
from .virtual_radio import DuplicateFilter, VirtualRadio

BLUETOOTHD_PATHS = (
    "/usr/libexec/bluetooth/bluetoothd",
    "/usr/lib/bluetooth/bluetoothd",
    "/usr/sbin/bluetoothd",
)
"""The paths of bluetoothd in distributions; their folders are rarely on PATH."""
DAEMON_END_LIMIT_S = 15.0
"""On SIGTERM, bluetoothd powers its adapters off, and waits up to 10 s for this."""
DBUS_FOLDER = Path("/run/dbus")
HELPER = "helper"
"""The name of the daemon that stands in for systemd, and of its log, to which the helpers write."""
DEBUG_FILES = Path("/sys/kernel/debug/bluetooth")
STRICT_DUPLICATE_FILTER = "strict_duplicate_filter"
"""The quirk of controllers that filter duplicates by address: those of Broadcom, as in a Raspberry Pi, and of Intel."""


def find_bluetoothd() -> str | None:
    """Return the path of bluetoothd, or None if it is not installed."""
    return next(filter(os.path.exists, BLUETOOTHD_PATHS), None)


def _dbus_send(destination: str, path: str, member: str, *arguments: str) -> str:
    """Call a method on the system bus; return the reply as text, which is empty after an error."""
    call = ["dbus-send", "--system", "--print-reply=literal", f"--dest={destination}", path]
    reply = subprocess.run([*call, member, *arguments], capture_output=True, text=True, check=False)
    return reply.stdout


def on_bus(name: str) -> bool:
    """Return whether a program owns this name on the system bus."""
    bus = "org.freedesktop.DBus"
    return "true" in _dbus_send(bus, "/", f"{bus}.NameHasOwner", f"string:{name}")


def knows(address: str) -> bool:
    """Return whether bluetoothd knows a device with this address."""
    objects = _dbus_send("org.bluez", "/", "org.freedesktop.DBus.ObjectManager.GetManagedObjects")
    return f"dev_{address.replace(':', '_')}" in objects


class Stack:
    """The parts that a scenario has started; all of them end with the `with` block."""

    def __init__(self, share: Path) -> None:
        """Start nothing yet; `share` is the folder for logs."""
        self._share = share
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._options: Sequence[str] = ()
        self._radios: list[VirtualRadio] = []
        self._airs: list[Air] = []
        self._exporters: list[Exporter] = []

    def __enter__(self) -> Stack:
        """Return the stack."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End exporters, senders, radios and daemons, in this order."""
        for exporter in self._exporters:
            exporter.kill()
        for air in self._airs:
            air.end()
        for radio in self._radios:
            radio.unplug()
        for daemon in reversed(self._daemons.values()):
            daemon.kill()
            daemon.wait()

    def start_dbus(self) -> subprocess.Popen[bytes]:
        """Start the system bus."""
        DBUS_FOLDER.mkdir(exist_ok=True)
        command = ["dbus-daemon", "--system", "--nofork", "--nopidfile", "--nosyslog"]
        daemon = self._start_daemon("dbus-daemon", *command)
        wait_until(lambda: on_bus("org.freedesktop.DBus"), "dbus-daemon answers")
        return daemon

    def start_bluetoothd(self, *options: str) -> subprocess.Popen[bytes]:
        """Start bluetoothd on the running system bus; with the option `-E` it offers advertisement monitors."""
        self._options = options
        program = find_bluetoothd()
        assert program, "bluetoothd is not installed"
        daemon = self._start_daemon("bluetoothd", program, "--nodetach", *options)
        wait_until(lambda: on_bus("org.bluez"), "bluetoothd answers")
        return daemon

    def restart_bluetoothd(self, radio: VirtualRadio) -> None:
        """
        Replace bluetoothd by one with the same options, and wait until the adapter is powered.

        The old one remembers the devices of a scan, and spends CPU time on removing them half a minute after its end.
        """
        self.stop_daemon("bluetoothd", signal.SIGTERM)
        self.start_bluetoothd(*self._options)
        self._wait_until_powered(radio)

    def start_helper(self) -> None:
        """Offer the socket on which the exporter asks for the monitor channel."""
        self._start_daemon(HELPER, sys.executable, "-m", "rig.guest.confined_helper")
        wait_until(Path(HELPER_SOCKET).exists, "the helper's socket exists")

    def log(self, name: str) -> str:
        """Return the log of a daemon so far."""
        return (self._share / f"{name}.log").read_text()

    def pid(self, name: str) -> int:
        """Return the process id of "dbus-daemon" or "bluetoothd"."""
        return self._daemons[name].pid

    def send_signal(self, name: str, number: signal.Signals) -> None:
        """Send the signal to "dbus-daemon" or "bluetoothd"."""
        self._daemons[name].send_signal(number)

    def stop_daemon(self, name: str, number: signal.Signals) -> None:
        """End "dbus-daemon" or "bluetoothd" with the signal, and wait until the process has ended."""
        daemon = self._daemons.pop(name)
        daemon.send_signal(number)
        daemon.wait(DAEMON_END_LIMIT_S)

    def plug_in(self, radio: VirtualRadio) -> VirtualRadio:
        """Wait until the adapter is powered, powering it on if bluetoothd does not; return the radio."""
        self._radios.append(radio)
        self._wait_until_powered(radio)
        return radio

    def start(self, *options: str, duplicate_filter: DuplicateFilter = DuplicateFilter.NONE) -> VirtualRadio:
        """Start the bus, bluetoothd with these options, and one adapter with this filter; return its radio."""
        self.start_dbus()
        self.start_bluetoothd(*options)
        return self.plug_in(VirtualRadio(duplicate_filter=duplicate_filter))

    def start_air(self, radio: VirtualRadio, *senders: Sender) -> Air:
        """Start the senders in range of the radio."""
        air = Air(radio, *senders)
        self._airs.append(air)
        return air

    def start_exporter(
        self,
        thermometers: Sequence[Thermometer],
        program: str = "ble_exporter",
        /,
        **settings: Setting,
    ) -> Exporter:
        """Start the exporter for these thermometers; `program` is the name of its module."""
        exporter = Exporter(self._share, thermometers, program, **settings)
        self._exporters.append(exporter)
        return exporter

    def is_powered(self, radio: VirtualRadio) -> bool:
        """Return whether bluetoothd reports the adapter as powered."""
        member = "org.freedesktop.DBus.Properties.Get"
        arguments = ("string:org.bluez.Adapter1", "string:Powered")
        return "true" in _dbus_send("org.bluez", _path(radio), member, *arguments)

    def set_powered(self, radio: VirtualRadio, powered: bool) -> bool:
        """Make bluetoothd power the adapter on or off; return whether it is powered afterwards."""
        member = "org.freedesktop.DBus.Properties.Set"
        arguments = ("string:org.bluez.Adapter1", "string:Powered")
        value = f"variant:boolean:{str(powered).lower()}"
        _dbus_send("org.bluez", _path(radio), member, *arguments, value)
        return self.is_powered(radio)

    def block(self, radio: VirtualRadio) -> None:
        """Block the adapter, as `rfkill block bluetooth` does."""
        (soft,) = Path(f"/sys/class/bluetooth/hci{radio.index}").glob("rfkill*/soft")
        soft.write_text("1")

    def set_quirk(self, radio: VirtualRadio, quirk: str) -> None:
        """Power the adapter off, set a quirk that drivers of real controllers declare, and power the adapter on."""
        self.set_powered(radio, False)
        file = DEBUG_FILES / f"hci{radio.index}" / f"quirk_{quirk}"
        # The kernel may still be switching the adapter off when bluetoothd already reports it as off.
        wait_until(lambda: _accepts(file, "Y"), f"hci{radio.index} is off")
        wait_until(lambda: self.set_powered(radio, True), f"hci{radio.index} is powered again")

    def _wait_until_powered(self, radio: VirtualRadio) -> None:
        def is_up() -> bool:
            return self.is_powered(radio) or self.set_powered(radio, True)

        wait_until(is_up, f"hci{radio.index} is powered")

    def _start_daemon(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self._share / f"{name}.log").open("a") as log:
            daemon = subprocess.Popen(command, stdout=log, stderr=log)
        self._daemons[name] = daemon
        return daemon


def _accepts(file: Path, value: str) -> bool:
    """Write this value; return whether the kernel accepts it, which it does not while the adapter is on."""
    try:
        file.write_text(value)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


def _path(radio: VirtualRadio) -> str:
    return f"/org/bluez/hci{radio.index}"
