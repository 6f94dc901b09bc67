"""Tests of the simulated radio."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.parser import parse_bthome
from ble_exporter.scanner import BleakScannerImpl, MockScanner, get_scanner, run_for
from ble_exporter.scanner.capture import Transmission
from ble_exporter.scanner.radio import Everything
from tests.conftest import PACKET_A, PACKET_B

NOBODY = Everything(lambda _advertisement: None)
InVirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]
ADDRESS = "A4:C1:38:00:00:01"
AIR = [Transmission(float(second), ADDRESS, -60, {UUID: bytes([0x40, 0x00, second])}) for second in range(60)]


def test_given_packets_are_received_in_each_scan() -> None:
    """Public API: other programs' tests inject their packets this way."""
    data = [(ADDRESS, PACKET_A), (ADDRESS, PACKET_B)]
    scanner = MockScanner(data)

    assert (data, data) == (asyncio.run(scanner.scan(5)), asyncio.run(scanner.scan(5)))


def test_given_packets_are_delivered_to_the_service(in_virtual_time: InVirtualTime) -> None:
    """The service must receive these packets through the same interface as packets of the real radio."""
    heard: list[Advertisement] = []

    in_virtual_time(run_for(MockScanner([("a4:c1:38:00:00:01", PACKET_A)]), Everything(heard.append), 5))

    assert [Advertisement(ADDRESS, {UUID: PACKET_A}, -60)] == heard


def test_without_packets_random_valid_ones_are_generated() -> None:
    """A program that uses the scanner needs valid packets for its tests, without hardware."""
    packets = asyncio.run(get_scanner(use_mock=True).scan(10))

    assert 3 == len({address for address, _ in packets})
    assert all(parse_bthome(payload) for _, payload in packets)


def test_a_seed_gives_the_same_packets() -> None:
    """With the same seed, a failure in CI can be reproduced elsewhere."""
    assert asyncio.run(MockScanner(seed=3).scan(60)) == asyncio.run(MockScanner(seed=3).scan(60))


def test_a_scan_continues_where_the_previous_one_ended() -> None:
    """Two scans of 10 s must receive the same packets as one of 20 s, or packets would be lost between scans."""
    halves = MockScanner(seed=3)

    async def both() -> list[tuple[str, bytes]]:
        return await halves.scan(10) + await halves.scan(10)

    assert asyncio.run(MockScanner(seed=3).scan(20)) == asyncio.run(both())


def test_a_scan_omits_other_advertisements() -> None:
    """The simple interface returns only BTHome service data."""
    air = [Transmission(0.0, ADDRESS, -60, {}), Transmission(0.0, ADDRESS, -60, {UUID: PACKET_A})]

    assert asyncio.run(MockScanner(air=air).scan(1)) == [(ADDRESS, PACKET_A)]


def test_each_advertisement_arrives_at_its_time(in_virtual_time: InVirtualTime) -> None:
    """A simulation that drifted or delivered early would not behave like a radio."""

    async def listen() -> list[float]:
        times: list[float] = []
        now = asyncio.get_running_loop().time
        await run_for(MockScanner(air=AIR), Everything(lambda _advertisement: times.append(now())), 9.5)
        return times

    assert [float(second) for second in range(10)] == in_virtual_time(listen())


def test_packets_sent_between_two_scans_are_lost(in_virtual_time: InVirtualTime) -> None:
    """A radio that is off receives nothing, and a simulation that delivered packets later would hide every gap."""

    async def listen() -> list[int]:
        heard: list[int] = []
        scanner = MockScanner(air=AIR)
        for _ in range(2):
            await run_for(
                scanner, Everything(lambda advertisement: heard.append(advertisement.service_data[UUID][2])), 5.5
            )
            await asyncio.sleep(20)
        return heard

    assert [0, 1, 2, 3, 4, 5, 26, 27, 28, 29, 30] == in_virtual_time(listen())


def test_it_ends_after_the_last_packet(in_virtual_time: InVirtualTime) -> None:
    """A capture must be replayed only once."""

    async def listen() -> float:
        await MockScanner(air=AIR).run(NOBODY, lambda: None)
        return asyncio.get_running_loop().time()

    assert 59 == in_virtual_time(listen())


@pytest.mark.parametrize(("use_mock", "kind"), [(True, MockScanner), (False, BleakScannerImpl)])
def test_get_scanner_returns_the_requested_scanner(use_mock: bool, kind: type) -> None:
    """Public API: creating a scanner must not touch Bluetooth, so that it works on any machine."""
    assert kind is type(get_scanner(use_mock))


def test_packets_for_the_real_radio_are_refused() -> None:
    """The packets would be ignored, and a test that injects them would prove nothing."""
    with pytest.raises(ValueError, match="data requires use_mock"):
        get_scanner(data=[(ADDRESS, PACKET_A)])


def test_a_scan_continues_where_a_run_ended(in_virtual_time: InVirtualTime) -> None:
    """A program may use both interfaces, which must share one sequence of packets and one clock."""
    scanner = MockScanner(air=AIR)

    async def both() -> list[tuple[str, bytes]]:
        await run_for(scanner, NOBODY, 9.5)
        return await scanner.scan(5)

    assert [10, 11, 12, 13] == [payload[2] for _, payload in in_virtual_time(both())]


def test_a_simulated_name_is_delivered(in_virtual_time: InVirtualTime) -> None:
    """`discover` shows names, so the simulation must deliver them, as the real radio does."""
    heard: list[Advertisement] = []
    air = [Transmission(0.0, ADDRESS, -60, {}, "ATC_000001")]

    in_virtual_time(run_for(MockScanner(air=air), Everything(heard.append), 5))

    assert ["ATC_000001"] == [one.name for one in heard]


@pytest.mark.parametrize("speed", [0.5, 1, 20])
def test_a_capture_is_played_at_any_speed(in_virtual_time: InVirtualTime, speed: float) -> None:
    """A bug that shows after an hour should not take an hour to reproduce."""

    async def listen() -> list[float]:
        times: list[float] = []
        now = asyncio.get_running_loop().time
        radio = MockScanner(air=AIR[:4], speed=speed)
        await radio.run(Everything(lambda _advertisement: times.append(now())), lambda: None)
        return times

    assert [second / speed for second in range(4)] == in_virtual_time(listen())


@pytest.mark.parametrize("speed", [0.5, 1, 20])
def test_a_late_delivery_does_not_change_the_time_of_reception(in_virtual_time: InVirtualTime, speed: float) -> None:
    """Rhythms are learned from the times of reception, so a replay on a busy machine must not shift these times."""
    ages: list[float] = []
    air = [AIR[0], AIR[1], AIR[1]._replace(at=0.5)]

    radio = MockScanner(air=air, speed=speed)
    in_virtual_time(radio.run(Everything(lambda one: ages.append(one.age_s)), lambda: None))

    assert [0, 0, 0.5] == [round(age_s, 6) for age_s in ages]


def test_all_fields_of_a_transmission_are_delivered(in_virtual_time: InVirtualTime) -> None:
    """A replay of HCI events must give the service as many details as a live radio does."""
    heard: list[Advertisement] = []
    air = [Transmission(0.0, ADDRESS, None, {UUID: PACKET_A}, "bed", "public", {1: b"\2"}, "hci1")]

    in_virtual_time(MockScanner(air=air).run(Everything(heard.append), lambda: None))

    assert [Advertisement(ADDRESS, {UUID: PACKET_A}, None, "hci1", "bed", "public", {1: b"\2"})] == heard
