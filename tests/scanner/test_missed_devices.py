"""
Devices that bluetoothd knows, and bleak does not: bleak itself on a scripted bluetoothd.

The radio rig's scenario all_at_once shows on the real one that no sensor goes unheard.
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
    """Scan, with a packet of each sender once the radio listens."""

    def advertise() -> None:
        for address in senders:
            bluez.advertise(address, {UUID: PACKET_B})

    return await scan_while(bluez, radio.scan(0.2), advertise)


def removed(bluez: ScriptedBluez) -> int:
    """Return how many devices bluetoothd was asked to forget."""
    return sum(member == "RemoveDevice" for member, _path in bluez.calls)


def test_a_device_that_appears_while_bleak_asks_is_heard(bus: Path) -> None:
    """Bleak forgets it, and drops whatever is told of it from then on: a sensor unheard until the next start."""

    async def heard(bluez: ScriptedBluez) -> list[tuple[str, bytes]]:
        bluez.appearing = {address: {UUID: PACKET_A} for address in SENSORS}
        return await scan(bluez, BleakScannerImpl(), *SENSORS)

    assert sorted(on_bluez(bus, heard)) == [(address, PACKET_B) for address in SENSORS]


def test_its_first_packet_is_heard_though_bluetoothd_knew_it(bus: Path) -> None:
    """Bluetoothd reports it again, so it is a packet, even if it equals the previous one byte for byte."""

    async def heard(bluez: ScriptedBluez) -> list[tuple[str, bytes]]:
        bluez.appearing = {SENSORS[0]: {UUID: PACKET_B}}
        return await scan(bluez, BleakScannerImpl(), SENSORS[0])

    assert on_bluez(bus, heard) == [(SENSORS[0], PACKET_B)]


def test_what_bleak_knows_is_left_alone(bus: Path) -> None:
    """Other programs know these devices too, and would see them go and come."""

    async def count(bluez: ScriptedBluez) -> int:
        for address in SENSORS:
            bluez.advertise(address, {UUID: PACKET_A})
        radio = BleakScannerImpl()
        for _scan in range(2):
            await scan(bluez, radio, *SENSORS)
        return removed(bluez)

    assert 0 == on_bluez(bus, count)


def test_another_adapter_s_devices_are_left_alone(bus: Path) -> None:
    """Its own radio asks for them when it starts; this one may see them appear while that one begins to listen."""

    async def count(bluez: ScriptedBluez) -> int:
        bluez.objects["/org/bluez/hci1"] = {ADAPTER: adapter_properties()}
        bluez.appearing = {SENSORS[0]: {UUID: PACKET_A}}
        await scan(bluez, BleakScannerImpl("hci1"))
        return removed(bluez)

    assert 0 == on_bluez(bus, count)


@pytest.mark.parametrize("state", ["Paired", "Connected"])
def test_what_is_in_use_is_left_alone(bus: Path, state: str) -> None:
    """To forget a device that is paired is to unpair it."""

    async def count(bluez: ScriptedBluez) -> int:
        bluez.appearing, bluez.states = {SENSORS[0]: {UUID: PACKET_A}}, {state: Variant("b", True)}
        await scan(bluez, BleakScannerImpl())
        return removed(bluez)

    assert 0 == on_bluez(bus, count)


def test_one_that_has_left_by_itself_is_no_failure(bus: Path) -> None:
    """Bluetoothd forgets what is not heard for a while."""

    async def heard(bluez: ScriptedBluez) -> list[tuple[str, bytes]]:
        bluez.appearing, bluez.errors = {SENSORS[0]: {UUID: PACKET_A}}, {"RemoveDevice": GONE}
        return await scan(bluez, BleakScannerImpl(), SENSORS[1])

    assert on_bluez(bus, heard) == [(SENSORS[1], PACKET_B)]


def test_one_that_can_t_be_forgotten_ends_the_scan(bus: Path) -> None:
    """A restart makes bleak read the list again; otherwise it would never hear this sensor."""

    async def heard(bluez: ScriptedBluez) -> list[tuple[str, bytes]]:
        bluez.appearing, bluez.errors = {SENSORS[0]: {UUID: PACKET_A}}, {"RemoveDevice": REFUSED}
        return await scan(bluez, BleakScannerImpl(), SENSORS[0])

    with pytest.raises(ScannerError, match="D-Bus refuses this user"):
        on_bluez(bus, heard)
