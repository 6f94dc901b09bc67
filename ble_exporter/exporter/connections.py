"""
The HTTP server: its open connections, and the limit on their number.

At the limit, a new connection replaces a connection of the client that has the most of them, if possible one on which
the server waits for that client. A client that holds connections, or opens them all the time, therefore can't prevent a
scrape, and file descriptors stay free for D-Bus, the log and systemd.
"""

import asyncio
import random
import resource
import socket
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from aiohttp import web

from ble_exporter.exporter.connection import Connection
from ble_exporter.exporter.http_errors import HttpErrors
from ble_exporter.system.port import open_port
from ble_exporter.tasks import Tasks

if TYPE_CHECKING:
    from ble_exporter.exporter.web_file import WebFile

MOST_CONNECTIONS = 64
# File descriptors that stay free: about ten for standard streams, event loop, sockets and log, three for each adapter's
# D-Bus connection, a few for /proc during a scrape, and those of connections that have just been accepted.
RESERVED_DESCRIPTORS = 40
_FEWEST_CONNECTIONS = 8
# This many connections are accepted before anything else is done; the others wait in the kernel. Within four such
# turns, the event loop reads the data of the connection that was accepted first.
_ACCEPTED_AT_ONCE = 4
# When this queue is full, the kernel drops requests for connections, and their clients repeat them only after seconds.
_WAITING_IN_KERNEL = 4096
# If none of an address's connections has waited for this many seconds, chance decides which one is ended. If the oldest
# were ended, clients that open connections faster than they send requests would end all of them, and none would get an
# answer. If the newest were ended, a client could be kept out by another one of its address.
PATIENCE_S = 0.1
# With TLS, a connection waits for the handshakes of all others before its own request.
TLS_PATIENCE_S = 1.0
# The kernel's receive buffer for each connection, in bytes; the kernel doubles the number. A request has at most 8 kB.
# Without a limit, asyncio reads up to 256 kB at once, and with TLS keeps that memory.
_RECEIVE_BUFFER = 16 * 1024
# The kernel's send buffer for each connection, in bytes. The kernel doubles the number; its default is up to 4 MB.
_SEND_BUFFER = 64 * 1024


def most_connections(descriptors: float) -> int:
    """Return the maximum number of open connections for a process with this limit on its file descriptors."""
    return int(max(_FEWEST_CONNECTIONS, min(MOST_CONNECTIONS, descriptors - RESERVED_DESCRIPTORS)))


class Connections:
    """
    The open connections, the oldest first.

    `most` limits their number; see PATIENCE_S for `patience_s`.
    """

    def __init__(self, errors: HttpErrors, most: int, patience_s: float = PATIENCE_S) -> None:
        self._errors = errors
        self._most = most
        self._patience_s = patience_s
        self._open: dict[Connection, None] = {}
        self._has_repeated = False

    def add(self, connection: Connection) -> None:
        """Add a new connection; if the limit is reached, end another one first."""
        while len(self._open) >= self._most:
            self._end_one()
        self._open[connection] = None

    def remove(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self._open.pop(connection, None)

    def may_repeat(self) -> bool:
        """
        Return whether an answer may be repeated: True once in each turn of the event loop.

        Many clients that scrape at once share a rendering if aiohttp answers them. A repeated answer is not shared.
        """
        if self._has_repeated:
            return False
        self._has_repeated = True
        asyncio.get_running_loop().call_soon(self._end_turn)
        return True

    def _end_turn(self) -> None:
        self._has_repeated = False

    def end_all(self) -> None:
        """End all connections immediately."""
        for connection in list(self._open):
            connection.abort()

    def _end_one(self) -> None:
        """
        End a connection of the client that has the most connections.

        Of these connections, the one that has waited longest for the client is ended. If that is not long, chance
        decides; see PATIENCE_S. If all are still waiting for their answers to be rendered, the newest one is ended,
        because ending the oldest could keep any answer from being finished.
        """
        # Connections that were accepted in this turn, at most four, are of unknown clients, not of one.
        known = [one for one in self._open if one.peer is not None] or list(self._open)
        of_peer = Counter(connection.peer for connection in known)

        def rank(numbered: tuple[int, Connection]) -> tuple[int, bool, float]:
            number, connection = numbered
            waits_since = connection.waits_since
            return of_peer[connection.peer], waits_since is not None, number if waits_since is None else -waits_since

        _, last = max(enumerate(known), key=rank)
        if last.waits_since is not None and asyncio.get_running_loop().time() - last.waits_since < self._patience_s:
            waiting = [one for one in known if one.peer == last.peer and one.waits_since is not None]
            last = random.choice(waiting)  # noqa: S311 - nothing depends on an unpredictable choice
        self._errors.note("too_many_connections", f"{of_peer[last.peer]} of {self._most} are from {last.peer}")
        self.remove(last)
        last.abort()


class HttpServer:
    """
    Serves an application on TCP ports and Unix sockets.

    Args:
        app: The application.
        errors: Counts and logs the errors.
        stop_s: Time limit for open requests when the server is closed, in seconds.
        most: How many connections may be open; by default 64, or fewer if file descriptors are scarce.
        web_file: The web configuration; if it is None, or has no TLS settings, the server speaks plain HTTP.
    """

    def __init__(
        self,
        app: web.Application,
        errors: HttpErrors,
        stop_s: float,
        most: int | None = None,
        web_file: "WebFile | None" = None,
    ) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=stop_s)
        self._errors = errors
        self._listening: list[asyncio.Server] = []
        self._handshakes = Tasks()
        self._encrypted: Callable[[Connection], asyncio.Protocol] | None = None
        if web_file and web_file.config.tls:
            from ble_exporter.exporter.tls_entry import TlsEntry  # noqa: PLC0415 - not needed for plain HTTP

            self._encrypted = lambda connection: TlsEntry(connection, web_file, errors, self._handshakes.start)
        patience_s = TLS_PATIENCE_S if self.is_encrypted else PATIENCE_S
        self._connections = Connections(errors, most or most_connections(_descriptor_limit()), patience_s)

    async def listen(self, address: str | None, port: int, option: str = "") -> None:
        """Listen on the socket that `open_port` opens. Raises a PortError or another ConfigError."""
        await self.listen_on(open_port(address, port, option))

    async def listen_on(self, opened: socket.socket) -> None:
        """Listen on a bound TCP or Unix socket; `close` also closes the socket."""
        if self._runner.server is None:
            await self._runner.setup()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._connection, sock=opened, backlog=_ACCEPTED_AT_ONCE)
        self._listening.append(server)
        for listening in server.sockets:
            # asyncio's backlog is also the number of connections that it accepts before it does anything else.
            with socket.fromfd(listening.fileno(), listening.family, listening.type) as same:
                same.listen(_WAITING_IN_KERNEL)
                same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
                same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)

    @property
    def ports(self) -> set[int]:
        """The ports on which the server listens; if port 0 was requested, the port that the kernel chose."""
        return {listening.getsockname()[1] for server in self._listening for listening in server.sockets}

    @property
    def is_encrypted(self) -> bool:
        """Whether the server speaks TLS."""
        return self._encrypted is not None

    async def close(self) -> None:
        """Stop listening, and end all connections."""
        for server in self._listening:
            server.close()
        await self._handshakes.end()
        await self._runner.cleanup()
        self._connections.end_all()

    def _connection(self) -> asyncio.Protocol:
        server = cast(web.Server, self._runner.server)  # not None, since the runner was set up
        connection = Connection(server, self._connections, self._errors)
        self._connections.add(connection)
        return connection if self._encrypted is None else self._encrypted(connection)


def _descriptor_limit() -> float:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return float("inf") if soft == resource.RLIM_INFINITY else soft
