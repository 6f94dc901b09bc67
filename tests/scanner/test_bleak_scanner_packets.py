"""
Tests that packets are distinguished from other signals of bluetoothd; bleak itself runs on a scripted bluetoothd.

The rig's scenarios only_a_name and format_switched verify the same on a real bluetoothd.
"""

from functools import partial
from pathlib import Path

from ble_exporter.formats.bthome import UUID
from tests.conftest import PACKET_A, PACKET_B
from tests.scanner.conftest import on_bluez, quick_radio, scan_while
from tests.scanner.scripted_bluez import ScriptedBluez

ADDRESS = "A4:C1:38:00:00:01"


def test_only_packets_count(bus: Path) -> None:
    """A repeated packet is a reading, but a name that BlueZ reports with old service data is not."""
    sent: list[dict[str, bytes] | None] = [{UUID: PACKET_A}, {UUID: PACKET_A}, None, {UUID: PACKET_B}]

    async def scan(bluez: ScriptedBluez) -> list[tuple[str, bytes]]:
        def advertise() -> None:
            for service_data in sent:
                bluez.advertise(ADDRESS, service_data)

        return await scan_while(bluez, quick_radio().scan(0.2), advertise)

    assert on_bluez(bus, scan) == [(ADDRESS, PACKET_A), (ADDRESS, PACKET_A), (ADDRESS, PACKET_B)]


def test_the_first_packet_of_a_device_that_bluetoothd_knows_counts(bus: Path) -> None:
    """In a passive scan, minutes may pass before BlueZ reports a second packet."""

    async def scan(bluez: ScriptedBluez) -> list[tuple[str, bytes]]:
        bluez.advertise(ADDRESS, {UUID: PACKET_A})
        return await scan_while(bluez, quick_radio().scan(0.2), lambda: bluez.advertise(ADDRESS, {UUID: PACKET_B}))

    assert on_bluez(bus, scan) == [(ADDRESS, PACKET_B)]


def test_data_from_another_program_s_scan_is_ignored(bus: Path) -> None:
    """Data that another program received between two scans is old, but BlueZ reports it with the next name."""

    async def scans(bluez: ScriptedBluez) -> list[list[tuple[str, bytes]]]:
        radio = quick_radio()
        heard = []
        for in_scan, between in (({UUID: PACKET_A}, {UUID: PACKET_B}), (None, {UUID: PACKET_A})):
            heard.append(await scan_while(bluez, radio.scan(0.1), partial(bluez.advertise, ADDRESS, in_scan)))
            bluez.advertise(ADDRESS, between)
        return heard

    assert on_bluez(bus, scans) == [[(ADDRESS, PACKET_A)], []]


def test_data_that_bluetoothd_stored_earlier_is_ignored(bus: Path) -> None:
    """If a sensor now sends only its name, the temperature that bluetoothd stored may be days old."""

    async def scan(bluez: ScriptedBluez) -> list[tuple[str, bytes]]:
        bluez.advertise(ADDRESS, {UUID: PACKET_A})

        def advertise() -> None:
            bluez.advertise(ADDRESS, None)
            bluez.advertise(ADDRESS, {UUID: PACKET_B})

        return await scan_while(bluez, quick_radio().scan(0.2), advertise)

    assert on_bluez(bus, scan) == [(ADDRESS, PACKET_B)]
