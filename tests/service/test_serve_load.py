"""
The service with many simultaneous scrapes and slow clients, and a radio whose packets are lost if not read in time.

The radio's clock is the processor time of the event loop, so another program on the machine changes nothing.
"""

import asyncio
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType

import pytest

from ble_exporter.config.app_config import AppConfig
from ble_exporter.errors import LossReason, ResetOutcome
from ble_exporter.scanner import Listener
from ble_exporter.scanner.simulation import Simulation
from ble_exporter.service import serve
from ble_exporter.tasks import Tasks

SCRAPERS = 200
SLOW_CLIENTS = 20
PER_SECOND = 100
ON_AIR = 100
"""The number of packets that are on air during the load."""
BUFFER = PER_SECOND // 4
"""The number of packets for which there is room until they are read: those of a quarter of a second."""
DEVICES = {f"A4:C1:38:00:00:{number:02X}": f"room {number}" for number in range(250)}
_READ_S = 0.001
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
HALF = b"GET /metrics HTTP/1.1\r\nHost:"
HISTORY = b"GET /history HTTP/1.1\r\nHost: localhost\r\n\r\n"


class BusyAir:
    """
    A radio on which packets arrive while the event loop works, and are lost if they are not read in time.

    Attributes:
        sent, missed: The number of packets that were on air, and of those for which there was no room.
        longest_s: The longest time for which the radio could not be read, in seconds of processor time.
    """

    adapters: Mapping[str, bool] = MappingProxyType({})
    lost_events: Mapping[tuple[str, LossReason], int] = MappingProxyType({})
    adapter_resets: Mapping[tuple[str, ResetOutcome], int] = MappingProxyType({})
    is_resetting = False
    silence: str | None = None

    def __init__(self) -> None:
        self.sent = self.missed = 0
        self.longest_s = 0.0
        self._due = 0.0
        self.is_heard = asyncio.Event()
        self.is_loaded = asyncio.Event()
        self.has_ended = asyncio.Event()
        self._transmissions = Simulation(tuple(DEVICES), 1).transmissions()

    def catch_up(self) -> None:
        """See Radio: every packet is delivered at once."""

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Deliver two packets of each device at once, and then, under load, the others at their times."""
        started()
        if not self.is_heard.is_set():
            self._deliver(listener, 2 * len(DEVICES))
            self.is_heard.set()
        await self.is_loaded.wait()
        read_s = time.thread_time()
        while self.sent < ON_AIR:
            # The event loop waits meanwhile, if it has nothing to do; the clock of this radio then stands still.
            await asyncio.sleep(_READ_S)
            now_s = time.thread_time()
            self.longest_s = max(self.longest_s, now_s - read_s)
            self._due += (now_s - read_s) * PER_SECOND
            read_s = now_s
            arrived = int(self._due)
            self._due -= arrived
            self.sent += arrived
            self.missed += max(arrived - BUFFER, 0)
            self._deliver(listener, min(arrived, BUFFER))
        self.has_ended.set()
        await asyncio.Event().wait()

    def _deliver(self, listener: Listener, count: int) -> None:
        for _ in range(count):
            sent = next(self._transmissions)
            if listener.wants(sent.address):
                listener.handle(sent.advertisement())


class Clients:
    """Clients in a thread of their own, so that the event loop of the service spends no processor time on them."""

    def __init__(self, port: int) -> None:
        self.answers: Counter[int] = Counter()
        self.incomplete = 0
        self._port = port
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._scrape_all()))

    def start(self) -> None:
        """Let all clients send requests until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """End all clients."""
        self._is_over.set()
        self._thread.join()

    async def _scrape_all(self) -> None:
        async with Tasks() as tasks:
            scrapers = [tasks.start(self._scrape()) for _ in range(SCRAPERS)]
            for _ in range(SLOW_CLIENTS):
                tasks.start(self._hold(HALF))
                tasks.start(self._hold(HISTORY))
            await tasks.wait(*scrapers)

    async def _scrape(self) -> None:
        while not self._is_over.is_set():
            with suppress(OSError), socket.socket() as connection:
                answer = b"".join([part async for part in self._ask(connection, SCRAPE)])
                # A new connection may have replaced this one before its request was read.
                if answer:
                    status = int(answer.split(maxsplit=2)[1])
                    self.answers[status] += 1
                    self.incomplete += status == 200 and b"ble_exporter_collector_failures_total{" not in answer

    async def _hold(self, request: bytes) -> None:
        """Send a request, and read slowly, as over a bad network; begin again when the server ends the connection."""
        while True:
            with suppress(OSError), socket.socket() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                async for _ in self._ask(connection, request):
                    await asyncio.sleep(1)

    async def _ask(self, connection: socket.socket, request: bytes) -> AsyncIterator[bytes]:
        """Send a request, and yield the parts of the answer."""
        loop = asyncio.get_running_loop()
        connection.setblocking(False)
        await loop.sock_connect(connection, ("127.0.0.1", self._port))
        await loop.sock_sendall(connection, request)
        while part := await loop.sock_recv(connection, 65_536):
            yield part


async def bombard(config: AppConfig, radio: BusyAir, clients: Clients) -> None:
    """Serve, let the clients scrape until the radio has sent all its packets, and stop."""
    stop = asyncio.Event()
    async with Tasks() as tasks:
        serving = tasks.start(serve(config, radio, logging.getLogger("test"), stop))
        await tasks.wait(serving, tasks.start(radio.is_heard.wait()))
        clients.start()
        try:
            radio.is_loaded.set()
            await tasks.wait(serving, tasks.start(radio.has_ended.wait()))
        finally:
            await asyncio.to_thread(clients.stop)
        # The server accepts a few of the last connections in each turn of the event loop.
        for _ in range(1000):
            await asyncio.sleep(0)
        stop.set()
        await tasks.wait(serving)


@pytest.mark.program
def test_two_hundred_scrapes_at_once_cost_no_packet(app_config: AppConfig) -> None:
    """A misconfigured Prometheus server, or somebody on the network, must not cause gaps in the readings."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = replace(app_config, listen_port=port, devices=DEVICES, scan_duration_seconds=30)
    radio, clients = BusyAir(), Clients(port)
    asyncio.run(bombard(config, radio, clients))

    print(f"\n{clients.answers}, longest {radio.longest_s * 1e3:.1f} ms of processor time")  # noqa: T201 - for -s
    assert (0, 0) == (radio.missed, clients.incomplete)
    assert clients.answers[200] > 0
    assert clients.answers.keys() <= {200, 503}
    assert radio.sent >= ON_AIR
