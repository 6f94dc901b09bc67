"""
The kernel's events for bluetoothd about advertisements, received on a second socket.

The kernel's management interface sends its events to every privileged socket, bluetoothd's and the test's
(`doc/mgmt-api.txt` of BlueZ). The test therefore knows which advertisements reached bluetoothd and which the kernel
dropped. The kernel restarts an active scan every 11 s, and drops the reports that arrive meanwhile.
"""

from __future__ import annotations

import ctypes
import os
import select
import socket
import struct
import threading
from collections.abc import Callable

AF_BLUETOOTH = 31
BTPROTO_HCI = 1
HCI_DEV_NONE = 0xFFFF
HCI_CHANNEL_CONTROL = 3
SOCKADDR_HCI = struct.Struct("<HHH")
"""struct sockaddr_hci: family, device, channel."""
SO_RCVBUFFORCE = 33
RECEIVE_BUFFER_BYTES = 1 << 22
"""Enough for the events of several seconds; the kernel drops events that do not fit."""
LARGEST_EVENT = 4096
EVENT_HEADER = struct.Struct("<HHH")
"""Event, controller, length of the parameters."""
DEVICE_FOUND = 0x0012
DEVICE_FOUND_HEADER = struct.Struct("<6sBbIH")
"""Address, address type, RSSI, flags, and the length of the advertising data that follows."""


class KernelEvents:
    """
    A receiver of the kernel's events, which listens from its construction to `end`.

    A thread calls `found` with the address and the data of each advertisement; the data includes the scan response.
    """

    def __init__(self, found: Callable[[str, bytes], None]) -> None:
        """Start listening."""
        self._found = found
        self._socket = socket.socket(AF_BLUETOOTH, socket.SOCK_RAW, BTPROTO_HCI)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
        # Python's bind() has no parameter for the channel, and only some builds of Python support Bluetooth.
        address = SOCKADDR_HCI.pack(AF_BLUETOOTH, HCI_DEV_NONE, HCI_CHANNEL_CONTROL)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.bind(self._socket.fileno(), address, len(address)):
            raise OSError(ctypes.get_errno(), "bind")
        self._wake_end, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._listen, name="kernel events", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop listening."""
        os.write(self._wake, b"x")
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(self._wake_end, select.POLLIN)
        while self._wake_end not in dict(poll.poll()):
            event = self._socket.recv(LARGEST_EVENT)
            if EVENT_HEADER.unpack_from(event)[0] == DEVICE_FOUND:
                address, _kind, _rssi, _flags, _length = DEVICE_FOUND_HEADER.unpack_from(event, EVENT_HEADER.size)
                data = event[EVENT_HEADER.size + DEVICE_FOUND_HEADER.size :]
                self._found(address[::-1].hex(":").upper(), data)
