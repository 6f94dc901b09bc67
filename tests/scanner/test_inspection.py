"""What `doctor` reads of the stack. The rig's scenarios doctor_… show the same on the real one."""

import asyncio
from pathlib import Path

from dbus_fast import Variant

from ble_exporter.scanner.bluez_dbus import Adapter
from ble_exporter.scanner.inspection import Inspection, Switch, blocking, inspect, known_to_kernel
from tests.scanner.conftest import on_bluez
from tests.scanner.scripted_bluez import ADAPTER, Properties, ScriptedBluez, adapter_properties


def switch(root: Path, number: int, **files: str) -> Path:
    """Make a switch of rfkill."""
    folder = root / f"sys/class/rfkill/rfkill{number}"
    folder.mkdir(parents=True)
    for file, text in {"type": "bluetooth", "name": "hci0", "soft": "0", "hard": "0", **files}.items():
        (folder / file).write_text(f"{text}\n")
    return folder


def test_it_reads_what_the_bus_and_proc_show(bus: Path, tmp_path: Path) -> None:
    """Bluetoothd tells neither its version nor for whom it scans: its process, and the others, are what there is."""
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


def test_a_bluetoothd_that_refuses_is_told_by_the_error_s_name(bus: Path, tmp_path: Path) -> None:
    """Each has another hint."""

    async def look(bluez: ScriptedBluez) -> Inspection:
        bluez.errors["GetManagedObjects"] = ("org.freedesktop.DBus.Error.AccessDenied", "Rejected send message")
        return await inspect(tmp_path)

    found = on_bluez(bus, look)

    assert "org.freedesktop.DBus.Error.AccessDenied" == found.refusal
    assert found.bluez_problem.startswith("D-Bus refuses this user")


def test_no_bus_is_a_finding_too(bus: Path, tmp_path: Path) -> None:
    """An examination goes on where the exporter would end."""
    assert asyncio.run(inspect(tmp_path)).bus_problem.startswith("D-Bus can't be reached ([Errno 2]")


def test_of_rfkill_only_what_blocks_bluetooth_counts(tmp_path: Path) -> None:
    """A blocked WLAN is no business of ours."""
    switch(tmp_path, 0)
    switch(tmp_path, 1, type="wlan", soft="1")
    soft = switch(tmp_path, 2, soft="1", name="hci1")
    hard = switch(tmp_path, 3, hard="1", soft="1", name="machine_bluetooth")

    assert [Switch(soft, "hci1", False), Switch(hard, "machine_bluetooth", True)] == blocking(tmp_path)


def test_a_connection_is_no_adapter(tmp_path: Path) -> None:
    """The kernel lists both in the same folder."""
    for name in ("hci1", "hci0", "hci0:64"):
        (tmp_path / "sys/class/bluetooth" / name).mkdir(parents=True)

    assert ["hci0", "hci1"] == known_to_kernel(tmp_path)
    assert [] == known_to_kernel(tmp_path / "nothing")
