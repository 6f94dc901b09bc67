"""
What counts as a packet: bleak itself on a scripted bluetoothd.

The radio rig's scenarios only_a_name and format_switched show the same on the real one, and keep this honest.
"""

from functools import partial
from pathlib import Path

from ble_exporter.formats.bthome import UUID
from tests.conftest import PACKET_A, PACKET_B
from tests.scanner.conftest import on_bluez, quick_radio, scan_while
from tests.scanner.scripted_bluez import ScriptedBluez

ADDRESS = "A4:C1:38:00:00:01"


def test_only_packets_are_heard(bus: Path) -> None:
    """A packet, the same again, a name that BlueZ tells with the old service data, another packet."""
    said: list[dict[str, bytes] | None] = [{UUID: PACKET_A}, {UUID: PACKET_A}, None, {UUID: PACKET_B}]

    async def scan(bluez: ScriptedBluez) -> list[tuple[str, bytes]]:
        def advertise() -> None:
            for service_data in said:
                bluez.advertise(ADDRESS, service_data)

        return await scan_while(bluez, quick_radio().scan(0.2), advertise)

    assert on_bluez(bus, scan) == [(ADDRESS, PACKET_A), (ADDRESS, PACKET_A), (ADDRESS, PACKET_B)]


def test_the_first_packet_of_a_device_that_bluetoothd_knows_is_heard(bus: Path) -> None:
    """In a passive scan it may be the only one for minutes."""

    async def scan(bluez: ScriptedBluez) -> list[tuple[str, bytes]]:
        bluez.advertise(ADDRESS, {UUID: PACKET_A})
        return await scan_while(bluez, quick_radio().scan(0.2), lambda: bluez.advertise(ADDRESS, {UUID: PACKET_B}))

    assert on_bluez(bus, scan) == [(ADDRESS, PACKET_B)]


def test_what_somebody_else_s_scan_heard_between_two_of_ours_is_not_heard(bus: Path) -> None:
    """It may be as old as the pause is long, and comes with a name, as if it were said now."""

    async def scans(bluez: ScriptedBluez) -> list[list[tuple[str, bytes]]]:
        radio = quick_radio()
        heard = []
        for in_scan, between in (({UUID: PACKET_A}, {UUID: PACKET_B}), (None, {UUID: PACKET_A})):
            heard.append(await scan_while(bluez, radio.scan(0.1), partial(bluez.advertise, ADDRESS, in_scan)))
            bluez.advertise(ADDRESS, between)
        return heard

    assert on_bluez(bus, scans) == [[(ADDRESS, PACKET_A)], []]


def test_what_bluetoothd_kept_from_before_is_not_heard(bus: Path) -> None:
    """A sensor that now sends only its name: its last temperature may be as old as bluetoothd."""

    async def scan(bluez: ScriptedBluez) -> list[tuple[str, bytes]]:
        bluez.advertise(ADDRESS, {UUID: PACKET_A})

        def advertise() -> None:
            bluez.advertise(ADDRESS, None)
            bluez.advertise(ADDRESS, {UUID: PACKET_B})

        return await scan_while(bluez, quick_radio().scan(0.2), advertise)

    assert on_bluez(bus, scan) == [(ADDRESS, PACKET_B)]
