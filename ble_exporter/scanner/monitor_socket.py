"""
The kernel's HCI monitor channel: everything that passes between the kernel and its Bluetooth controllers, read only.

The kernel gives each reader a copy of every event, before BlueZ can merge it, hold it back or drop it. Opening the
channel requires the capability CAP_NET_RAW. Each frame begins with a header of three little-endian numbers:

    opcode (2) | index of the controller (2) | length (2) | packet

Source: doc/btmon.txt and src/shared/btsnoop.h of BlueZ; net/bluetooth/hci_sock.c and include/net/bluetooth/hci_mon.h of
Linux. Python's socket module can't bind a socket to this channel before Python 3.14, and can't receive from it if
Python was built without BlueZ's headers, so this module calls the C library.
"""

import ctypes
import errno
import os
import socket
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from ble_exporter.formats.advertising_reports import EXTENDED_REPORTS, LE_META_EVENT, LEGACY_REPORTS
from ble_exporter.scanner.burst_alarm import ONE_OF, BurstAlarm

_AF_BLUETOOTH, _BTPROTO_HCI = 31, 1
_ALL_CONTROLLERS, _MONITOR_CHANNEL = 0xFFFF, 2
_SO_ATTACH_FILTER, _SO_TIMESTAMPNS, _SO_MEMINFO = 26, 35, 55
# SO_MEMINFO gives nine numbers of 32 bits; the last one counts the frames dropped because the buffer was full.
_MEMINFO = struct.Struct("9I")

_EVENT = 3
_HEADER_SIZE = 6
_FRAME_SIZE = _HEADER_SIZE + 2 + 255
_TIMESPEC = struct.Struct("@ll")
_CONTROL_SIZE = socket.CMSG_SPACE(_TIMESPEC.size)
_STAMP_AT = socket.CMSG_LEN(0)

MOST_FRAMES = 64
"""The maximum number of frames that are read at once: some milliseconds of work on a Raspberry Pi."""

# Without a further capability, the kernel limits the buffer to net.core.rmem_max; the usual limit leaves room for at
# least 300 frames. Where the administrator allows more, a machine that stalls for seconds loses nothing.
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


class _Buffer(ctypes.Structure):
    """`struct iovec`."""

    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """`struct msghdr`."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_size", ctypes.c_uint32),
        ("buffers", ctypes.POINTER(_Buffer)),
        ("buffers_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_size", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """`struct mmsghdr`: a header, and the number of bytes received."""

    _fields_ = (("header", _Header), ("received", ctypes.c_uint))


class Frame(NamedTuple):
    """An HCI event, which begins with the event code, and the seconds since the kernel received it."""

    event: bytes
    age_s: float


def advertising_filter(controller: int, one_of: int = 1) -> bytes:
    """
    Return the filter program for the advertising reports of one controller, as an array of `struct sock_filter`.

    Frames that the filter refuses do not occupy the socket's buffer, and do not wake this process. Of `one_of` reports
    (a power of two), one passes on average, chosen at random.
    """

    def swapped(number: int) -> int:
        return int.from_bytes(number.to_bytes(2, "little"), "big")

    # What to load, a mask for it, and the wanted values.
    wanted: Sequence[tuple[int, int, int, tuple[int, ...]]] = (
        (_LOAD_TWO_BYTES, 0, 0xFFFF, (swapped(_EVENT),)),
        (_LOAD_TWO_BYTES, 2, 0xFFFF, (swapped(controller),)),
        (_LOAD_BYTE, _HEADER_SIZE, 0xFF, (LE_META_EVENT,)),
        (_LOAD_BYTE, _HEADER_SIZE + 2, 0xFF, (LEGACY_REPORTS, EXTENDED_REPORTS)),
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


class MonitorSocket:
    """
    Receives the advertising reports of one controller from the monitor channel.

    Args:
        channel: A socket on the monitor channel, which `open_monitor_socket` opens; this object closes it.
        controller: The number of the controller: N of hciN.
        clock: Returns Unix time in seconds, by which the kernel stamps the frames.
        alarm: Goes off if many reports arrive at once; this object closes it.

    Attributes:
        on_event: If set, called with each event read and the kernel's time stamp (Unix time in microseconds).
    """

    def __init__(
        self,
        channel: socket.socket,
        controller: int,
        clock: Callable[[], float] = time.time,
        alarm: BurstAlarm | None = None,
    ) -> None:
        self.on_event: Callable[[bytes, int], None] | None = None
        self.alarm = alarm
        self._channel = channel
        self._clock = clock
        self._data = bytearray(MOST_FRAMES * _FRAME_SIZE)
        self._control = bytearray(MOST_FRAMES * _CONTROL_SIZE)
        self._messages = self._empty_messages()
        self._before = bytes(self._messages)
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        channel.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        attach_filter(channel, advertising_filter(controller))

    @property
    def lost(self) -> int:
        """The number of reports that the kernel dropped because the socket's buffer was full. Raises OSError."""
        numbers: tuple[int, ...] = _MEMINFO.unpack(
            self._channel.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        )
        return numbers[-1]

    def read(self) -> list[Frame]:
        """
        Return the frames that wait in the socket's buffer, up to MOST_FRAMES, without waiting for more.

        If the clock has been set since a frame arrived, the frame's age is wrong by the change. The age is negative if
        the frame arrived during this call. Raises OSError.
        """
        now_s = self._clock()
        # The last call has changed the sizes in the messages.
        ctypes.memmove(self._messages, self._before, len(self._before))
        number = _c_library.recvmmsg(
            self._channel.fileno(), self._messages, MOST_FRAMES, int(socket.MSG_DONTWAIT), None
        )
        if number < 0:
            _raise_error_unless(ctypes.get_errno() in (errno.EAGAIN, errno.EINTR))
        return [self._frame(index, now_s) for index in range(number)]

    def close(self) -> None:
        """Close the channel and the alarm."""
        self._channel.close()
        if self.alarm is not None:
            self.alarm.close()

    def _empty_messages(self) -> "ctypes.Array[_Message]":
        """Return one message for each frame that the buffers have room for."""
        data = ctypes.addressof(ctypes.c_char.from_buffer(self._data))
        control = ctypes.addressof(ctypes.c_char.from_buffer(self._control))
        messages = (_Message * MOST_FRAMES)()
        for index, message in enumerate(messages):
            header = message.header
            header.buffers = ctypes.pointer(_Buffer(data + index * _FRAME_SIZE, _FRAME_SIZE))
            header.buffers_count = 1
            header.control = control + index * _CONTROL_SIZE
            header.control_size = _CONTROL_SIZE
        return messages

    def _frame(self, index: int, now_s: float) -> Frame:
        message = self._messages[index]
        start = index * _FRAME_SIZE
        event = bytes(self._data[start + _HEADER_SIZE : start + message.received])
        at_us, age_s = round(now_s * 1e6), 0.0
        if message.header.control_size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(self._control, index * _CONTROL_SIZE + _STAMP_AT)
            at_us, age_s = seconds * 1_000_000 + nanoseconds // 1000, now_s - seconds - nanoseconds / 1e9
        if self.on_event is not None:
            self.on_event(event, at_us)
        return Frame(event, age_s)


def open_monitor_socket(controller: int) -> MonitorSocket:
    """
    Open the monitor channel, with an alarm.

    Raises PermissionError without CAP_NET_RAW, and another OSError if the kernel offers no HCI sockets.
    """
    with ExitStack() as on_error:
        channel, sample = (
            on_error.enter_context(socket.socket(_AF_BLUETOOTH, socket.SOCK_RAW, _BTPROTO_HCI)) for _ in range(2)
        )
        attach_filter(sample, advertising_filter(controller, ONE_OF))
        monitor = MonitorSocket(channel, controller, alarm=BurstAlarm(sample))
        address = struct.pack("=HHH", _AF_BLUETOOTH, _ALL_CONTROLLERS, _MONITOR_CHANNEL)
        for one in (channel, sample):
            _raise_error_unless(_c_library.bind(one.fileno(), address, len(address)) == 0)
        on_error.pop_all()
    return monitor


def attach_filter(channel: socket.socket, instructions: bytes) -> None:
    """Attach a filter program to a socket. Raises OSError."""
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    program = _PROGRAM.pack(len(instructions) // _INSTRUCTION.size, ctypes.addressof(buffer))
    channel.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def _raise_error_unless(is_fine: bool) -> None:
    """Raise the C library's last error as an OSError, unless the call succeeded."""
    if not is_fine:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
