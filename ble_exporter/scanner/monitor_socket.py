"""
Reads advertising reports from the kernel's HCI monitor channel.

The kernel gives each reader a copy of every event, before BlueZ can merge it, hold it back or drop it.

Source: src/shared/btsnoop.h of BlueZ; net/bluetooth/hci_sock.c of Linux. Python's socket module can't receive from this
channel if Python was built without BlueZ's headers, so this module calls the C library.
"""

import ctypes
import errno
import os
import socket
import struct
import time
from collections.abc import Callable, Coroutine
from typing import NamedTuple

from ble_exporter.monitor_channel.channel import HEADER_SIZE, ChannelSockets, open_channel
from ble_exporter.monitor_channel.client import request_channel
from ble_exporter.scanner.burst_alarm import BurstAlarm

_SO_MEMINFO = 55
# SO_MEMINFO gives nine numbers of 32 bits; the last one counts the frames dropped because the buffer was full.
_MEMINFO = struct.Struct("9I")

_FRAME_SIZE = HEADER_SIZE + 2 + 255
_TIMESPEC = struct.Struct("@ll")
_CONTROL_SIZE = socket.CMSG_SPACE(_TIMESPEC.size)
_STAMP_AT = socket.CMSG_LEN(0)

MOST_FRAMES = 96
"""The maximum number of frames that are read at once: a few milliseconds of work on a Raspberry Pi."""

# EPERM: the capability is missing. EAFNOSUPPORT: the address family is not allowed, or the network namespace is not
# the host's.
_NEEDS_HELPER = {errno.EPERM, errno.EAFNOSUPPORT}
# ENOENT: there is no helper. EACCES: this user may not ask it.
_HAS_NO_HELPER = {errno.ENOENT, errno.EACCES}

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


# Positions of two fields in a message, each counted in numbers of its own type.
_RECEIVED_AT = _Message.received.offset // ctypes.sizeof(ctypes.c_uint)
_CONTROL_SIZE_AT = (_Message.header.offset + _Header.control_size.offset) // ctypes.sizeof(ctypes.c_size_t)


class Frame(NamedTuple):
    """An HCI event, which begins with the event code, and the seconds since the kernel received it."""

    event: bytes
    age_s: float


class MonitorSocket:
    """
    Receives the advertising reports of one controller from the monitor channel.

    Args:
        sockets: The two sockets on the monitor channel; this object closes them.
        clock: Returns Unix time in seconds, by which the kernel stamps the frames.

    Attributes:
        alarm: Goes off if many reports arrive at once.
        on_event: If set, called with each event read and the kernel's time stamp (Unix time in microseconds).
    """

    def __init__(self, sockets: ChannelSockets, clock: Callable[[], float] = time.time) -> None:
        self.on_event: Callable[[bytes, int], None] | None = None
        self.alarm = BurstAlarm(sockets.sample)
        self._channel = sockets.reports
        self._clock = clock
        self._data = bytearray(MOST_FRAMES * _FRAME_SIZE)
        self._control = bytearray(MOST_FRAMES * _CONTROL_SIZE)
        self._messages = self._empty_messages()
        self._before = bytes(self._messages)
        # The same memory as numbers of the fields' types: ctypes is slow at reading fields.
        memory = memoryview(self._messages).cast("B")
        self._received = memory.cast("I")[_RECEIVED_AT :: ctypes.sizeof(_Message) // ctypes.sizeof(ctypes.c_uint)]
        self._control_sizes = memory.cast("P")[
            _CONTROL_SIZE_AT :: ctypes.sizeof(_Message) // ctypes.sizeof(ctypes.c_size_t)
        ]

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
            failure = ctypes.get_errno()
            if failure not in (errno.EAGAIN, errno.EINTR):
                raise OSError(failure, os.strerror(failure))
        return [self._frame(index, now_s) for index in range(number)]

    def close(self) -> None:
        """Close the channel and the alarm."""
        self._channel.close()
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
        start = index * _FRAME_SIZE
        event = bytes(self._data[start + HEADER_SIZE : start + self._received[index]])
        stamp: tuple[int, int] | None = None
        if self._control_sizes[index]:
            stamp = _TIMESPEC.unpack_from(self._control, index * _CONTROL_SIZE + _STAMP_AT)
        if self.on_event is not None:
            self.on_event(event, stamp[0] * 1_000_000 + stamp[1] // 1000 if stamp else round(now_s * 1e6))
        return Frame(event, now_s - stamp[0] - stamp[1] / 1e9 if stamp else 0.0)


SocketOpener = Callable[[int], Coroutine[object, None, MonitorSocket]]
"""The type of `open_monitor_socket`, which tests replace."""


async def open_monitor_socket(
    controller: int,
    open_directly: Callable[[int], ChannelSockets] = open_channel,
    ask_helper: Callable[[int], Coroutine[object, None, ChannelSockets]] = request_channel,
) -> MonitorSocket:
    """
    Open the monitor channel or, if this process can't, have the helper open it.

    Raises the OSError with which this process could not open the channel: PermissionError without CAP_NET_RAW. If a
    helper has failed, raises an OSError with a filename, the path of the helper's socket.
    """
    try:
        return MonitorSocket(open_directly(controller))
    except OSError as error:
        if error.errno not in _NEEDS_HELPER:
            raise
        refusal = error
    try:
        return MonitorSocket(await ask_helper(controller))
    except OSError as error:
        raise (refusal if error.errno in _HAS_NO_HELPER else error) from None
