"""Asks the helper for the monitor channel."""

import asyncio
import errno
import os
import socket
import stat

from ble_exporter.monitor_channel.channel import AF_BLUETOOTH, ChannelSockets
from ble_exporter.monitor_channel.protocol import HELPER_SOCKET, LONGEST_PACKET, error_in, packet_of
from ble_exporter.tasks import within

LIMIT_S = 15.0
"""
The time limit on an answer, in seconds.

systemd starts the helper, and Python loads it, which together takes 0.1 s on a PC; a small Pi that is booting may need
several seconds.
"""


async def request_channel(controller: int, helper: str = HELPER_SOCKET, limit_s: float = LIMIT_S) -> ChannelSockets:
    """
    Return the channel for a controller, which the helper has opened.

    Raises an OSError with the path of the helper's socket: FileNotFoundError if there is no helper, PermissionError if
    this user may not ask it, TimeoutError if it does not answer in time, or the error that kept the helper from opening
    the channel.
    """
    try:
        return await within(limit_s, _ask(controller, helper))
    except asyncio.TimeoutError:
        number = errno.ETIMEDOUT
    except OSError as error:
        number = error.errno or errno.EIO
    raise OSError(number, os.strerror(number), helper)


async def _ask(controller: int, helper: str) -> ChannelSockets:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.setblocking(False)
        # Neither call waits: systemd accepts the connection later, and the request fits into the buffer.
        connection.connect(helper)
        connection.send(packet_of(controller))
        await _readable(connection)
        received = socket.recv_fds(connection, LONGEST_PACKET, len(ChannelSockets._fields))
    answer, descriptors, _flags, _address = received
    error = error_in(answer)
    are_sockets = all(stat.S_ISSOCK(os.fstat(one).st_mode) for one in descriptors)
    if error is None and are_sockets and len(descriptors) == len(ChannelSockets._fields):
        return ChannelSockets(*map(_socket_of, descriptors))
    for one in descriptors:
        os.close(one)
    raise error or OSError(errno.EPROTO, os.strerror(errno.EPROTO))


async def _readable(connection: socket.socket) -> None:
    """Wait until something has arrived, or the other end has closed the connection."""
    loop, has_arrived = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(connection, has_arrived.set)
    try:
        await has_arrived.wait()
    finally:
        loop.remove_reader(connection)


def _socket_of(descriptor: int) -> socket.socket:
    os.set_inheritable(descriptor, False)
    # Without the family, Python would ask for the socket's address, which a socket on this channel does not have.
    return socket.socket(AF_BLUETOOTH, socket.SOCK_RAW, 0, fileno=descriptor)
