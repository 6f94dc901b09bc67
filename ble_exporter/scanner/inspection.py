"""
The state of Bluetooth in D-Bus, /proc and /sys, read without changing anything.

bluetoothd reports neither its version nor the program for which it scans. The version comes from its executable; the
program can only be guessed from the names on the bus.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ble_exporter.errors import ScannerError
from ble_exporter.scanner.bluez_dbus import BLUEZ, Adapter, Bluez, BusError, connect
from ble_exporter.utils import one_line


@dataclass(frozen=True)
class Inspection:
    """The state of the system bus."""

    bus_problem: str = ""  # why the bus can't be reached; empty if it can
    refusal: str = ""  # the name of the D-Bus error with which bluetoothd answered; empty without an error
    bluez_problem: str = ""  # the meaning of that error
    adapters: tuple[Adapter, ...] = ()  # in the order of their numbers
    command_line: tuple[str, ...] = ()  # of the running bluetoothd; empty if unknown
    others: tuple[tuple[str, int], ...] = ()  # names and process ids of the other programs on the bus


class Switch(NamedTuple):
    """An rfkill switch that blocks Bluetooth."""

    path: Path  # its folder
    device: str  # "hci0", or a name for the whole machine
    is_hard: bool  # a physical switch, which software can't change


async def inspect(root: Path) -> Inspection:
    """Inspect the system bus; /proc is in `root`."""
    try:
        async with connect() as bluez:
            adapters = tuple((await bluez.adapters()).values())
            processes = await _processes(bluez)
    except BusError as error:
        return Inspection(refusal=error.name, bluez_problem=str(error))
    except ScannerError as error:
        return Inspection(bus_problem=str(error))
    bluetoothd = processes.pop(BLUEZ, None)
    # Without bluetoothd there is no such file.
    command_line = _text_of(root / f"proc/{bluetoothd}/cmdline").split("\0")
    names = ((_text_of(root / f"proc/{pid}/comm"), pid) for pid in sorted({*processes.values()} - {bluetoothd}))
    return Inspection(
        adapters=adapters,
        command_line=tuple(one_line(word) for word in command_line if word),
        others=tuple((one_line(name), pid) for name, pid in names if name),
    )


async def _processes(bluez: Bluez) -> dict[str, int]:
    """Return the names of the connections on the bus (":1.7") with their process ids."""
    names: list[str] = (await bluez.call_bus("ListNames")).body[0]
    processes = {}
    for name in names:
        # It may have gone meanwhile.
        with suppress(BusError):
            processes[name] = (await bluez.call_bus("GetConnectionUnixProcessID", name)).body[0]
    return processes


def blocking(root: Path) -> list[Switch]:
    """Return the rfkill switches that block Bluetooth, by software or by hand; /sys is in `root`."""
    return [
        Switch(folder, one_line(_text_of(folder / "name")), _text_of(folder / "hard") == "1")
        for folder in sorted((root / "sys/class/rfkill").glob("rfkill*"))
        if _text_of(folder / "type") == "bluetooth" and "1" in (_text_of(folder / "soft"), _text_of(folder / "hard"))
    ]


def known_to_kernel(root: Path) -> list[str]:
    """Return the names of the kernel's adapters; /sys is in `root`."""
    # The same folder has connections, such as "hci0:64".
    return sorted(path.name for path in (root / "sys/class/bluetooth").glob("hci*") if ":" not in path.name)


def _text_of(path: Path) -> str:
    """Return the text of a file; an empty string if it is gone, or this user may not read it."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
