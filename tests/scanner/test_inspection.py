"""Tests of the inspection of the Bluetooth stack for `doctor`; the rig's scenarios doctor_… use a real stack."""

import asyncio
from pathlib import Path

from dbus_fast import Variant

from ble_exporter.scanner.bluez_dbus import Adapter
from ble_exporter.scanner.inspection import Inspection, Switch, blocking, inspect, known_to_kernel
from tests.scanner.conftest import on_bluez
from tests.scanner.scripted_bluez import ADAPTER, Properties, ScriptedBluez, adapter_properties


def switch(root: Path, number: int, **files: str) -> Path:
    """Create an rfkill switch under this root; return its folder."""
    folder = root / f"sys/class/rfkill/rfkill{number}"
    folder.mkdir(parents=True)
    for file, text in {"type": "bluetooth", "name": "hci0", "soft": "0", "hard": "0", **files}.items():
        (folder / file).write_text(f"{text}\n")
    return folder


def test_adapters_and_processes_are_read(bus: Path, tmp_path: Path) -> None:
    """Only /proc shows the program file of bluetoothd and the names of other programs that may be scanning."""
    for pid, file, content in [
        (812, "cmdline", b"/usr/libexec/bluetooth/bluetoothd\0-E\0"),
        (900, "comm", b"bluetoothctl\n"),
        (901, "comm", b"evil\x1b[2J\xff\n"),
    ]:
        (tmp_path / f"proc/{pid}").mkdir(parents=True)
        (tmp_path / f"proc/{pid}" / file).write_bytes(content)

    async def look(bluez: ScriptedBluez) -> Inspection:
        scanning: Properties = adapter_properties() | {"Discovering": Variant("b", True)}
        bluez.objects = {"/org/bluez/hci0": {ADAPTER: scanning}}
        bluez.processes = {"org.bluez": 812, ":1.1": 812, ":1.2": 900, ":1.3": 901, ":1.4": 902, ":1.5": 0}
        return await inspect(tmp_path)

    found = on_bluez(bus, look)

    assert (Adapter("hci0", True, True, False, True),) == found.adapters
    assert ("/usr/libexec/bluetooth/bluetoothd", "-E") == found.command_line
    assert (("bluetoothctl", 900), ("evil\\x1b[2J\ufffd", 901)) == found.others


def test_a_refusal_by_bluetoothd_keeps_the_name_of_its_error(bus: Path, tmp_path: Path) -> None:
    """The error's name determines the hint and the command."""

    async def look(bluez: ScriptedBluez) -> Inspection:
        bluez.errors["GetManagedObjects"] = ("org.freedesktop.DBus.Error.AccessDenied", "Rejected send message")
        return await inspect(tmp_path)

    found = on_bluez(bus, look)

    assert "org.freedesktop.DBus.Error.AccessDenied" == found.refusal
    assert found.bluez_problem.startswith("D-Bus refuses this user")


def test_a_missing_bus_is_a_result(bus: Path, tmp_path: Path) -> None:
    """`doctor` must report the missing bus and continue; the exporter would end with an error."""
    assert asyncio.run(inspect(tmp_path)).bus_problem.startswith("D-Bus can't be reached ([Errno 2]")


def test_only_switches_that_block_bluetooth_count(tmp_path: Path) -> None:
    """A blocked Wi-Fi adapter must not be reported as a Bluetooth problem."""
    switch(tmp_path, 0)
    switch(tmp_path, 1, type="wlan", soft="1")
    soft = switch(tmp_path, 2, soft="1", name="hci1")
    hard = switch(tmp_path, 3, hard="1", soft="1", name="machine_bluetooth")

    assert [Switch(soft, "hci1", False), Switch(hard, "machine_bluetooth", True)] == blocking(tmp_path)


def test_a_connection_is_not_an_adapter(tmp_path: Path) -> None:
    """The kernel lists adapters and connections in the same folder, but only an adapter can scan."""
    for name in ("hci1", "hci0", "hci0:64"):
        (tmp_path / "sys/class/bluetooth" / name).mkdir(parents=True)

    assert ["hci0", "hci1"] == known_to_kernel(tmp_path)
    assert [] == known_to_kernel(tmp_path / "nothing")
