"""
Senders that use a sensor's address with another address type.

bleak runs on a scripted bluetoothd, in virtual time. With RIG_EAR=bluez, the rig's scenarios in
scenarios_address_types.py show the effect on a real one.
"""

from pathlib import Path

import pytest
from dbus_fast import Variant

from ble_exporter.formats.bthome import UUID
from ble_exporter.model import AddressType, Advertisement
from ble_exporter.scanner import BleakScannerImpl
from ble_exporter.scanner.session import listening
from tests.conftest import PACKET_A
from tests.radios import InVirtualTime
from tests.scanner.scripted_bluez import ScriptedBluez, scripted_bluez

ADDRESS = "A4:C1:38:00:00:01"
PATH = "/org/bluez/hci0/dev_A4_C1_38_00_00_01"


class OnlyPublic:
    """A listener that accepts only public addresses."""

    def __init__(self) -> None:
        self.heard: list[AddressType] = []

    def wants(self, _address: str) -> bool:
        """Want every address."""
        return True

    def handle(self, advertisement: Advertisement) -> bool:
        """Note the type; return whether it is public."""
        self.heard.append(advertisement.address_type)
        return "public" == advertisement.address_type


async def listen(bus: Path, states: dict[str, Variant], seconds: float = 30, packets: int = 1) -> tuple[list[str], int]:
    """Hear packets of a device with these properties; return the types heard, and the number of its removals."""
    listener = OnlyPublic()
    async with scripted_bluez(bus) as bluez:
        bluez.states = states
        async with listening(BleakScannerImpl(mode="active"), listener) as wait:
            for _packet in range(packets):
                bluez.advertise(ADDRESS, {UUID: PACKET_A})
                await wait(seconds / packets)
        return list(listener.heard), removals(bluez)


def removals(bluez: ScriptedBluez) -> int:
    """Return the number of RemoveDevice calls, with which a client makes bluetoothd forget a device."""
    return [member for member, _path in bluez.calls].count("RemoveDevice")


@pytest.mark.parametrize("address_type", ["public", "random"])
def test_the_type_is_that_of_bluez(bus: Path, in_virtual_time: InVirtualTime, address_type: str) -> None:
    """The bytes of a public and a random address can be equal, and only BlueZ knows the type."""
    heard, _ = in_virtual_time(listen(bus, {"AddressType": Variant("s", address_type)}))

    assert [address_type] == heard


def test_a_device_without_a_type_is_accepted(bus: Path, in_virtual_time: InVirtualTime) -> None:
    """Old versions of BlueZ do not report the type, and their users must get readings nevertheless."""
    heard, _ = in_virtual_time(listen(bus, {}))

    assert [""] == heard


def test_bluetoothd_forgets_an_impostor_although_the_scan_is_old(bus: Path, in_virtual_time: InVirtualTime) -> None:
    """As long as bluetoothd knows the impostor, it drops every packet of the sensor."""
    assert 1 == in_virtual_time(listen(bus, {"AddressType": Variant("s", "random")}))[1]
    late = in_virtual_time(listen(bus, {"AddressType": Variant("s", "random")}, seconds=120, packets=2))

    assert (["random", "random"], 2) == late


def test_a_flood_of_an_impostor_causes_one_removal_a_second(bus: Path, in_virtual_time: InVirtualTime) -> None:
    """Anybody can send a thousand packets a second, and each removal makes bluetoothd and every client work."""
    heard, removed = in_virtual_time(listen(bus, {"AddressType": Variant("s", "random")}, seconds=5, packets=500))

    assert 500 == len(heard)
    assert 5 <= removed <= 6


@pytest.mark.parametrize("state", ["Paired", "Connected"])
def test_a_device_that_others_use_is_left_alone(bus: Path, in_virtual_time: InVirtualTime, state: str) -> None:
    """Removing a device would undo its pairing or end its connection, for all programs."""
    states = {"AddressType": Variant("s", "random"), state: Variant("b", True)}

    assert (["random"], 0) == in_virtual_time(listen(bus, states))


def test_the_sensor_is_never_removed(bus: Path, in_virtual_time: InVirtualTime) -> None:
    """After a removal, bluetoothd must discover the sensor again, which would cost packets for nothing."""
    assert (["public"], 0) == in_virtual_time(listen(bus, {"AddressType": Variant("s", "public")}))
