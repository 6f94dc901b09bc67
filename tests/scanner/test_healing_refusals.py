"""Tests of the cases in which an adapter is not reset although it seems to hang or Bluetooth has failed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from dbus_fast import Variant

from ble_exporter.errors import ScannerError
from ble_exporter.scanner import hints
from ble_exporter.scanner.reset_record import FILE_NAME, read_resets
from tests.radios import InVirtualTime
from tests.scanner.healed_scan import LIMIT_S, Scan, Wait, nothing
from tests.scanner.scripted_bluez import ADAPTER, DEVICE, ScriptedBluez, adapter_properties
from tests.scanner.test_healing import OFF_AND_ON, REJECTION, power_off


def connect_a_device(scan: Scan) -> None:
    """Connect a device to the adapter, as another program does."""
    scan.bluez.objects["/org/bluez/hci0/dev_00_00_00_00_00_01"] = {
        DEVICE: {"Address": Variant("s", "00:00:00:00:00:01"), "Connected": Variant("b", True)}
    }


def remove(scan: Scan) -> None:
    """Remove the adapter without a signal."""
    del scan.bluez.objects["/org/bluez/hci0"]


def block(scan: Scan) -> None:
    """Block the adapter by rfkill."""
    switch = scan.root / "sys/class/rfkill/rfkill0"
    switch.mkdir(parents=True)
    for name, text in (("type", "bluetooth"), ("name", "hci0"), ("soft", "1"), ("hard", "0")):
        (switch / name).write_text(text)


@pytest.mark.parametrize(
    ("prevent", "reason"),
    [
        (connect_a_device, "a device is connected to it"),
        (power_off, "somebody has powered it off"),
        (remove, "bluetoothd does not have it any more"),
        (block, "it is blocked by rfkill"),
    ],
)
def test_what_forbids_a_reset(
    scan: Scan, in_virtual_time: InVirtualTime, prevent: Callable[[Scan], None], reason: str
) -> None:
    """If the adapter is in use, switched off or gone, the exporter ends as it does without resets."""

    async def act(scan: Scan, wait: Wait) -> None:
        prevent(scan)
        await wait(2 * LIMIT_S)

    with pytest.raises(ScannerError, match=f"90 s, .*; it was not reset, because {reason}: the controller may"):
        in_virtual_time(scan.run(act))

    assert ([], {}) == (scan.bluez.powered, scan.radio.adapter_resets)


def test_a_device_of_another_adapter_forbids_nothing(scan: Scan, in_virtual_time: InVirtualTime) -> None:
    """A reset of hci0 ends no connection of hci1, so such a connection must not prevent it."""
    scan.bluez.objects["/org/bluez/hci1"] = {ADAPTER: adapter_properties()}
    scan.bluez.objects["/org/bluez/hci1/dev_00_00_00_00_00_01"] = {
        DEVICE: {"Address": Variant("s", "00:00:00:00:00:01"), "Connected": Variant("b", True)}
    }

    async def act(scan: Scan, wait: Wait) -> None:
        await wait(LIMIT_S + 10)

    in_virtual_time(scan.run(act))

    assert OFF_AND_ON == scan.bluez.powered
    assert {"/org/bluez/hci0"} == {path for member, path in scan.bluez.calls if member == "Set"}


def test_a_rejection_because_of_another_scan_is_no_reason(scan: Scan, in_virtual_time: InVirtualTime) -> None:
    """The controller scans for another program, so it works."""
    scan.bluez.errors["StartDiscovery"] = REJECTION
    scan.bluez.objects["/org/bluez/hci0"][ADAPTER]["Discovering"] = Variant("b", True)

    with pytest.raises(ScannerError, match="it was not reset, because another program scans with it"):
        in_virtual_time(scan.run(nothing))

    assert [] == scan.bluez.powered


@pytest.mark.parametrize(
    ("fail", "problem"),
    [
        (ScriptedBluez.power_off, hints.SWITCHED_OFF.text),
        (ScriptedBluez.unplug, hints.UNPLUGGED.text),
        (ScriptedBluez.vanish, hints.WENT_AWAY.text),
    ],
)
def test_other_failures_are_no_reason(
    scan: Scan, in_virtual_time: InVirtualTime, fail: Callable[[ScriptedBluez], None], problem: str
) -> None:
    """If somebody powers the adapter off or unplugs it, or bluetoothd ends, this says nothing about the controller."""

    async def act(scan: Scan, wait: Wait) -> None:
        await wait(1)
        fail(scan.bluez)
        await wait(10)

    with pytest.raises(ScannerError, match=problem):
        in_virtual_time(scan.run(act))

    assert [] == scan.bluez.powered


def test_a_blocked_adapter_is_left_to_root(scan: Scan, in_virtual_time: InVirtualTime, tmp_path: Path) -> None:
    """The exporter can't unblock the adapter, so it leaves a request for `recover`, which runs as root."""
    power_off(scan)
    block(scan)

    with pytest.raises(ScannerError, match="blocked by rfkill"):
        in_virtual_time(scan.run(nothing))

    assert ([], True) == (scan.bluez.powered, read_resets(tmp_path / FILE_NAME)["hci0"].needs_root)
