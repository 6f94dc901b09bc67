"""
What stands between this user and a scan: read from D-Bus, /proc and /sys, without changing anything.

bluetoothd does not tell its version, nor who has it scan. The first says the program that runs, the second can only be
guessed from who else is on the bus.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ble_exporter.errors import ScannerError
from ble_exporter.scanner.bluez_dbus import Adapter, Bluez, BusError, connect
from ble_exporter.utils import one_line

_BLUEZ = "org.bluez"


@dataclass(frozen=True)
class Inspection:
    """
    What the system bus shows.

    Attributes:
        bus_problem: Why it can't be reached, in words; empty where it can.
        refusal: The name of the D-Bus error with which bluetoothd was not to be had; empty where it was.
        bluez_problem: What that error means, in words.
        adapters: Those that bluetoothd has, by name, in the order of their numbers.
        command_line: Of the bluetoothd that runs; empty where that can't be told.
        others: Names and process ids of the other programs on the bus.
    """

    bus_problem: str = ""
    refusal: str = ""
    bluez_problem: str = ""
    adapters: tuple[Adapter, ...] = ()
    command_line: tuple[str, ...] = ()
    others: tuple[tuple[str, int], ...] = ()


class Switch(NamedTuple):
    """
    A switch of rfkill that blocks Bluetooth.

    Attributes:
        path: Its folder.
        device: "hci0", or a switch of the whole machine.
        is_hard: Whether it is one that no software moves.
    """

    path: Path
    device: str
    is_hard: bool


async def inspect(root: Path) -> Inspection:
    """
    Ask the system bus.

    Args:
        root: Where /proc is.
    """
    try:
        async with connect() as bluez:
            return await _inspect(bluez, root / "proc")
    except ScannerError as error:
        return Inspection(bus_problem=str(error))


async def _inspect(bluez: Bluez, proc: Path) -> Inspection:
    try:
        adapters = tuple((await bluez.adapters()).values())
    except BusError as error:
        return Inspection(refusal=error.name, bluez_problem=str(error))
    processes = await _processes(bluez)
    bluetoothd = processes.pop(_BLUEZ, None)
    others = {pid for pid in processes.values() if pid != bluetoothd}
    command_line = () if bluetoothd is None else _words(proc / str(bluetoothd) / "cmdline", "\0")
    names = ((" ".join(_words(proc / str(pid) / "comm", "\n")), pid) for pid in sorted(others))
    return Inspection(adapters=adapters, command_line=command_line, others=tuple(pair for pair in names if pair[0]))


async def _processes(bluez: Bluez) -> dict[str, int]:
    """Return who is on the bus: the connections' names (":1.7") to their process ids."""
    names: list[str] = (await bluez.call_bus("ListNames")).body[0]
    processes = {}
    for name in names:
        # It may have gone meanwhile.
        with suppress(BusError):
            processes[name] = (await bluez.call_bus("GetConnectionUnixProcessID", name)).body[0]
    return processes


def _words(path: Path, separator: str) -> tuple[str, ...]:
    """Return the parts of a file of /proc; none where this user may not read it, or it has gone."""
    try:
        text = path.read_bytes().decode(errors="replace")
    except OSError:
        return ()
    return tuple(one_line(word) for word in text.split(separator) if word)


def blocking(root: Path) -> list[Switch]:
    """Return the switches of rfkill that block Bluetooth, by software or by hand; `root` is where /sys is."""
    return [
        Switch(folder, _said(folder / "name"), _said(folder / "hard") == "1")
        for folder in sorted((root / "sys/class/rfkill").glob("rfkill*"))
        if _said(folder / "type") == "bluetooth" and "1" in (_said(folder / "soft"), _said(folder / "hard"))
    ]


def known_to_kernel(root: Path) -> list[str]:
    """Return the names of the adapters that the kernel has; `root` is where /sys is."""
    # Connections are there too, as "hci0:64".
    return sorted(path.name for path in (root / "sys/class/bluetooth").glob("hci*") if ":" not in path.name)


def _said(path: Path) -> str:
    try:
        return one_line(path.read_text(errors="replace"))
    except OSError:
        return ""
