"""
One HTTP connection, with limits on the time and the memory that its client can use.

aiohttp parses and answers the requests. This class passes it one complete request at a time, of at most 8 kB and
without a body, and ends the connection if the client is too slow.
"""

import asyncio
import re
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from ble_exporter.errors import HttpErrorKind
from ble_exporter.exporter.http_errors import HttpErrors
from ble_exporter.exporter.refusals import Refusal, refusal_of
from ble_exporter.exporter.repeats import Repeats
from ble_exporter.exporter.request_handler import RequestHandler

if TYPE_CHECKING:
    from ble_exporter.exporter.connections import Connections

# In bytes: the request line and all header lines. A browser sends 0.5 kB, or several kB with many cookies.
LARGEST_REQUEST = 8192
# A whole request must arrive within this time after the connection or after the first byte of the request.
REQUEST_S = 10.0
# Longer than most scrape intervals, so that a Prometheus server keeps its connection.
IDLE_S = 90.0
# From the request until the client has taken the answer. The last hour of a thousand sensors (3 MB) needs 100 kB/s.
ANSWER_S = 30.0
# How long the connection stays open after a refusal, so that a client that is still sending can read the refusal.
_LINGER_S = 1.0
# In bytes, for each connection: if the buffer holds more, the handler waits until the client reads.
_WRITE_BUFFER = 32 * 1024

# A bare line feed also ends a line here, so that aiohttp gets a request with bare line feeds, and refuses it.
_END_OF_HEAD = re.compile(rb"\n\r?\n")
# aiohttp answers a request with an Upgrade header in HTTP/1.1, but may fail to read further requests of the connection.
# Such a request is therefore the last one on its connection.
_UPGRADE = re.compile(rb"\nupgrade[ \t]*:", re.IGNORECASE)

_TOO_LARGE = Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too_large", "a request may have at most 8 kB")
_TOO_SLOW = Refusal(
    HTTPStatus.REQUEST_TIMEOUT, "request_timeout", f"the request was not complete after {REQUEST_S:g} s"
)


class Connection(RequestHandler):
    """
    One connection.

    Attributes:
        peer: The client's IP address; empty on a Unix socket; None before the connection is made.
        is_aborted: Whether the server has ended the connection with `abort`.
        repeats: The requests whose answers can be repeated.
        waits_since: The time, by the event loop's clock, at which the server began to wait for the client to send a
            request or to read; None while an answer is being rendered.
    """

    __slots__ = (
        "_accepted",
        "_connections",
        "_has_begun",
        "_has_eof",
        "_is_answering",
        "_is_full",
        "_is_last",
        "_is_repeating",
        "_received",
        "_timer",
        "is_aborted",
        "peer",
        "repeats",
        "waits_since",
    )

    def __init__(self, server: web.Server, connections: "Connections", errors: HttpErrors) -> None:
        super().__init__(server, errors)
        self._connections = connections
        self._received = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._accepted: asyncio.Transport | None = None
        self._has_begun = False
        self._has_eof = False
        self._is_last = False
        self._is_full = self._is_repeating = False
        self.repeats = Repeats(connections.may_repeat, partial(errors.note, "internal"))
        self.is_aborted = False
        self._is_answering = False
        self.peer: str | None = None
        self.waits_since: float | None = asyncio.get_running_loop().time()

    def accept(self, transport: asyncio.Transport) -> None:
        """Note a transport on which the client must first set up TLS; `connection_made` follows if that succeeds."""
        self._accepted = transport
        if self.is_aborted:
            self.abort()
        self.peer = _peer(transport)

    def forget(self) -> None:
        """Note that TLS was not set up, so that `connection_made` does not follow."""
        self._connections.remove(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        super().connection_made(transport)
        if self.is_aborted:
            self.abort()
            return
        self.peer = _peer(transport)
        if isinstance(transport, asyncio.WriteTransport):
            transport.set_write_buffer_limits(high=_WRITE_BUFFER)
        self._limit_time(REQUEST_S, None)

    def connection_lost(self, exc: BaseException | None) -> None:
        """See asyncio.Protocol."""
        if self._timer is not None:
            self._timer.cancel()
        self._received.clear()
        self.repeats.forget()
        self._connections.remove(self)
        if self._accepted is not None and self.transport is not None:
            # In Python 3.10, a TLS transport that the client has closed is still open on this side. Without TLS, it is
            # closed, and up to Python 3.11, `abort` would make asyncio call `connection_lost` again, and log an error.
            self.transport.abort()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self._is_full = True
        self._let_client_act()
        super().pause_writing()

    def resume_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self._is_full = False
        self.waits_since = None
        super().resume_writing()
        if self._is_repeating and (self._is_last or (self._has_eof and not self._received)):
            # The client wants no further answer, or gets none. The time limit for this answer stays in force.
            self._let_client_act()
            if self.transport is not None:
                # After this method has returned to asyncio, which would otherwise end the connection a second time.
                asyncio.get_running_loop().call_soon(self.transport.close)
        elif self._is_repeating:
            self._await_request()

    def data_received(self, data: bytes) -> None:
        """Collect a request, and give it to aiohttp when it is complete."""
        if self._is_last:
            return
        self._received += data
        if not self._is_answering:
            self._take_request()
        self._drop_flood()

    def eof_received(self) -> bool:  # type: ignore[override] # asyncio.Protocol also allows a bool
        """Return whether to keep the connection open: a client that only stops sending can still read its answer."""
        self._has_eof = True
        # asyncio does not support a TLS connection that is closed in one direction only.
        return self._is_answering and self._accepted is None

    def _drop_flood(self) -> None:
        """Ignore all further data of a client that sends too much without waiting for its answers."""
        if len(self._received) > LARGEST_REQUEST:
            self._is_last = True
            self._received.clear()

    def _take_request(self) -> None:
        received = self._received
        answer = None if self._has_eof else self.repeats.answer_to(received)
        if answer is not None:
            self._answer_again(answer)
            return
        del received[: len(received) - len(received.lstrip(b"\r\n"))]
        if not received:
            return
        end = _END_OF_HEAD.search(received)
        # Data of another protocol, such as TLS, has no end that this class recognises: aiohttp reports the fault.
        size = end.end() if end else len(received)
        if size > LARGEST_REQUEST:
            self._refuse(_TOO_LARGE)
        elif end or not received[:1].isalpha():
            request = bytes(received[:size])
            del received[:size]
            self._answer(request)
        elif not self._has_begun:
            self._has_begun = True
            self._limit_time(REQUEST_S, "request_timeout")

    def _answer_again(self, answer: bytes) -> None:
        """Send the answer to a repeated request."""
        self._received.clear()
        if not isinstance(self.transport, asyncio.Transport) or self.transport.is_closing():
            return
        self.transport.write(answer)
        if self._is_full:
            self._is_answering = self._is_repeating = True
            self._limit_time(ANSWER_S, "answer_timeout")
        else:
            self._await_request()

    def _answer(self, request: bytes) -> None:
        refusal = refusal_of(request)
        if refusal is not None:
            self._refuse(refusal)
            return
        self._is_last = _UPGRADE.search(request) is not None
        self._is_answering = True
        self.waits_since = None
        self.repeats.request = request
        self._limit_time(ANSWER_S, "answer_timeout")
        # Any exception of aiohttp's parser is caused by the client.
        try:
            super().data_received(request)
        except Exception as error:
            self._refuse(Refusal(HTTPStatus.BAD_REQUEST, "bad_request", error))

    async def start(self) -> None:
        """Answer requests until the connection ends; aiohttp starts this coroutine when the connection is made."""
        try:
            await super().start()
        except Exception as error:
            # Some releases of aiohttp parse the target only now.
            self._refuse(Refusal(HTTPStatus.BAD_REQUEST, "bad_request", error))

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer, then continue with the client's next request."""
        finished = await super().finish_response(request, resp, start_time)
        with suppress(ConnectionError):
            await request.writer.drain()
        if self.transport is None:
            return finished
        if self._is_last or not resp.keep_alive or (self._has_eof and not self._received):
            # The time limit for the answer stays in force, because the client may not have taken all of it.
            self._let_client_act()
            self.close()
        else:
            self._await_request()
        return finished

    def _await_request(self) -> None:
        """Wait for the next request after an answer; the client may have sent it already."""
        self._let_client_act()
        self._is_answering = self._is_repeating = self._has_begun = False
        self._limit_time(IDLE_S, None)
        self._take_request()
        if self._has_eof and not (self._is_answering or self._is_last) and self.transport is not None:
            # The rest of the request can't arrive. Later, because asyncio may have called this method.
            asyncio.get_running_loop().call_soon(self.transport.close)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer without aiohttp, and ignore any further request."""
        self._errors.note(refusal.kind, refusal.reason)
        self._is_last = True
        self._is_answering = False
        self._let_client_act()
        self._received.clear()
        if not isinstance(self.transport, asyncio.Transport) or self.transport.is_closing():
            return
        self._limit_time(_LINGER_S, None)
        self.transport.write(refusal.answer())
        if self.transport.can_write_eof():
            with suppress(OSError):  # the client may have gone
                self.transport.write_eof()
        else:
            self.transport.close()

    def _let_client_act(self) -> None:
        self.waits_since = asyncio.get_running_loop().time()

    def _limit_time(self, seconds: float, kind: HttpErrorKind | None) -> None:
        """Replace the time limit: after this time, end the connection, and count an error of this kind, if given."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._end_in_time, kind)

    def _end_in_time(self, kind: HttpErrorKind | None) -> None:
        if kind == "request_timeout":
            self._refuse(_TOO_SLOW)
            return
        if kind is not None:
            self._errors.note(kind, f"from {self.peer}")
        self.abort()

    def abort(self) -> None:
        """End the connection immediately, and drop the data that the client has not read."""
        self.is_aborted = True
        transport = self.transport or self._accepted
        if transport is not None:
            transport.abort()


def _peer(transport: asyncio.BaseTransport) -> str:
    return str((transport.get_extra_info("peername") or ("",))[0])
