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


def test_a_packet_ends_one_wait(in_virtual_time: InVirtualTime, ends: tuple[socket.socket, BurstAlarm]) -> None:
    """If the packets of one burst ended several waits, the process would wake for nothing."""
    kernel, alarm = ends
    for _packet in range(3):
        kernel.send(b"packet")

    assert [(True, 0.0), (False, 1.0)] == in_virtual_time(waits(alarm, 1.0, 1.0))


def test_a_packet_between_two_waits_is_no_burst_in_the_second(
    in_virtual_time: InVirtualTime, ends: tuple[socket.socket, BurstAlarm]
) -> None:
    """A packet that arrives while a batch is read belongs to that batch; the next batch need not be short."""
    kernel, alarm = ends

    async def run() -> bool:
        try:
            await alarm.tick_or_burst(1.0)
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
        kernel.send(b"packet")
        await asyncio.sleep(1)
        return await waits(alarm, 1.0)

    # The packet is still there for the next wait.
    assert [(True, 2.0)] == in_virtual_time(run())
