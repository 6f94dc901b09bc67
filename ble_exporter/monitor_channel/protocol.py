"""
How a process asks the helper for the monitor channel, over a Unix socket that preserves the boundaries of packets.

The request is one packet: the number of a controller, in decimal digits. The answer is one packet, too: an error
number, in decimal digits, which is 0 if the packet also passes the two sockets of the channel.
"""

import errno
import os

HELPER_SOCKET = "/run/ble_exporter-monitor.sock"
"""The socket of contrib/ble_exporter-monitor.socket; only the user of the service can connect to it."""

LONGEST_PACKET = 8
"""The maximum size of a request or an answer, in bytes."""


def packet_of(number: int) -> bytes:
    """Return the request for a controller, or the answer with an error number."""
    return str(number).encode()


def number_in(packet: bytes, most: int) -> int | None:
    """Return the number in a request or an answer, or None if it is not one from 0 to `most`."""
    if not packet.isdigit() or len(packet) > LONGEST_PACKET:
        return None
    number = int(packet)
    return number if number <= most else None


def error_in(answer: bytes) -> OSError | None:
    """Return the error that an answer reports, or None if there was none."""
    if not answer:
        # The helper has ended, or systemd has started none because there are too many.
        return OSError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
    number = number_in(answer, 4095)
    if number is None:
        return OSError(errno.EPROTO, os.strerror(errno.EPROTO))
    return OSError(number, os.strerror(number)) if number else None
