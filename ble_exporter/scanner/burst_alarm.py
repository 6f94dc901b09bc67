"""
Ends a long pause between two readings of the monitor channel if many packets arrive at once.

An alarm has a second socket on the channel, which gets a random share of the packets: its sample. A single packet there
says nothing about the rate, so only the second one of a wait sets the alarm off. After a sudden rise of the rate, this
almost always happens before the other socket's buffer is full.
"""

import asyncio
import socket
from contextlib import suppress

from ble_exporter.tasks import next_tick, wake

# The kernel raises this size to its minimum, which is enough for two packets.
_BUFFER_BYTES = 1

_SETS_OFF = 2
"""The number of packets in the sample that set the alarm off."""


class BurstAlarm:
    """Waits for packets on `channel`, a socket that receives a sample of the packets; this object closes it."""

    def __init__(self, channel: socket.socket) -> None:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        channel.setblocking(False)
        self._channel = channel
        # The event loop that waits for packets; None while the alarm is off.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wait: asyncio.Future[bool] | None = None
        self._packets = 0

    async def tick_or_burst(self, period_s: float) -> bool:
        """Wait as `next_tick` does, or until the alarm goes off; return whether it has."""
        if self._loop is None:
            # The alarm stays on, because switching it on and off takes almost as long as waking up.
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._channel, self._note_packet)
        # The caller has already read the packets of the sample that came before this wait.
        self._wait, self._packets = self._loop.create_future(), 0
        return await next_tick(period_s, early=self._wait)

    def turn_off(self) -> None:
        """Keep packets from waking the process until the next wait."""
        if self._loop is not None:
            self._loop.remove_reader(self._channel)
            self._loop = None

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _note_packet(self) -> None:
        # If the channel has failed, reading the reports fails, too. For a further packet, this is called again.
        with suppress(OSError):
            self._channel.recv(1)
        self._packets += 1
        if self._packets >= _SETS_OFF and self._wait is not None:
            wake(self._wait)
