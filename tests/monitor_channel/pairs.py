"""Pairs of sockets in place of the monitor channel; the kernel runs the same filter program on them."""

import socket

from ble_exporter.monitor_channel.channel import ONE_OF, ChannelSockets, restrict

CONTROLLER = 258
"""A number that needs both bytes of a frame's header."""


class Pairs:
    """
    The kernel's side of a channel.

    Attributes:
        reports: The peer of the latest channel's `reports`, which receives what its filter permits.
        sample: The peer of the latest channel's `sample`.
    """

    reports: socket.socket
    sample: socket.socket

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def open(self, controller: int) -> ChannelSockets:
        """Open a channel, as `open_channel` does."""
        self.reports, reports = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sample, sample = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sockets += [self.reports, self.sample]
        restrict(reports, controller)
        restrict(sample, controller, ONE_OF)
        return ChannelSockets(reports, sample)

    def close(self) -> None:
        """Close the kernel's ends."""
        for one in self._sockets:
            one.close()
