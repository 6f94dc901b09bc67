"""
Sends large answers with bounded memory.

While a client reads its answer, the answer stays in memory. The transport of each connection buffers only a slice of
it, and the bodies of all answers share one limit. When their total size exceeds the limit, the client that has been
reading longest loses its connection.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress

from aiohttp import web
from aiohttp.http import HttpVersion11

from ble_exporter.exporter.connection import Connection
from ble_exporter.exporter.exposition import Format, accepts_gzip
from ble_exporter.exporter.http_errors import HttpErrors
from ble_exporter.exporter.rendering import Renderings, compressed
from ble_exporter.exporter.repeats import MOST_AT_ONCE, repetition
from ble_exporter.system.port import MOST_REQUESTS

# In bytes, for all clients together. For a thousand sensors, /history takes 3 MB and any other answer 1 MB; compressed,
# a tenth of that.
MOST_UNSENT = 8_000_000
_SLICE = 16 * 1024

CatchUp = Callable[[], None]
"""Handles the advertisements that were received, but not handled yet."""


def nothing_waits() -> None:
    """Do nothing: each advertisement is handled when it is received."""


class Answers:
    """
    Renders and sends the answers of an application.

    Args:
        errors: Counts refused requests.
        most_unsent: The limit for the bodies of the answers, in bytes.
        most_requests: How many requests for metrics may wait for their answers to be rendered. Each of them occupies a
            connection, and more would displace connections whose requests have not been read yet. Requests for other
            paths have their own limit, MOST_REQUESTS.
        may_repeat: Whether equal requests for metrics are always answered in the same way, except for the values. With
            a web configuration, they are not: its passwords and headers may change.
        catch_up: Called before the content of an answer is made.

    Attributes:
        catch_up: The argument of this name.
    """

    def __init__(
        self,
        errors: HttpErrors,
        most_unsent: int = MOST_UNSENT,
        most_requests: int = MOST_REQUESTS,
        *,
        may_repeat: bool = False,
        catch_up: CatchUp = nothing_waits,
    ) -> None:
        self._errors = errors
        self._may_repeat = may_repeat
        self.catch_up = catch_up
        self._most_requests = most_requests
        self._most_unsent = most_unsent
        self._renderings = Renderings()
        self._waiting: Counter[bool] = Counter()
        self._sending: dict[web.StreamResponse, tuple[web.Request, bytes]] = {}

    async def send(
        self,
        request: web.Request,
        key: Hashable,
        pieces: Callable[[], Iterable[bytes]],
        headers: Mapping[str, str],
        reuse_s: float = 0,
    ) -> web.StreamResponse:
        """
        Send the joined pieces, compressed if the client accepts gzip. The answer may be up to `reuse_s` seconds old.

        Simultaneous requests for the same path and key get the same body. Raises HTTPServiceUnavailable if too many
        requests are waiting for their bodies.
        """
        is_compressed = accepts_gzip(", ".join(request.headers.getall("Accept-Encoding", ())))
        if is_compressed:
            headers = {**headers, "Content-Encoding": "gzip"}

        def content() -> Iterable[bytes]:
            self.catch_up()
            return compressed(pieces()) if is_compressed else pieces()

        body = await self._render(request.path, (key, is_compressed), content, reuse_s)
        response = _response(body, headers)
        self._sending[response] = (request, body)
        self._limit_unsent()
        try:
            # If the client has disconnected, aiohttp itself ends the connection.
            with suppress(ConnectionError):
                await self._write(request, response, body)
        finally:
            self._sending.pop(response, None)
        if self._may_repeat and isinstance(key, Format) and isinstance(response, web.Response):
            self._allow_repeats(request, response, content)
        return response

    async def _render(
        self, path: str, key: tuple[Hashable, bool], pieces: Callable[[], Iterable[bytes]], reuse_s: float
    ) -> bytes:
        is_for_metrics = isinstance(key[0], Format)
        if self._waiting[is_for_metrics] >= (self._most_requests if is_for_metrics else MOST_REQUESTS):
            self._errors.note("too_many_answers", "others are still being rendered")
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "1"})
        self._waiting[is_for_metrics] += 1
        try:
            return await self._renderings.render(path, key, pieces, reuse_s)
        finally:
            self._waiting[is_for_metrics] -= 1

    async def _write(self, request: web.Request, response: web.StreamResponse, body: bytes) -> None:
        await response.prepare(request)
        if request.method != "HEAD" and not isinstance(response, web.Response):
            for start in range(0, len(body), _SLICE):
                await response.write(body[start : start + _SLICE])
        await response.write_eof()

    def _allow_repeats(
        self, request: web.Request, response: web.Response, pieces: Callable[[], Iterable[bytes]]
    ) -> None:
        is_usual = request.method == "GET" and request.version == HttpVersion11 and response.keep_alive
        if is_usual and isinstance(request.protocol, Connection):
            request.protocol.repeats.allow(repetition(response, pieces))

    def _limit_unsent(self) -> None:
        """Cut off the oldest answers until the rest are within the limit; the newest one is sent in any case."""
        while len(self._sending) > 1:
            bodies = {id(body): len(body) for _, body in self._sending.values()}
            if sum(bodies.values()) <= self._most_unsent:
                return
            request, _ = self._sending.pop(next(iter(self._sending)))
            self._errors.note("too_many_answers", f"to {request.remote}")
            if request.transport is not None:
                request.transport.abort()


def _response(body: bytes, headers: Mapping[str, str]) -> web.StreamResponse:
    """Return the response for a body, which contains the body if that is small enough to be sent with the head."""
    if len(body) <= MOST_AT_ONCE:
        return web.Response(body=body, headers=headers)
    response = web.StreamResponse(headers=headers)
    response.content_length = len(body)
    return response
