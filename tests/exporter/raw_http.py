"""Clients that write bytes to the server's socket, for requests that no HTTP library sends."""

import asyncio
import re
import selectors
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from aiohttp import web

from ble_exporter.errors import HttpErrorKind
from ble_exporter.exporter.connections import HttpServer
from ble_exporter.exporter.http_errors import HttpErrors
from ble_exporter.exporter.web_file import WebFile

Result = TypeVar("Result")
Counts = Counter[HttpErrorKind]


class Client:
    """One connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        """Send some bytes."""
        self.writer.write(data)

    def end(self) -> None:
        """Send nothing more, but go on reading."""
        self.writer.write_eof()

    async def everything(self) -> bytes:
        """Return everything that the server sends until the connection ends or is reset."""
        parts = []
        try:
            while part := await self.reader.read(65536):
                parts.append(part)
        except ConnectionError:
            pass
        return b"".join(parts)


class _HastySelector(selectors.DefaultSelector):
    """A selector that advances its clock to the next timer as soon as no socket has been ready for a moment."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # The kernel passes data between two local sockets immediately, unless the machine is busy.
        ready = super().select(0 if timeout is not None and timeout <= 0 else 0.1)
        if not ready and timeout is not None:
            self.now += max(timeout, 0)
        return ready


class _HastyLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._hasty = _HastySelector()
        super().__init__(self._hasty)

    def time(self) -> float:
        return self._hasty.now


def _run_on(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Result]) -> Result:
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


def in_hasty_time(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine on an event loop with real sockets, on which each wait for a timer takes a tenth of a second."""
    return _run_on(_HastyLoop(), coroutine)


class _AheadLoop(asyncio.SelectorEventLoop):
    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s


def with_settable_clock(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine on an event loop with real sockets, whose clock `advance` sets."""
    return _run_on(_AheadLoop(), coroutine)


def advance(seconds: float) -> None:
    """Advance the clock of `with_settable_clock`."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, _AheadLoop)
    loop.ahead_s += seconds


class Connect(Protocol):
    """Opens a connection to the server."""

    async def __call__(self, client_tls: ssl.SSLContext | None = ..., /) -> Client:
        """Return the client; by default, all clients have the same TLS context, or none."""


async def served(
    app: web.Application,
    act: Callable[[Connect], Awaitable[Result]],
    most: int | None = None,
    *,
    web_file: WebFile | None = None,
    client_tls: ssl.SSLContext | None = None,
) -> tuple[Result, Counts]:
    """
    Serve an application, let `act` connect to it, and return the result of `act` and the counted errors.

    With `web_file`, the server may speak TLS; with `client_tls`, the clients do.
    """
    counts: Counts = Counter()
    server = HttpServer(app, HttpErrors(counts=counts), 0.2, most, web_file)
    await server.listen("127.0.0.1", 0)
    (port,) = server.ports
    clients: list[Client] = []

    async def connect(client_tls: ssl.SSLContext | None = client_tls, /) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", port, ssl=client_tls))
        clients.append(client)
        return client

    try:
        return await act(connect), counts
    finally:
        for client in clients:
            client.writer.transport.abort()
        await server.close()


def statuses(answers: bytes) -> list[int]:
    """Return the statuses of the answers on one connection."""
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] ([0-9]{3}) ", answers)]
