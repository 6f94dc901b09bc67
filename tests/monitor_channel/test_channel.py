"""Tests of the sockets on the monitor channel; the kernel runs the filter program on pairs of sockets."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from ble_exporter.monitor_channel.channel import ChannelSockets, advertising_filter, attach_filter, restrict
from tests.monitor_channel.pairs import CONTROLLER, Pairs
from tests.scanner.monitor_frames import EXTENDED, frame, legacy_report

PACKET = frame(legacy_report(b"\x02\x01\x06"), controller=CONTROLLER)
_SO_DETACH_FILTER, _SO_LOCK_FILTER = 27, 44


@pytest.fixture
def channel(pairs: Pairs) -> Iterator[ChannelSockets]:
    """Return the sockets of a controller."""
    sockets = pairs.open(CONTROLLER)
    for one in sockets:
        one.setblocking(False)
    yield sockets
    sockets.close()


def received(one: socket.socket) -> list[bytes]:
    """Return what waits in a socket."""
    packets: list[bytes] = []
    with suppress(BlockingIOError):
        while True:
            packets.append(one.recv(1024))
    return packets


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
def test_only_advertising_reports_of_the_controller_pass(pairs: Pairs, channel: ChannelSockets, other: bytes) -> None:
    """Any other frame may contain keystrokes or link keys; another adapter's packet would count as this one's."""
    extended = frame(b"", controller=258, subevent=EXTENDED)
    for one in (PACKET, other, extended):
        pairs.reports.send(one)

    assert [PACKET, extended] == received(channel.reports)


def test_a_sample_of_the_reports_passes() -> None:
    """With too small a share, the alarm would miss a burst; with too large a share, single packets would set it off."""
    kernel, reader = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    restrict(reader, CONTROLLER, one_of=4)
    reader.setblocking(False)
    passed = 0
    for _packet in range(1000):
        kernel.send(PACKET)
        passed += len(received(reader))
    kernel.close()
    reader.close()

    # Each limit is more than nine standard deviations from the expected number.
    assert 250 - 125 < passed < 250 + 125


def test_nobody_can_read_more_than_the_filter_lets_pass(channel: ChannelSockets) -> None:
    """A process that hostile packets have taken over must not be able to read the keystrokes of a keyboard."""
    for one in channel:
        with pytest.raises(PermissionError):
            attach_filter(one, advertising_filter(0))
        for option, value in ((_SO_DETACH_FILTER, 0), (_SO_LOCK_FILTER, 0)):
            with pytest.raises(PermissionError):
                one.setsockopt(socket.SOL_SOCKET, option, value)


def test_both_sockets_are_closed(channel: ChannelSockets) -> None:
    """A channel is opened again after each failure, so sockets that stayed open would use up the descriptors."""
    channel.close()

    assert [-1, -1] == [one.fileno() for one in channel]
