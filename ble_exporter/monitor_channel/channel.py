"""
Opens sockets on the monitor channel that receive nothing but the advertising reports of one controller.

The kernel applies a filter to each socket, and the filter is locked: whoever has the socket can't read anything else of
the Bluetooth traffic, such as key strokes or link keys. Opening the channel requires the capability CAP_NET_RAW; the
sockets work in a process without it, and in other network and user namespaces.

Each frame begins with a header of three little-endian numbers:

    opcode (2) | index of the controller (2) | length (2) | packet

Source: net/bluetooth/hci_sock.c and include/net/bluetooth/hci_mon.h of Linux; doc/btmon.txt of BlueZ. Python's socket
module can't bind a socket to this channel before Python 3.14, so this module calls the C library.
"""

import ctypes
import os
import socket
import struct
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

from ble_exporter.formats.advertising_reports import EXTENDED_REPORTS, LE_META_EVENT, LEGACY_REPORTS

AF_BLUETOOTH, BTPROTO_HCI = 31, 1
_ALL_CONTROLLERS, _MONITOR_CHANNEL = 0xFFFF, 2
_SO_ATTACH_FILTER, _SO_TIMESTAMPNS, _SO_LOCK_FILTER = 26, 35, 44

LAST_CONTROLLER = _ALL_CONTROLLERS - 1
"""The highest number of a controller: N of hciN."""

# The opcode of an event of a controller.
_EVENT = 3
HEADER_SIZE = 6

ONE_OF = 64
"""
The sample contains one of this many reports, on average. The number is a power of two.

The buffer usually has room for 555 packets. The odds that the sample contains fewer than two of them are 0.2 %.
"""

# Without a further capability, the kernel limits the buffer to net.core.rmem_max; the usual limit leaves room for 555
# packets, or at least 300 of the largest. Where the administrator allows more, a machine that stalls for seconds loses
# nothing.
_BUFFER_BYTES = 4 << 20

# Instructions of the Berkeley Packet Filter: load one byte at an offset, or two or four bytes in network order; apply a
# mask; jump if equal; return.
_LOAD_BYTE, _LOAD_TWO_BYTES, _LOAD_FOUR_BYTES = 0x30, 0x28, 0x20
_AND, _JUMP_IF_EQUAL, _RETURN = 0x54, 0x15, 0x06
# At this offset (SKF_AD_OFF + SKF_AD_RANDOM), the kernel loads a random number.
_RANDOM_NUMBER = 0xFFFF_F000 + 56
_INSTRUCTION = struct.Struct("=HBBI")
_PROGRAM = struct.Struct("@HP")

_c_library = ctypes.CDLL(None, use_errno=True)


class ChannelSockets(NamedTuple):
    """
    Two sockets on the monitor channel.

    Attributes:
        reports: Receives the advertising reports of one controller.
        sample: Receives a random sample of these reports: on average, one in ONE_OF.
    """

    reports: socket.socket
    sample: socket.socket

    def close(self) -> None:
        """Close both sockets."""
        for one in self:
            one.close()


def open_channel(controller: int) -> ChannelSockets:
    """
    Open the channel for a controller.

    Raises PermissionError without CAP_NET_RAW, and another OSError if the kernel offers no HCI sockets to this process.
    """
    address = struct.pack("=HHH", AF_BLUETOOTH, _ALL_CONTROLLERS, _MONITOR_CHANNEL)
    with ExitStack() as on_error:
        sockets = ChannelSockets(
            *(on_error.enter_context(socket.socket(AF_BLUETOOTH, socket.SOCK_RAW, BTPROTO_HCI)) for _ in range(2))
        )
        for one, one_of in zip(sockets, (1, ONE_OF), strict=True):
            restrict(one, controller, one_of)
            if _c_library.bind(one.fileno(), address, len(address)) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
        on_error.pop_all()
    return sockets


def restrict(one: socket.socket, controller: int, one_of: int = 1) -> None:
    """
    Permanently restrict a socket to the advertising reports of one controller; turn on time stamps and a large buffer.

    The socket must not be able to receive anything yet. For `one_of`, see `advertising_filter`. Raises OSError.
    """
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    one.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    attach_filter(one, advertising_filter(controller, one_of))
    one.setsockopt(socket.SOL_SOCKET, _SO_LOCK_FILTER, 1)


def advertising_filter(controller: int, one_of: int = 1) -> bytes:
    """
    Return the filter program for the advertising reports of one controller, as an array of `struct sock_filter`.

    Frames that the filter refuses do not occupy the socket's buffer, and do not wake this process. On average, one
    report in `one_of` (a power of two) passes, chosen at random.
    """

    def swapped(number: int) -> int:
        return int.from_bytes(number.to_bytes(2, "little"), "big")

    # What to load, a mask for it, and the wanted values.
    wanted: Sequence[tuple[int, int, int, tuple[int, ...]]] = (
        (_LOAD_TWO_BYTES, 0, 0xFFFF, (swapped(_EVENT),)),
        (_LOAD_TWO_BYTES, 2, 0xFFFF, (swapped(controller),)),
        (_LOAD_BYTE, HEADER_SIZE, 0xFF, (LE_META_EVENT,)),
        (_LOAD_BYTE, HEADER_SIZE + 2, 0xFF, (LEGACY_REPORTS, EXTENDED_REPORTS)),
        (_LOAD_FOUR_BYTES, _RANDOM_NUMBER, one_of - 1, (0,)),
    )
    program: list[tuple[int, int, int, int]] = []
    size = sum(2 + len(values) for *_, values in wanted) + 2
    for load, offset, mask, values in wanted:
        program += [(load, 0, 0, offset), (_AND, 0, 0, mask)]
        for at, value in enumerate(values, 1):
            is_last = at == len(values)
            # A jump is relative to the next instruction: over the other values, or to the refusal at the end.
            refusal = size - 1 - (len(program) + 1)
            program.append((_JUMP_IF_EQUAL, len(values) - at, refusal if is_last else 0, value))
    program += [(_RETURN, 0, 0, 0xFFFF), (_RETURN, 0, 0, 0)]
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in program)


def attach_filter(one: socket.socket, instructions: bytes) -> None:
    """Attach a filter program to a socket. Raises OSError: PermissionError if the socket's filter is locked."""
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    program = _PROGRAM.pack(len(instructions) // _INSTRUCTION.size, ctypes.addressof(buffer))
    one.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
