"""Tests of the alarm that ends a long pause between two reads of the monitor channel."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from ble_exporter.scanner.burst_alarm import BurstAlarm
from tests.radios import InVirtualTime


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, BurstAlarm]]:
    """Return the kernel's end of a channel, and the alarm."""
    kernel, sample = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    alarm = BurstAlarm(sample)
    yield kernel, alarm
    alarm.close()
    kernel.close()


async def waits(alarm: BurstAlarm, *periods_s: float) -> list[tuple[bool, float]]:
    """Wait once for each period; return whether the alarm went off, and the time."""
    try:
        return [(await alarm.tick_or_burst(one), asyncio.get_running_loop().time()) for one in periods_s]
    finally:
        alarm.turn_off()


def test_without_packets_the_wait_ends_at_the_tick(
    in_virtual_time: InVirtualTime, ends: tuple[socket.socket, BurstAlarm]
) -> None:
    """In a quiet place, waking up more often would cost CPU time for nothing."""
    _kernel, alarm = ends

    assert [(False, 1.0), (False, 2.0)] == in_virtual_time(waits(alarm, 1.0, 1.0))


@pytest.mark.parametrize(("packets", "is_burst"), [(1, False), (2, True)])
def test_the_second_packet_sets_off_the_alarm(
    in_virtual_time: InVirtualTime, ends: tuple[socket.socket, BurstAlarm], packets: int, *, is_burst: bool
) -> None:
    """At a usual rate, the sample often contains one packet; a batch read for each would cost CPU time for nothing."""
    kernel, alarm = ends
    for _packet in range(packets):
        kernel.send(b"packet")

    assert [(is_burst, 0.0 if is_burst else 1.0)] == in_virtual_time(waits(alarm, 1.0))


def test_a_burst_ends_one_wait(in_virtual_time: InVirtualTime, ends: tuple[socket.socket, BurstAlarm]) -> None:
    """If the packets of one burst ended several waits, the process would wake for nothing."""
    kernel, alarm = ends
    for _packet in range(3):
        kernel.send(b"packet")

    assert [(True, 0.0), (False, 1.0)] == in_virtual_time(waits(alarm, 1.0, 1.0))


def test_packets_of_different_waits_are_no_burst(
    in_virtual_time: InVirtualTime, ends: tuple[socket.socket, BurstAlarm]
) -> None:
    """If the alarm added up the packets of all batches, it would go off at any rate."""
    kernel, alarm = ends

    async def run() -> list[bool]:
        try:
            bursts = []
            for _wait in range(3):
                kernel.send(b"packet")
                bursts.append(await alarm.tick_or_burst(1.0))
            return bursts
        finally:
            alarm.turn_off()

    assert [False, False, False] == in_virtual_time(run())


def test_packets_between_two_waits_are_no_burst_in_the_second(
    in_virtual_time: InVirtualTime, ends: tuple[socket.socket, BurstAlarm]
) -> None:
    """Packets that arrive while a batch is read belong to that batch; the next batch need not be short."""
    kernel, alarm = ends

    async def run() -> bool:
        try:
            await alarm.tick_or_burst(1.0)
            for _packet in range(2):
                kernel.send(b"packet")
            await asyncio.sleep(0.1)
            return await alarm.tick_or_burst(1.0)
        finally:
            alarm.turn_off()

    assert not in_virtual_time(run())


def test_no_packet_wakes_the_process_while_the_alarm_is_off(
    in_virtual_time: InVirtualTime, ends: tuple[socket.socket, BurstAlarm]
) -> None:
    """During a burst, packets are read in short batches anyway, and waking for each packet would waste CPU time."""
    kernel, alarm = ends

    async def run() -> list[tuple[bool, float]]:
        await waits(alarm, 1.0)
        for _packet in range(2):
            kernel.send(b"packet")
        await asyncio.sleep(1)
        return await waits(alarm, 1.0)

    # The packets are still there for the next wait.
    assert [(True, 2.0)] == in_virtual_time(run())


def test_an_error_of_the_channel_is_left_to_the_ear(in_virtual_time: InVirtualTime) -> None:
    """Reading the reports fails too, and ends the run; here, asyncio would log a traceback for each error."""
    reported: list[object] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sample:
            alarm = BurstAlarm(sample)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
                nobody.bind(("127.0.0.1", 0))
                sample.connect(nobody.getsockname())
            # Nobody has this port any more, so the kernel reports an error on the socket.
            sample.send(b"packet")
            await waits(alarm, 1.0)

    in_virtual_time(run())

    assert [] == reported
