"""The checks of `doctor` on the Bluetooth stack: D-Bus, bluetoothd, the adapters, and who else scans."""

import asyncio
import grp
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ble_exporter.cli.doctor.check import Examination, Finding, listed, user_name

if TYPE_CHECKING:
    from ble_exporter.scanner.bluez_dbus import Adapter
    from ble_exporter.scanner.inspection import Inspection

# Where distributions put it, which is seldom on PATH.
_BLUETOOTHD = ("usr/libexec/bluetooth/bluetoothd", "usr/lib/bluetooth/bluetoothd", "usr/sbin/bluetoothd")
_KERNEL_BLUETOOTH = "sys/class/bluetooth"
_RFKILL = ("usr/sbin/rfkill", "usr/bin/rfkill", "sbin/rfkill")
_BOOT_CONFIG = ("boot/firmware/config.txt", "boot/config.txt")
_NO_BLUETOOTH = "dtoverlay=disable-bt"
_GROUP = "bluetooth"

_BUS_ADDRESS = "DBUS_SYSTEM_BUS_ADDRESS"
_START = "sudo systemctl enable --now bluetooth"
_COMMANDS: Mapping[str, str] = {
    "org.freedesktop.systemd1.UnitMasked": "sudo systemctl unmask bluetooth && sudo systemctl start bluetooth",
    "org.freedesktop.DBus.Error.NoReply": "sudo systemctl restart bluetooth",
}

# Of those that may be on the bus, they are known to scan.
_SCANNERS = ("bluetoothctl", "blueman", "gnome-control-c", "hass", "kded", "node", "python", "TheengsGateway")


def dbus(examination: Examination) -> Iterator[Finding]:
    """Whether there is a system bus that lets this user in."""
    # Imported here, so that --help answers at once: bleak takes most of a second on a Pi.
    from ble_exporter.scanner.inspection import inspect

    found = examination.inspection = asyncio.run(inspect(examination.root))
    if found.bus_problem:
        # Where it is set, that is where the bus was looked for.
        remedy = f"unset {_BUS_ADDRESS}" if os.environ.get(_BUS_ADDRESS) else "sudo systemctl start dbus"
        yield Finding("fail", found.bus_problem, remedy)
    else:
        yield Finding("ok", "D-Bus can be reached")


def bluetoothd(examination: Examination) -> Iterator[Finding]:
    """Whether it runs, and talks to this user; which version it is."""
    found = _inspection(examination)
    if found.refusal and not (examination.root / _KERNEL_BLUETOOTH).is_dir():
        # systemd does not even try to start it then, and D-Bus waits for it in vain.
        yield _no_adapter(examination)
    elif found.refusal:
        yield Finding("fail", found.bluez_problem, _bluetoothd_remedy(examination, found.refusal))
    else:
        version = _version(examination, found.command_line)
        yield Finding("ok", f"bluetoothd runs, {f'version {version}' if version else 'which version can not be told'}")


def _inspection(examination: Examination) -> "Inspection":
    assert examination.inspection is not None  # noqa: S101 - the table of checks says who needs whom
    return examination.inspection


def _bluetoothd_remedy(examination: Examination, refusal: str) -> str:
    if refusal == "org.freedesktop.DBus.Error.AccessDenied":
        return _group_remedy()
    if refusal in _COMMANDS:
        return _COMMANDS[refusal]
    # Where it can't be started, this says why.
    return _START if any((examination.root / path).exists() for path in _BLUETOOTHD) else "sudo apt install bluez"


def _group_remedy() -> str:
    me = shlex.quote(user_name(os.geteuid()) or str(os.geteuid()))
    try:
        members = grp.getgrnam(_GROUP).gr_mem
    except KeyError:
        members = []
    # Who is in the group already has it from the next login on.
    return f"exec su - {me}" if me in members else f"sudo usermod -a -G {_GROUP} {me}"


def _version(examination: Examination, command_line: tuple[str, ...]) -> str:
    """Return the version of the bluetoothd that runs; empty where it can't be told."""
    paths = [Path(command_line[0])] if command_line else [examination.root / path for path in _BLUETOOTHD]
    for path in paths:
        # What is started here, perhaps by root, must be root's.
        if path.name == "bluetoothd" and path.is_absolute() and path.exists() and path.stat().st_uid == 0:
            said = examination.output_of(str(path), "--version")
            if said and said.replace(".", "").isdecimal():
                return said
    return ""


def monitors(examination: Examination) -> Iterator[Finding]:
    """Whether bluetoothd offers advertisement monitors, and what that means for the mode of scanning."""
    from ble_exporter.scanner import hints

    mode = examination.config.scan_mode if examination.config else "auto"
    if all(adapter.can_monitor for adapter in _in_use(examination)):
        meaning = {
            "auto": "auto scans actively, and nothing is filtered as a duplicate",
            "active": "active does not use them; auto would, so that nothing is filtered as a duplicate",
            "passive": "passive works",
        }
        yield Finding("ok", f"scan_mode: bluetoothd offers advertisement monitors: {meaning[mode]}")
        return
    # Of two such lines bluetoothd takes the last.
    remedy = (
        r"sudo sed -i -e '/^ *Experimental *=/d' -e 's/^\[General\].*/&\nExperimental = true/' "
        "/etc/bluetooth/main.conf && sudo systemctl restart bluetooth"
    )
    if mode == "passive":
        yield Finding("fail", f"scan_mode: {hints.NO_PASSIVE_SCAN}", remedy)
    elif mode == "active":
        yield Finding("ok", "scan_mode: active, which needs no advertisement monitors; bluetoothd offers none")
    else:
        # Most machines are so, and readings come: worth a line, and no warning.
        yield Finding("ok", f"scan_mode: auto scans actively: {hints.NO_MONITOR}, and passive would need it")


def _in_use(examination: Examination) -> "list[Adapter]":
    """Return the adapters that the exporter would take: those of the configuration, or the first that is powered."""
    there = {adapter.name: adapter for adapter in _inspection(examination).adapters}
    wanted = examination.config.adapters if examination.config else ()
    if wanted:
        return [there[name] for name in wanted if name in there]
    able = [adapter for adapter in there.values() if adapter.can_scan]
    powered = [adapter for adapter in able if adapter.is_powered]
    return (powered or able)[:1]


def rfkill(examination: Examination) -> Iterator[Finding]:
    """Whether a switch blocks Bluetooth; bluetoothd would only say that the adapter is off."""
    from ble_exporter.scanner.inspection import blocking

    wanted = examination.config.adapters if examination.config else ()
    switches = blocking(examination.root)
    for switch in switches:
        if wanted and switch.device.startswith("hci") and switch.device not in wanted:
            yield Finding("ok", f"rfkill blocks {switch.device}, which is not used")
        elif switch.is_hard:
            yield Finding("fail", f"rfkill: a switch or key of this machine blocks {switch.device}: move it")
        else:
            has_rfkill = any((examination.root / path).exists() for path in _RFKILL)
            by_hand = f"echo 0 | sudo tee {switch.path}/soft"
            remedy = "sudo rfkill unblock bluetooth" if has_rfkill else by_hand
            yield Finding("fail", f"rfkill blocks {switch.device}", remedy)
    if not switches:
        yield Finding("ok", "rfkill blocks no Bluetooth adapter")


def adapters(examination: Examination) -> Iterator[Finding]:
    """Whether the adapters that are to be used are there, can scan, and are on."""
    from ble_exporter.scanner import hints

    there = {adapter.name: adapter for adapter in _inspection(examination).adapters}
    wanted = examination.config.adapters if examination.config else ()
    if not there:
        yield _no_adapter(examination)
        return
    for name in wanted:
        if name not in there:
            yield Finding("fail", f"adapter {name}: {hints.missing(list(there))}", examination.edit("adapter"))
    in_use = _in_use(examination)
    if not wanted and not in_use:
        yield Finding("fail", f"adapter {next(iter(there))}: {hints.CANNOT_SCAN}", "lsusb")
    for adapter in in_use:
        if not adapter.can_scan:
            yield Finding("fail", f"adapter {adapter.name}: {hints.CANNOT_SCAN}", examination.edit("adapter"))
        elif not adapter.is_powered:
            by_name = f"busctl set-property org.bluez /org/bluez/{adapter.name} org.bluez.Adapter1 Powered b true"
            remedy = "bluetoothctl power on" if len(there) == 1 else by_name
            yield Finding("fail", f"adapter {adapter.name}: it is powered off", remedy)
        else:
            yield Finding("ok", f"adapter {adapter.name}: is there and powered")


def _no_adapter(examination: Examination) -> Finding:
    from ble_exporter.scanner import hints
    from ble_exporter.scanner.inspection import known_to_kernel

    in_kernel = known_to_kernel(examination.root)
    if in_kernel:
        text = f"no Bluetooth adapter: the kernel has {listed(in_kernel)}, and bluetoothd does not take it up"
        return Finding("fail", text, "sudo systemctl restart bluetooth")
    for path in _BOOT_CONFIG:
        file = examination.root / path
        if file.exists() and _NO_BLUETOOTH in file.read_text(encoding="utf-8", errors="replace").split():
            return Finding(
                "fail",
                f"no Bluetooth adapter: {file} switches the built-in one off",
                f"sudo sed -i '/^{_NO_BLUETOOTH}/d' {file} && sudo reboot",
            )
    return Finding("fail", hints.NO_ADAPTER, "sudo dmesg | grep -i bluetooth")


def other_scanner(examination: Examination) -> Iterator[Finding]:
    """Whether an adapter scans already. bluetoothd does not tell for whom."""
    scanning = [adapter.name for adapter in _in_use(examination) if adapter.is_discovering]
    if not scanning:
        yield Finding("ok", "no other program scans")
    elif examination.exporter_runs:
        yield Finding("ok", f"{listed(scanning)} scans for the exporter, which runs")
    else:
        others = _inspection(examination).others
        known = [f"{name} (process {pid})" for name, pid in others if name.startswith(_SCANNERS) and pid != os.getpid()]
        who = f"perhaps {listed(known)}" if known else "bluetoothd does not tell which"
        yield Finding(
            "warn",
            f"another program has {listed(scanning)} scan, {who}: the two share one radio, and a search "
            "for classic Bluetooth may take half of its time",
            "sudo systemctl restart bluetooth",
        )
