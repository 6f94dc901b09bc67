"""
What D-Bus, /proc and /sys show of Bluetooth, read without changing anything.

bluetoothd reports neither its version nor for which program it scans. The version comes from its executable; the other
program can only be guessed from the names on the bus.
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
        bus_problem: Why the bus can't be reached, in words; empty where it can.
        refusal: The name of the D-Bus error with which bluetoothd answered; empty where it did not.
        bluez_problem: What that error means, in words.
        adapters: The adapters that bluetoothd has, in the order of their numbers.
        command_line: The command line of the running bluetoothd; empty where it is not known.
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
        is_hard: Whether it is a physical switch, which software can't change.
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
    """Return the connections on the bus: their names (":1.7") with their process ids."""
    names: list[str] = (await bluez.call_bus("ListNames")).body[0]
    processes = {}
    for name in names:
        # It may have gone meanwhile.
        with suppress(BusError):
            processes[name] = (await bluez.call_bus("GetConnectionUnixProcessID", name)).body[0]
    return processes


def _words(path: Path, separator: str) -> tuple[str, ...]:
    """Return the parts of a file in /proc; none where the file is gone, or this user may not read it."""
    try:
        text = path.read_bytes().decode(errors="replace")
    except OSError:
        return ()
    return tuple(one_line(word) for word in text.split(separator) if word)


def blocking(root: Path) -> list[Switch]:
    """Return the switches of rfkill that block Bluetooth, by software or by hand; `root` is where /sys is."""
    return [
        Switch(folder, _text_of(folder / "name"), _text_of(folder / "hard") == "1")
        for folder in sorted((root / "sys/class/rfkill").glob("rfkill*"))
        if _text_of(folder / "type") == "bluetooth" and "1" in (_text_of(folder / "soft"), _text_of(folder / "hard"))
    ]


def known_to_kernel(root: Path) -> list[str]:
    """Return the names of the adapters that the kernel has; `root` is where /sys is."""
    # Connections are there too, as "hci0:64".
    return sorted(path.name for path in (root / "sys/class/bluetooth").glob("hci*") if ":" not in path.name)


def _text_of(path: Path) -> str:
    try:
        return one_line(path.read_text(errors="replace"))
    except OSError:
        return ""
