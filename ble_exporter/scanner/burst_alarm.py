"""
Ends a long pause between two readings of the monitor channel if many packets arrive at once.

An alarm has a second socket on the channel, which gets a random share of the packets. At ten packets per second, the
alarm goes off every 6 s on average. After a sudden rise of the rate, it almost always goes off before the other
socket's buffer is full.
"""

import asyncio
import socket
from contextlib import suppress

from ble_exporter.tasks import next_tick, wake

# The kernel raises this size to its minimum, which is enough for a packet.
_BUFFER_BYTES = 1


class BurstAlarm:
    """Waits for packets on `channel`, a socket that receives a sample of the packets; this object closes it."""

    def __init__(self, channel: socket.socket) -> None:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        channel.setblocking(False)
        self._channel = channel
        # The event loop that waits for packets; None while the alarm is off.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wait: asyncio.Future[bool] | None = None

    async def tick_or_burst(self, period_s: float) -> bool:
        """Wait as `next_tick` does, or until the alarm goes off; return whether it has."""
        if self._loop is None:
            # The alarm stays on, because switching it on and off takes almost as long as waking up.
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._channel, self._go_off)
        self._wait = self._loop.create_future()
        return await next_tick(period_s, early=self._wait)

    def turn_off(self) -> None:
        """Keep packets from waking the process until the next wait."""
        if self._loop is not None:
            self._loop.remove_reader(self._channel)
            self._loop = None

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _go_off(self) -> None:
        # An error ends the loop: usually, no packet is left. If the channel has failed, reading the reports fails, too.
        with suppress(OSError):
            while self._channel.recv(1):
                pass
        # Between two waits, this ends the earlier one, which has ended: the caller reads these packets anyway.
        if self._wait is not None:
            wake(self._wait)
