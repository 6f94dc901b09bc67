"""Tests of the monitor channel's socket; the kernel runs the filter program on a socket pair."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ble_exporter.scanner.monitor_socket import MonitorSocket, advertising_filter, attach_filter
from tests.scanner.monitor_frames import EXTENDED, frame, legacy_report

PACKET = frame(legacy_report(b"\x02\x01\x06"), controller=258)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, MonitorSocket]]:
    """Return the kernel's end of a channel, and the reader of controller hci258."""
    kernel, reader = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    monitor = MonitorSocket(reader, 258)
    yield kernel, monitor
    monitor.close()
    kernel.close()


def events(monitor: MonitorSocket) -> list[bytes]:
    """Return the events that wait in the channel."""
    return [event for event, _age_s in monitor.read()]


@pytest.mark.parametrize(
    "other",
    [
        frame(b"", controller=257),
        frame(b"", controller=2),
        frame(b"", controller=258, opcode=2),
        frame(b"", controller=258, opcode=0x0103),
        frame(b"", controller=258, event=0x0E),
        frame(b"", controller=258, subevent=0x01),
        b"",
        PACKET[:8],
    ],
)
def test_only_advertising_reports_of_the_controller_pass(
    ends: tuple[socket.socket, MonitorSocket], other: bytes
) -> None:
    """Any other frame would be decoded for nothing, and another adapter's packet would count for this adapter."""
    kernel, monitor = ends
    extended = frame(b"", controller=258, subevent=EXTENDED)
    for one in (PACKET, other, extended):
        kernel.send(one)

    assert [PACKET[6:], extended[6:]] == events(monitor)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_any_frame_is_read_or_refused(ends: tuple[socket.socket, MonitorSocket], data: bytes) -> None:
    """The filter must not misjudge a length, and the header must not become part of the event."""
    kernel, monitor = ends
    kernel.send(data)
    kernel.send(PACKET)

    passes = data[:4] == b"\x03\x00\x02\x01" and data[6:7] == b"\x3e" and data[8:9] in (b"\x02", b"\x0d")
    assert [data[6:263]] * passes + [PACKET[6:]] == events(monitor)


def test_a_sample_of_the_reports_sets_off_an_alarm() -> None:
    """With too small a share, the alarm would miss a burst; with too large a share, single packets would set it off."""
    kernel, reader = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    attach_filter(reader, advertising_filter(258, one_of=4))
    reader.setblocking(False)
    passed = 0
    for _packet in range(1000):
        kernel.send(PACKET)
        with suppress(BlockingIOError):
            passed += bool(reader.recv(1))
    kernel.close()
    reader.close()

    # The limits are more than nine standard deviations from the expected number.
    assert 250 - 125 < passed < 250 + 125


def test_the_age_is_that_of_the_kernel_s_stamp() -> None:
    """Packets are read in batches, but a value's age needs each packet's own time of reception."""
    kernel, reader = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    monitor = MonitorSocket(reader, 258, clock=lambda: time.time() + 10)
    before = time.time()
    kernel.send(PACKET)
    after = time.time()
    ((_event, age_s),) = monitor.read()

    assert 10 <= age_s <= 10 + time.time() - before
    assert age_s >= 10 + time.time() - after - (time.time() - before)
    monitor.close()
    kernel.close()


def test_nothing_is_lost_at_first(ends: tuple[socket.socket, MonitorSocket]) -> None:
    """A new reader can't have lost a packet yet, so a reported loss would be a false alarm."""
    _kernel, monitor = ends

    assert 0 == monitor.lost


def test_a_recorder_gets_each_event_with_the_kernel_s_stamp(ends: tuple[socket.socket, MonitorSocket]) -> None:
    """A capture must have the times at which the kernel received the packets, no matter when they are read."""
    kernel, monitor = ends
    recorded: list[tuple[bytes, int]] = []
    monitor.on_event = lambda event, at_us: recorded.append((event, at_us))
    before_us = time.time_ns() // 1000
    kernel.send(PACKET)
    after_us = time.time_ns() // 1000

    monitor.read()

    ((event, at_us),) = recorded
    assert PACKET[6:] == event
    assert before_us <= at_us <= after_us
