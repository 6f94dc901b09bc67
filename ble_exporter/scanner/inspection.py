"""
The state of Bluetooth in D-Bus, /proc and /sys, read without changing anything.

bluetoothd reports neither its version nor the programs for which it scans. Its executable prints the version; the
programs can only be guessed from the names on the bus.
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
    """The state of Bluetooth, as reported over the system bus."""

    bus_problem: str = ""  # why the bus can't be reached; empty if it can
    refusal: str = ""  # the name of the D-Bus error with which bluetoothd answered; empty if there was none
    bluez_problem: str = ""  # the meaning of that error
    adapters: tuple[Adapter, ...] = ()  # in the order of their numbers
    command_line: tuple[str, ...] = ()  # the arguments of the running bluetoothd; empty if unknown
    others: tuple[tuple[str, int], ...] = ()  # names and process ids of all programs on the bus except bluetoothd


class Switch(NamedTuple):
    """An rfkill switch that blocks Bluetooth."""

    path: Path  # the folder in /sys
    device: str  # "hci0", or a name for the whole machine
    is_hard: bool  # a physical switch, which software can't change


async def inspect(root: Path) -> Inspection:
    """Inspect Bluetooth over the system bus; `root` is the parent folder of /proc."""
    try:
        async with connect() as bluez:
            adapters = tuple((await bluez.adapters()).values())
            processes = await _processes(bluez)
    except BusError as error:
        return Inspection(refusal=error.name, bluez_problem=str(error))
    except ScannerError as error:
        return Inspection(bus_problem=str(error))
    bluetoothd = processes.pop(BLUEZ, None)
    # If bluetoothd is not running, the file does not exist, and the command line is empty.
    command_line = text_of(root / f"proc/{bluetoothd}/cmdline").split("\0")
    names = ((text_of(root / f"proc/{pid}/comm"), pid) for pid in sorted({*processes.values()} - {bluetoothd}))
    return Inspection(
        adapters=adapters,
        command_line=tuple(one_line(word) for word in command_line if word),
        others=tuple((one_line(name), pid) for name, pid in names if name),
    )


async def _processes(bluez: Bluez) -> dict[str, int]:
    """Return the process ids of the connections to the bus, by name (":1.7" or "org.bluez")."""
    names: list[str] = (await bluez.call_bus("ListNames")).body[0]
    processes = {}
    for name in names:
        # The connection may have been closed in the meantime.
        with suppress(BusError):
            processes[name] = (await bluez.call_bus("GetConnectionUnixProcessID", name)).body[0]
    return processes


def blocking(root: Path) -> list[Switch]:
    """Return the rfkill switches that block Bluetooth, in software or hardware; `root` is the parent folder of /sys."""
    return [
        Switch(folder, one_line(text_of(folder / "name")), text_of(folder / "hard") == "1")
        for folder in sorted((root / "sys/class/rfkill").glob("rfkill*"))
        if text_of(folder / "type") == "bluetooth" and "1" in (text_of(folder / "soft"), text_of(folder / "hard"))
    ]


def known_to_kernel(root: Path) -> list[str]:
    """Return the names of the kernel's Bluetooth adapters; `root` is the parent folder of /sys."""
    # The folder also contains connections, such as "hci0:64".
    return sorted(path.name for path in (root / "sys/class/bluetooth").glob("hci*") if ":" not in path.name)


def text_of(path: Path) -> str:
    """Return the text of a file without surrounding white space; an empty string if the file can't be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
