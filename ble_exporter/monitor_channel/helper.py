"""
Opens the monitor channel for a process that can't: the exporter, which then needs no capability.

    python -m ble_exporter.monitor_channel.helper

systemd starts a helper for each connection to HELPER_SOCKET (contrib/ble_exporter-monitor@.service), with the
connection as its standard input. The helper answers one request, and ends. It trusts the other end with nothing but the
advertising reports of a controller.
"""

import errno
import socket
import sys
from collections.abc import Callable

from ble_exporter.monitor_channel.channel import LAST_CONTROLLER, ChannelSockets, open_channel
from ble_exporter.monitor_channel.protocol import LONGEST_PACKET, number_in, packet_of

LIMIT_S = 5.0
"""The time limit on the arrival of the request, in seconds."""


def answer(
    connection: socket.socket, opener: Callable[[int], ChannelSockets] = open_channel, limit_s: float = LIMIT_S
) -> None:
    """
    Answer the request on a connection.

    Raises OSError if the other end has gone, or has sent no request in time.
    """
    connection.settimeout(limit_s)
    # Asks for one byte more than the longest request has, to recognise a longer packet, whose rest the kernel drops.
    request = connection.recv(LONGEST_PACKET + 1)
    controller = number_in(request, LAST_CONTROLLER)
    if controller is None:
        # An empty packet looks like the end of a connection, after which the answer only fails.
        _note(f"a request is not the number of a controller: {request!r}")
        connection.send(packet_of(errno.EINVAL))
        return
    try:
        sockets = opener(controller)
    except OSError as error:
        _note(f"hci{controller}: the monitor channel can't be opened: {error}")
        connection.send(packet_of(error.errno or errno.EIO))
        return
    try:
        socket.send_fds(connection, [packet_of(0)], [one.fileno() for one in sockets])
    finally:
        sockets.close()


def main(opener: Callable[[int], ChannelSockets] = open_channel) -> int:
    """Answer the request on standard input; return the exit status."""
    try:
        with socket.socket(fileno=0) as connection:
            answer(connection, opener)
    except OSError as error:
        _note(f"a request was not answered: {error}")
    # A fault of a client is not a failure of the unit.
    return 0


def _note(text: str) -> None:
    # To the journal.
    print(f"ble_exporter-monitor: {text}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
