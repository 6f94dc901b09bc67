"""
Tests of devices that bluetoothd knows and bleak has missed, with bleak itself on a scripted bluetoothd.

The rig's scenario all_at_once verifies on a real bluetoothd that no sensor is missed.
"""

from pathlib import Path

import pytest
from dbus_fast import Variant

from ble_exporter.errors import ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.scanner import BleakScannerImpl
from tests.conftest import PACKET_A, PACKET_B
from tests.scanner.conftest import on_bluez, scan_while
from tests.scanner.scripted_bluez import ADAPTER, ScriptedBluez, adapter_properties

SENSORS = [f"A4:C1:38:00:01:{number:02X}" for number in range(3)]
GONE = ("org.bluez.Error.DoesNotExist", "Does Not Exist")
REFUSED = ("org.freedesktop.DBus.Error.AccessDenied", "not you")


async def scan(bluez: ScriptedBluez, radio: BleakScannerImpl, *senders: str) -> list[tuple[str, bytes]]:
    """Scan, and send a packet of each sender when the radio listens; return the packets received."""

    def advertise() -> None:
        for address in senders:
            bluez.advertise(address, {UUID: PACKET_B})

    return await scan_while(bluez, radio.scan(0.2), advertise)


def removals(bluez: ScriptedBluez) -> int:
    """Return the number of RemoveDevice calls."""
    return sum(member == "RemoveDevice" for member, _path in bluez.calls)


def test_a_device_that_appears_during_bleak_s_query_is_received(bus: Path) -> None:
    """Because bleak misses such a device and drops its later signals, the sensor would be missing until a restart."""

    async def heard(bluez: ScriptedBluez) -> list[tuple[str, bytes]]:
        bluez.appearing = {address: {UUID: PACKET_A} for address in SENSORS}
        return await scan(bluez, BleakScannerImpl(), *SENSORS)

    assert sorted(on_bluez(bus, heard)) == [(address, PACKET_B) for address in SENSORS]


def test_the_first_packet_of_a_missed_device_counts(bus: Path) -> None:
    """After the removal, bluetoothd reports the device as new, so its data counts even if it is unchanged."""

    async def heard(bluez: ScriptedBluez) -> list[tuple[str, bytes]]:
        bluez.appearing = {SENSORS[0]: {UUID: PACKET_B}}
        return await scan(bluez, BleakScannerImpl(), SENSORS[0])

    assert on_bluez(bus, heard) == [(SENSORS[0], PACKET_B)]


def test_a_device_that_bleak_knows_is_not_removed(bus: Path) -> None:
    """Other programs may use these devices, too, and would see them disappear and reappear."""

    async def count(bluez: ScriptedBluez) -> int:
        for address in SENSORS:
            bluez.advertise(address, {UUID: PACKET_A})
        radio = BleakScannerImpl()
        for _scan in range(2):
            await scan(bluez, radio, *SENSORS)
        return removals(bluez)

    assert 0 == on_bluez(bus, count)


def test_devices_of_another_adapter_are_not_removed(bus: Path) -> None:
    """The radio of the other adapter handles its own devices, even if both radios start at the same time."""

    async def count(bluez: ScriptedBluez) -> int:
        bluez.objects["/org/bluez/hci1"] = {ADAPTER: adapter_properties()}
        bluez.appearing = {SENSORS[0]: {UUID: PACKET_A}}
        await scan(bluez, BleakScannerImpl("hci1"))
        return removals(bluez)

    assert 0 == on_bluez(bus, count)


@pytest.mark.parametrize("state", ["Paired", "Connected"])
def test_a_device_in_use_is_not_removed(bus: Path, state: str) -> None:
    """Removing a device would unpair or disconnect it."""

    async def count(bluez: ScriptedBluez) -> int:
        bluez.appearing, bluez.states = {SENSORS[0]: {UUID: PACKET_A}}, {state: Variant("b", True)}
        await scan(bluez, BleakScannerImpl())
        return removals(bluez)

    assert 0 == on_bluez(bus, count)


def test_a_device_that_is_already_gone_is_no_failure(bus: Path) -> None:
    """An idle device may expire in bluetoothd just before the radio removes it."""

    async def heard(bluez: ScriptedBluez) -> list[tuple[str, bytes]]:
        bluez.appearing, bluez.errors = {SENSORS[0]: {UUID: PACKET_A}}, {"RemoveDevice": GONE}
        return await scan(bluez, BleakScannerImpl(), SENSORS[1])

    assert on_bluez(bus, heard) == [(SENSORS[1], PACKET_B)]


def test_a_refused_removal_ends_the_scan(bus: Path) -> None:
    """After a restart, bleak reads the devices again; without a restart, it would never receive this sensor."""

    async def heard(bluez: ScriptedBluez) -> list[tuple[str, bytes]]:
        bluez.appearing, bluez.errors = {SENSORS[0]: {UUID: PACKET_A}}, {"RemoveDevice": REFUSED}
        return await scan(bluez, BleakScannerImpl(), SENSORS[0])

    with pytest.raises(ScannerError, match="D-Bus refuses this user"):
        on_bluez(bus, heard)
