"""aiohttp's request handler for one connection; each of its errors is counted, and logged in one line."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from ble_exporter.exporter.http_errors import HttpErrors
from ble_exporter.utils import one_line

NOSNIFF: Mapping[str, str] = {"X-Content-Type-Options": "nosniff"}
"""Prevents MIME sniffing, by which a browser may treat a text that quotes a request as a page or a script."""

# Disables aiohttp's own limit for idle connections.
_NEVER_S = 1e6


class RequestHandler(web.RequestHandler):
    """The handler of one connection, without an access log, and without time limits of its own."""

    __slots__ = ("_errors",)

    def __init__(self, server: web.Server, errors: HttpErrors) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # documented for web.AppRunner: no access log
            lingering_time=0,
            keepalive_timeout=_NEVER_S,
        )
        self._errors = errors

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to a request that aiohttp could not parse, or whose handler failed."""
        is_client_s = status == HTTPStatus.BAD_REQUEST
        self._errors.note("bad_request" if is_client_s else "internal", exc or message or status)
        if request.writer.output_size > 0:
            raise ConnectionError("part of another answer has already been sent")
        title = f"{status}: {HTTPStatus(status).phrase}"
        text = f"{title}: {one_line(message)[:200]}" if is_client_s and message else title
        answer = web.Response(status=status, text=text, headers=NOSNIFF)
        answer.force_close()
        return answer

    def log_exception(self, *args: object, **kwargs: object) -> None:
        """Count and log an exception raised in aiohttp itself."""
        error = kwargs.get("exc_info")
        self._errors.note("internal", error if isinstance(error, BaseException) else " ".join(map(str, args)))
