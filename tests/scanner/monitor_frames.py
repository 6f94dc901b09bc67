"""Frames of the kernel's monitor channel, a channel that a test writes to, and a radio that reads it."""

import asyncio
import socket
import time
from functools import partial

from ble_exporter.config.app_config import ScanMode
from ble_exporter.model import Advertisement
from ble_exporter.monitor_channel.channel import ChannelSockets, restrict
from ble_exporter.scanner.bluez_radio import BluezRadio
from ble_exporter.scanner.build import make_ear
from ble_exporter.scanner.monitor_socket import MonitorSocket

SENDER = "A4:C1:38:00:00:01"
LEGACY, EXTENDED = 0x02, 0x0D
CONNECTABLE, SCAN_RESPONSE = 0x00, 0x04


def legacy_report(
    data: bytes, *, sender: str = SENDER, kind: int = CONNECTABLE, is_random: bool = False, rssi: int = -60
) -> bytes:
    """Return an advertising report without the event around it."""
    address = bytes.fromhex(sender.replace(":", ""))[::-1]
    return bytes([kind, is_random]) + address + bytes([len(data)]) + data + rssi.to_bytes(1, "little", signed=True)


def frame(*reports: bytes, controller: int = 0, opcode: int = 3, event: int = 0x3E, subevent: int = LEGACY) -> bytes:
    """Return a frame with one event that contains these reports."""
    body = bytes([subevent, len(reports)]) + b"".join(reports)
    packet = bytes([event, len(body)]) + body
    return b"".join(number.to_bytes(2, "little") for number in (opcode, controller, len(packet))) + packet


def service_data(payload: bytes) -> bytes:
    """Return advertising data with flags and BTHome service data."""
    return b"\x02\x01\x06" + bytes([len(payload) + 3]) + b"\x16\xd2\xfc" + payload


def name(text: str) -> bytes:
    """Return advertising data with a local name."""
    return bytes([len(text) + 1, 0x09]) + text.encode()


class Channel:
    """
    The monitor channel: a pair of sockets, one of which takes the place of the kernel.

    Attributes:
        opened: The numbers of the controllers for which the channel was opened.
        ahead_s: The seconds by which the reader's clock is ahead of the kernel's, as after setting the clock.
    """

    def __init__(self, *, refusal: OSError | None = None, reader: type[MonitorSocket] = MonitorSocket) -> None:
        self.opened: list[int] = []
        self.ahead_s = 0.0
        self._refusal = refusal
        self._reader = reader
        self._opened: ChannelSockets | None = None
        self._kernel: socket.socket | None = None
        self._alarm: socket.socket | None = None

    async def open(self, controller: int) -> MonitorSocket:
        """Return a reader, as `open_monitor_socket` does."""
        if self._refusal is not None:
            raise self._refusal
        self.opened.append(controller)
        self.close()
        self._kernel, reader = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._alarm, sample = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        restrict(reader, controller)
        self._opened = ChannelSockets(reader, sample)
        return self._reader(self._opened, lambda: time.time() + self.ahead_s)

    def receive(self, *frames: bytes) -> None:
        """Send these frames to the reader."""
        assert self._kernel is not None
        for one in frames:
            self._kernel.send(one)

    def set_off_alarm(self) -> None:
        """Send two packets to the alarm's socket, as the kernel does with a random share of the packets."""
        assert self._alarm is not None
        for _packet in range(2):
            self._alarm.send(b"packet")

    def wakes_the_process(self) -> bool:
        """Return whether a packet in the alarm's socket would wake the running event loop; from now on, none does."""
        assert self._opened is not None
        return asyncio.get_running_loop().remove_reader(self._opened.sample)

    def fail(self) -> None:
        """Make each further read fail."""
        assert self._opened is not None
        self._opened.reports.close()

    def close(self) -> None:
        """Close the kernel's ends."""
        for one in (self._kernel, self._alarm):
            if one is not None:
                one.close()


class Only:
    """A listener that wants one address, and counts the others."""

    def __init__(self, address: str) -> None:
        self.heard: list[Advertisement] = []
        self.others = 0
        self._address = address

    def wants(self, address: str) -> bool:
        """Return whether this is the wanted address; count the others."""
        self.others += address != self._address
        return address == self._address

    def handle(self, advertisement: Advertisement) -> bool:
        """Note the advertisement."""
        self.heard.append(advertisement)
        return True


def radio(channel: Channel, mode: ScanMode = "auto") -> BluezRadio:
    """Return a radio that hears through the channel."""
    return BluezRadio(partial(make_ear, "monitor", channel.open), mode=mode)
