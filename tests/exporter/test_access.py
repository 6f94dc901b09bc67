"""Passwords and headers of the HTTP server, over real sockets; tests/exporter/test_app.py tests foreign hosts."""

import asyncio
import base64
import logging
from pathlib import Path

import bcrypt
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.config.app_config import AppConfig
from ble_exporter.errors import HttpErrorKind
from ble_exporter.exporter.access import credentials, password_check
from ble_exporter.exporter.app import create_app
from ble_exporter.exporter.http_errors import HttpErrors
from ble_exporter.exporter.passwords import Passwords, TooManyChecksError
from ble_exporter.exporter.web_file import WebFile
from tests.exporter.raw_http import Connect, Counts, served, statuses

HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
RIGHT, WRONG = base64.b64encode(b"alice:secret"), base64.b64encode(b"alice:x")


@pytest.fixture
def web_file(tmp_path: Path) -> WebFile:
    """A web configuration with one user and some headers."""
    path = tmp_path / "web.yml"
    path.write_text(
        f"basic_auth_users:\n  alice: {HASH}\n"
        "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    Content-Security-Policy: default-src *\n",
        encoding="utf-8",
    )
    return WebFile(str(path), logging.getLogger("test"))


def application(web_file: WebFile | None, errors: HttpErrors | None = None) -> web.Application:
    """Return the application with a web configuration, or without one."""
    config = AppConfig(30, 5, 8000, {"A4:C1:38:00:00:01": "living_room"})
    return create_app(config, collectors={}, web_file=web_file, errors=errors)


def ask(app: web.Application, request: bytes, *headers: bytes, host: bytes = b"localhost") -> bytes:
    """Send one request; return the answer."""
    lines = [request + b" HTTP/1.1", b"Host: " + host, b"Connection: close", *headers, b"", b""]

    async def act(connect: Connect) -> bytes:
        client = await connect()
        client.send(b"\r\n".join(lines))
        return await client.everything()

    return asyncio.run(served(app, act))[0]


PATHS = ["/", "/metrics", "/status", "/history", "/healthz", "/readyz", "/-/healthy", "/-/ready", "/page.js", "/absent"]


@pytest.mark.parametrize("request_line", [*(b"GET " + path.encode() for path in PATHS), b"POST /-/reload"])
def test_every_path_needs_a_password(web_file: WebFile, request_line: bytes) -> None:
    """As in exporter-toolkit, nothing is served without a password; not even the existence of a path is revealed."""
    answer = ask(application(web_file), request_line)

    assert [401] == statuses(answer)
    assert b'WWW-Authenticate: Basic realm="ble-exporter", charset="UTF-8"\r\n' in answer


@pytest.mark.parametrize("scheme", [b"Basic", b"basic", b"BASIC"])
def test_the_right_password_is_accepted(web_file: WebFile, scheme: bytes) -> None:
    """The name of the scheme is case-insensitive (RFC 9110, section 11.1), and any client may rely on that."""
    assert [200] == statuses(ask(application(web_file), b"GET /healthz", b"Authorization: " + scheme + b" " + RIGHT))


@pytest.mark.parametrize(
    ("header", "kinds"),
    [
        (b"Authorization: Basic " + WRONG, ["unauthorized"]),
        (b"Authorization: Basic " + base64.b64encode(b"alice"), []),
        (b"Authorization: Basic !!!", []),
        (b"Authorization: Bearer " + RIGHT, []),
        (b"Authorization:", []),
        (b"X: y", []),
    ],
)
def test_anything_else_is_refused(web_file: WebFile, header: bytes, kinds: list[HttpErrorKind]) -> None:
    """A wrong password is counted; a browser's first request has none, and must not be reported as an attack."""
    counts: Counts = Counts()
    answer = ask(application(web_file, HttpErrors(counts=counts)), b"GET /metrics", header, host=b"x")

    assert ([401], kinds) == (statuses(answer), list(counts))


def test_a_password_is_checked_in_every_scrape(web_file: WebFile) -> None:
    """The answer to a scrape that is repeated on one connection must not outlive the user's password."""
    app, handled = application(web_file), []

    async def note(request: web.Request, _response: web.StreamResponse) -> None:
        handled.append(request.path)

    app.on_response_prepare.append(note)
    scrape = b"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + RIGHT + b"\r\n\r\n"

    async def act(connect: Connect) -> bytes:
        client = await connect()
        answers = b""
        for _ in range(3):
            client.send(scrape)
            # Without collectors, the body is empty.
            answers += await client.reader.readuntil(b"\r\n\r\n")
        return answers

    answers, _ = asyncio.run(served(app, act))

    assert ([200] * 3, ["/metrics"] * 3) == (statuses(answers), handled)


def test_a_foreign_host_gets_no_chance_to_guess(web_file: WebFile) -> None:
    """A web page from elsewhere must not use a visitor's browser to try passwords."""
    answer = ask(application(web_file), b"GET /", b"Authorization: Basic " + RIGHT, host=b"evil.example")

    assert [421] == statuses(answer)


class Busy(Passwords):
    """A checker for which too many passwords are always waiting."""

    async def is_right(self, *_arguments: object) -> bool:
        """Refuse to check."""
        raise TooManyChecksError


def test_too_many_passwords_are_refused_for_now(web_file: WebFile) -> None:
    """The password may be right, so the client should try again later (503); 401 would point to the wrong cause."""
    counts: Counts = Counts()
    app = web.Application(middlewares=[password_check(web_file, HttpErrors(counts=counts), Busy())])
    answer = ask(app, b"GET /metrics", b"Authorization: Basic " + RIGHT)

    assert ([503], {"too_many_passwords": 1}) == (statuses(answer), dict(counts))
    assert b"Retry-After: 1\r\n" in answer


def test_headers_are_added_to_every_answer(web_file: WebFile) -> None:
    """Protective headers must be on refusals, too; nosniff is always added."""
    answer = ask(application(web_file), b"GET /absent")

    assert b"X-Frame-Options: deny\r\n" in answer
    assert b"X-Content-Type-Options: nosniff\r\n" in answer
    assert b"Content-Security-Policy: default-src *\r\n" in answer


def test_the_page_keeps_its_own_policy(web_file: WebFile) -> None:
    """A policy that was written for all exporters must neither weaken the page's protection nor break the page."""
    answer = ask(application(web_file), b"GET /", b"Authorization: Basic " + RIGHT)

    assert ([200], 1) == (statuses(answer), answer.count(b"Content-Security-Policy:"))
    assert b"default-src *" not in answer


def test_without_a_web_configuration_everybody_is_served() -> None:
    """By default, an exporter is open to everyone."""
    assert [200] == statuses(ask(application(None), b"GET /metrics"))


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_credentials_are_split_at_the_first_colon(user: bytes, password: bytes) -> None:
    """A password may contain a colon, and a user name may not (RFC 7617, section 2)."""
    user = user.replace(b":", b"")
    header = "Basic " + base64.b64encode(user + b":" + password).decode()

    assert (user, password) == credentials(header)


@given(st.text(max_size=50))
def test_any_header_is_understood_or_not(text: str) -> None:
    """Whatever a client sends, the result is a pair or None, never an error."""
    for header in (text, f"Basic {text}"):
        found = credentials(header)
        assert found is None or len(found) == 2
