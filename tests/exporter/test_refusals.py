"""The requests that aiohttp does not get, and the answers to them."""

import io
from http import HTTPStatus
from http.client import HTTPResponse

import pytest

from ble_exporter.exporter.refusals import Refusal, refusal_of

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"


class Given:
    """A socket that has received an answer."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def makefile(self, _mode: str) -> io.BytesIO:
        """Return the answer as a file."""
        return io.BytesIO(self._answer)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (GET + b"\r\n", None),
        (GET + b"Content-Length: 0\r\n\r\n", None),
        (GET + b"X-Expect: 1\r\nX-Content-Length: 5\r\n\r\n", None),
        (GET + b"Content-Length: 05\r\n\r\n", 413),
        (GET + b"TRANSFER-ENCODING : chunked\r\n\r\n", 413),
        (GET + b"Expect: 100-continue\r\n\r\n", 417),
        (b"PRI * HTTP/2.0\r\n\r\n", 505),
    ],
    ids=repr,
)
def test_only_a_request_without_surprises_reaches_aiohttp(request_: bytes, status: int | None) -> None:
    """Any of the refused requests would make aiohttp wait, or answer before the request is complete."""
    refusal = refusal_of(request_)

    assert status == (None if refusal is None else refusal.status)


@pytest.mark.parametrize(
    ("reason", "text"), [("a body", "408: a body"), (ValueError("secret"), "408: Request Timeout")]
)
def test_the_answer_gives_the_reason_but_no_exception(reason: object, text: str) -> None:
    """The text of an exception may quote anything; a text that we wrote helps the client's owner."""
    answer = Refusal(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", reason).answer()

    response = HTTPResponse(Given(answer))  # type: ignore[arg-type] # it needs only this method
    response.begin()
    assert (408, "close", "nosniff", text) == (
        response.status,
        response.headers["Connection"],
        response.headers["X-Content-Type-Options"],
        response.read().decode(),
    )
