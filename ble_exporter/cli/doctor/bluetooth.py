"""The checks of `doctor` for the Bluetooth stack: rfkill, D-Bus, bluetoothd, adapters, other programs that scan."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from ble_exporter.cli.doctor.check import GROUP, CheckContext, CheckResult, bluetooth_group, own_name
from ble_exporter.cli.shell import command_line
from ble_exporter.monitor_channel.protocol import HELPER_SOCKET
from ble_exporter.scanner import hints
from ble_exporter.scanner.bluez_dbus import Adapter
from ble_exporter.scanner.inspection import blocking, inspect, known_to_kernel

# The paths at which distributions install bluetoothd; their directories are seldom on PATH.
_BLUETOOTHD = ("usr/libexec/bluetooth/bluetoothd", "usr/lib/bluetooth/bluetoothd", "usr/sbin/bluetoothd")
_KERNEL_BLUETOOTH = "sys/class/bluetooth"
_RFKILL = ("usr/sbin/rfkill", "usr/bin/rfkill", "sbin/rfkill")
_BOOT_CONFIG = ("boot/firmware/config.txt", "boot/config.txt")
_NO_BLUETOOTH = "dtoverlay=disable-bt"

_BUS_ADDRESS = "DBUS_SYSTEM_BUS_ADDRESS"
_COMMANDS: Mapping[str, str] = {
    "org.freedesktop.systemd1.UnitMasked": "sudo systemctl unmask bluetooth && sudo systemctl start bluetooth",
    "org.freedesktop.DBus.Error.NoReply": "sudo systemctl restart bluetooth",
}

# Remove other lines of this setting first, because bluetoothd uses the last one.
_OFFER_MONITORS = (
    r"sudo sed -i -e '/^ *Experimental *=/d' -e 's/^\[General\].*/&\nExperimental = true/' "
    "/etc/bluetooth/main.conf && sudo systemctl restart bluetooth"
)

# Prefixes of the process names of programs that are known to scan.
_SCANNERS = ("bluetoothctl", "blueman", "gnome-control-c", "hass", "kded", "node", "python", "TheengsGateway")


def check_dbus(context: CheckContext) -> Iterator[CheckResult]:
    """Check that this user can reach the system bus."""
    found = context.inspection = asyncio.run(inspect(context.root))
    if found.bus_problem:
        # If this variable is set, it selects the bus.
        command = f"unset {_BUS_ADDRESS}" if os.environ.get(_BUS_ADDRESS) else "sudo systemctl start dbus"
        yield CheckResult("fail", found.bus_problem, command)
    else:
        yield CheckResult("ok", "D-Bus can be reached")


def check_bluetoothd(context: CheckContext) -> Iterator[CheckResult]:
    """Check that bluetoothd runs and accepts calls from this user; report its version."""
    found = context.inspection
    if found.refusal and not (context.root / _KERNEL_BLUETOOTH).is_dir():
        # Without an adapter, systemd does not start bluetoothd, so no call to it can succeed.
        yield _no_adapter(context)
    elif found.refusal:
        yield CheckResult("fail", found.bluez_problem, _bluetoothd_command(context, found.refusal))
    else:
        version = _version(context, found.command_line) or "unknown"
        yield CheckResult("ok", f"bluetoothd runs, version {version}")


def _bluetoothd_command(context: CheckContext, refusal: str) -> str:
    if refusal == "org.freedesktop.DBus.Error.AccessDenied":
        me, group = own_name(), bluetooth_group()
        is_member = group is not None and me in group.gr_mem
        # Membership takes effect at the next login.
        return command_line(*(["exec", "su", "-", me] if is_member else ["sudo", "usermod", "-a", "-G", GROUP, me]))
    if refusal in _COMMANDS:
        return _COMMANDS[refusal]
    if any((context.root / path).exists() for path in _BLUETOOTHD):
        # If bluetoothd can't be started, this command prints the reason.
        return "sudo systemctl enable --now bluetooth"
    return "sudo apt install bluez"


def _version(context: CheckContext, command_line: tuple[str, ...]) -> str:
    """Return the version of the running bluetoothd; an empty string if it is unknown."""
    paths = [Path(command_line[0])] if command_line else [context.root / path for path in _BLUETOOTHD]
    for path in paths:
        # Run only a file owned by root, because root may be running this check.
        if path.name == "bluetoothd" and path.is_absolute() and path.exists() and path.stat().st_uid == 0:
            version = context.output_of(str(path), "--version")
            if version and version.replace(".", "").isdecimal():
                return version
    return ""


def check_scan_mode(context: CheckContext) -> Iterator[CheckResult]:
    """Check that bluetoothd offers the advertisement monitors that the scan mode needs."""
    mode = context.config.scan_mode if context.config else "auto"
    offers = all(adapter.can_monitor for adapter in _in_use(context))
    monitors = "bluetoothd offers advertisement monitors"
    text = {
        ("auto", True): f"{monitors}: auto scans actively, and nothing is filtered as a duplicate",
        (
            "active",
            True,
        ): f"{monitors}: active does not use them; auto would, so that nothing is filtered as a duplicate",
        ("passive", True): f"{monitors}: passive works",
        # No warning is needed: most machines lack monitors, and readings arrive without them.
        ("auto", False): f"auto scans actively: {hints.NO_MONITOR}, which passive would need",
        ("active", False): "active, which needs no advertisement monitors; bluetoothd offers none",
        ("passive", False): hints.NO_PASSIVE_SCAN,
    }[mode, offers]
    if mode == "passive" and not offers:
        yield CheckResult("fail", f"scan_mode: {text}", _OFFER_MONITORS)
    else:
        yield CheckResult("ok", f"scan_mode: {text}")


def check_ear(context: CheckContext) -> Iterator[CheckResult]:
    """Check whether the kernel's monitor channel can be opened, unless the configuration excludes this ear."""
    ear = context.config.ear if context.config else "auto"
    if ear == "bluez":
        yield CheckResult("ok", "ear: bluez hears through bluetoothd, which loses some packets; auto may hear them all")
        return
    try:
        asyncio.run(context.open_monitor(0)).close()
    except OSError as error:
        problem = hints.no_monitor(error)
        if ear == "monitor":
            yield CheckResult("fail", f"ear: {problem}", problem.command)
        elif error.filename is not None:
            yield CheckResult("warn", f"ear: auto hears through bluetoothd: {problem}", problem.command)
        elif (context.root / HELPER_SOCKET.lstrip("/")).exists():
            yield CheckResult("ok", "ear: auto hears every packet as a service, but through bluetoothd for this user")
        else:
            # No warning is needed: doctor usually runs without the capability, and not as the user of the service.
            yield CheckResult("ok", f"ear: for this user, auto hears through bluetoothd: {problem.text}")
    else:
        yield CheckResult("ok", f"ear: {ear} hears every packet, through the kernel's monitor channel")


def _in_use(context: CheckContext) -> list[Adapter]:
    """
    Return the adapters that the exporter would use.

    They are the configured ones or, by default, one that can scan, preferably a powered one.
    """
    there = {adapter.name: adapter for adapter in context.inspection.adapters}
    wanted = context.config.adapters if context.config else ()
    if wanted:
        return [there[name] for name in wanted if name in there]
    able = [adapter for adapter in there.values() if adapter.can_scan]
    powered = [adapter for adapter in able if adapter.is_powered]
    return (powered or able)[:1]


def check_rfkill(context: CheckContext) -> Iterator[CheckResult]:
    """Check that no rfkill switch blocks Bluetooth; bluetoothd reports only that the adapter is off."""
    wanted = context.config.adapters if context.config else ()
    switches = blocking(context.root)
    for switch in switches:
        if wanted and switch.device.startswith("hci") and switch.device not in wanted:
            yield CheckResult("ok", f"rfkill blocks {switch.device}, which is not used")
        elif switch.is_hard:
            yield CheckResult("fail", f"rfkill: a hardware switch of this machine blocks {switch.device}: flip it")
        else:
            has_rfkill = any((context.root / path).exists() for path in _RFKILL)
            by_hand = f"echo 0 | sudo tee {switch.path}/soft"
            command = "sudo rfkill unblock bluetooth" if has_rfkill else by_hand
            yield CheckResult("fail", f"rfkill blocks {switch.device}", command)
    if not switches:
        yield CheckResult("ok", "rfkill blocks no Bluetooth adapter")


def check_adapters(context: CheckContext) -> Iterator[CheckResult]:
    """Check that the adapters to use exist, can scan, and are powered."""
    there = {adapter.name: adapter for adapter in context.inspection.adapters}
    wanted = context.config.adapters if context.config else ()
    if not there:
        yield _no_adapter(context)
        return
    for name in wanted:
        if name not in there:
            yield CheckResult("fail", f"adapter {name}: {hints.missing(list(there))}", context.edit_command("adapter"))
    in_use = _in_use(context)
    if not wanted and not in_use:
        yield CheckResult("fail", f"adapter {next(iter(there))}: {hints.CANNOT_SCAN}", "lsusb")
    for adapter in in_use:
        if not adapter.can_scan:
            yield CheckResult("fail", f"adapter {adapter.name}: {hints.CANNOT_SCAN}", context.edit_command("adapter"))
        elif not adapter.is_powered:
            by_name = f"busctl set-property org.bluez /org/bluez/{adapter.name} org.bluez.Adapter1 Powered b true"
            command = "bluetoothctl power on" if len(there) == 1 else by_name
            yield CheckResult("fail", f"adapter {adapter.name}: it is powered off", command)
        else:
            yield CheckResult("ok", f"adapter {adapter.name}: powered")


def _no_adapter(context: CheckContext) -> CheckResult:
    in_kernel = known_to_kernel(context.root)
    if in_kernel:
        text = f"no Bluetooth adapter: the kernel has {', '.join(in_kernel)}, but bluetoothd does not use it"
        return CheckResult("fail", text, "sudo systemctl restart bluetooth")
    for path in _BOOT_CONFIG:
        file = context.root / path
        if file.exists() and _NO_BLUETOOTH in file.read_text(encoding="utf-8", errors="replace").split():
            command = f"sudo sed -i '/^{_NO_BLUETOOTH}/d' {file} && sudo reboot"
            return CheckResult("fail", f"no Bluetooth adapter: {file} disables the built-in one", command)
    return CheckResult("fail", str(hints.NO_ADAPTER), "sudo dmesg | grep -i bluetooth")


def check_other_scanners(context: CheckContext) -> Iterator[CheckResult]:
    """Check whether another program is scanning; bluetoothd does not report which program."""
    scanning = [adapter.name for adapter in _in_use(context) if adapter.is_discovering]
    if not scanning:
        yield CheckResult("ok", "no other program scans")
    elif context.exporter_is_running:
        yield CheckResult("ok", f"{', '.join(scanning)} scans for the running exporter")
    else:
        others = context.inspection.others
        known = [f"{name} (process {pid})" for name, pid in others if name.startswith(_SCANNERS) and pid != os.getpid()]
        who = f"perhaps {', '.join(known)}" if known else "bluetoothd does not report which"
        yield CheckResult(
            "warn",
            f"another program ({who}) scans with {', '.join(scanning)}: it shares the radio with the exporter, and "
            "a search for classic Bluetooth devices may take half of the radio's time",
            "sudo systemctl restart bluetooth",
        )
