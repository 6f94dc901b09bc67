"""Decides which complete requests are refused before aiohttp parses them, and writes the answers to these."""

import re
from http import HTTPStatus
from typing import NamedTuple

from ble_exporter.errors import HttpErrorKind

_BODY = re.compile(rb"\n(?:transfer-encoding[ \t]*:|content-length[ \t]*:[ \t]*0*[^0\s])", re.IGNORECASE)
_EXPECT = re.compile(rb"\nexpect[ \t]*:", re.IGNORECASE)


class Refusal(NamedTuple):
    """The status of the answer, the kind of the error, and the reason: a text for the client, or an exception."""

    status: HTTPStatus
    kind: HttpErrorKind
    reason: object

    def answer(self) -> bytes:
        """Return the whole answer, after which the connection ends."""
        status = self.status
        text = f"{status}: {self.reason if isinstance(self.reason, str) else status.phrase}"
        head = f"HTTP/1.1 {status} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8"
        headers = f"X-Content-Type-Options: nosniff\r\nContent-Length: {len(text)}\r\nConnection: close"
        return f"{head}\r\n{headers}\r\n\r\n{text}".encode()


_HAS_BODY = Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", "no path of this server takes a body")
_HTTP_2 = Refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "bad_request", "this server does not speak HTTP/2")
_EXPECTS = Refusal(HTTPStatus.EXPECTATION_FAILED, "bad_request", "this server does not support Expect")


def refusal_of(request: bytes) -> Refusal | None:
    """Return why a request (its line and its headers) is refused; None if aiohttp may parse it."""
    if _BODY.search(request):
        return _HAS_BODY
    if request.startswith(b"PRI "):
        # aiohttp would wait for the rest of the HTTP/2 preface.
        return _HTTP_2
    return _EXPECTS if _EXPECT.search(request) else None
