"""Tests of the monitor channel's reader; the kernel runs the filter program on a socket pair."""

import asyncio
import errno
import os
import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ble_exporter.monitor_channel.channel import ChannelSockets
from ble_exporter.scanner.monitor_socket import MonitorSocket, open_monitor_socket
from tests.monitor_channel.pairs import CONTROLLER, Pairs
from tests.scanner.monitor_frames import frame, legacy_report

PACKET = frame(legacy_report(b"\x02\x01\x06"), controller=CONTROLLER)


@pytest.fixture
def ends(pairs: Pairs) -> Iterator[tuple[socket.socket, MonitorSocket]]:
    """Return the kernel's end of a channel, and the reader of a controller."""
    monitor = MonitorSocket(pairs.open(CONTROLLER))
    yield pairs.reports, monitor
    monitor.close()


def events(monitor: MonitorSocket) -> list[bytes]:
    """Return the events that wait in the channel."""
    return [event for event, _age_s in monitor.read()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.binary(max_size=300))
def test_any_frame_is_read_or_refused(ends: tuple[socket.socket, MonitorSocket], data: bytes) -> None:
    """The filter must not misjudge a length, and the header must not become part of the event."""
    kernel, monitor = ends
    kernel.send(data)
    kernel.send(PACKET)

    passes = data[:4] == b"\x03\x00\x02\x01" and data[6:7] == b"\x3e" and data[8:9] in (b"\x02", b"\x0d")
    assert [data[6:263]] * passes + [PACKET[6:]] == events(monitor)


def test_the_age_is_that_of_the_kernel_s_stamp(pairs: Pairs) -> None:
    """Packets are read in batches, but a value's age needs each packet's own time of reception."""
    monitor = MonitorSocket(pairs.open(CONTROLLER), clock=lambda: time.time() + 10)
    before = time.time()
    pairs.reports.send(PACKET)
    after = time.time()
    ((_event, age_s),) = monitor.read()

    assert 10 <= age_s <= 10 + time.time() - before
    assert age_s >= 10 + time.time() - after - (time.time() - before)
    monitor.close()


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


def opened(refusal: int | None, helper: ChannelSockets | int) -> tuple[MonitorSocket | OSError, list[str]]:
    """Open the channel; return the reader or the error, and who was asked, in order."""
    asked: list[str] = []

    def directly(controller: int) -> ChannelSockets:
        asked.append(f"kernel {controller}")
        assert refusal is not None
        raise OSError(refusal, os.strerror(refusal))

    async def by_helper(controller: int) -> ChannelSockets:
        asked.append(f"helper {controller}")
        if isinstance(helper, int):
            raise OSError(helper, os.strerror(helper), "/run/helper.sock")
        return helper

    try:
        return asyncio.run(open_monitor_socket(CONTROLLER, directly, by_helper)), asked
    except OSError as error:
        return error, asked


@pytest.mark.parametrize("refusal", [errno.EPERM, errno.EAFNOSUPPORT])
def test_without_the_right_a_helper_opens_the_channel(pairs: Pairs, refusal: int) -> None:
    """The unit grants neither the capability nor the address family, and the exporter must hear every packet."""
    monitor, asked = opened(refusal, pairs.open(CONTROLLER))
    assert isinstance(monitor, MonitorSocket)
    pairs.reports.send(PACKET)

    assert [PACKET[6:]] == events(monitor)
    assert [f"kernel {CONTROLLER}", f"helper {CONTROLLER}"] == asked
    monitor.close()


@pytest.mark.parametrize(
    ("refusal", "helper", "number", "filename"),
    [
        (errno.EPERM, errno.ENOENT, errno.EPERM, None),
        (errno.EAFNOSUPPORT, errno.EACCES, errno.EAFNOSUPPORT, None),
        (errno.EPERM, errno.EAFNOSUPPORT, errno.EAFNOSUPPORT, "/run/helper.sock"),
        (errno.EAFNOSUPPORT, errno.EPERM, errno.EPERM, "/run/helper.sock"),
        (errno.EMFILE, errno.ENOENT, errno.EMFILE, None),
    ],
)
def test_the_error_is_that_of_the_last_who_could_have_opened_it(
    refusal: int, helper: int, number: int, filename: str | None
) -> None:
    """A user without a helper needs the capability; one whose helper fails needs the helper's log."""
    error, asked = opened(refusal, helper)

    assert isinstance(error, OSError)
    assert (number, filename) == (error.errno, error.filename)
    assert 1 + (refusal != errno.EMFILE) == len(asked)


def test_with_the_capability_no_helper_is_asked(pairs: Pairs) -> None:
    """In a container, and with `setcap`, there is no helper."""

    async def no_helper(_controller: int) -> ChannelSockets:
        raise AssertionError

    asyncio.run(open_monitor_socket(CONTROLLER, pairs.open, no_helper)).close()
