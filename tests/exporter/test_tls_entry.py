"""The beginning of a TLS connection, over real sockets: handshakes, and clients that do something else."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ble_exporter.config.app_config import AppConfig
from ble_exporter.exporter.app import create_app
from ble_exporter.exporter.connections import TLS_PATIENCE_S
from ble_exporter.exporter.tls_entry import PLAIN_HTTP
from ble_exporter.exporter.web_file import WebFile
from tests.certificates import Authority, client_context, write_certificates
from tests.exporter.raw_http import (
    Client,
    Connect,
    Counts,
    advance,
    in_hasty_time,
    served,
    statuses,
    with_settable_clock,
)

TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
MUTUAL = f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
CLOSE = b"Connection: close\r\n\r\n"
# The first bytes of a handshake, which announce more.
HALF = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


class Files(NamedTuple):
    """The folder with the certificates, and the web configuration of the server."""

    folder: Path
    web_file: WebFile

    def client(self, certificate: str = "") -> ssl.SSLContext:
        """Return the context of a client that trusts the server."""
        return client_context(self.folder, certificate)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with certificates."""
    made = tmp_path_factory.mktemp("tls")
    write_certificates(made)
    return made


def files(folder: Path, text: str = TLS) -> Files:
    """Return the files with this web configuration."""
    path = folder / "web.yml"
    path.write_text(text, encoding="utf-8")
    return Files(folder, WebFile(str(path), logging.getLogger("test")))


def application() -> web.Application:
    """Return an application."""
    return create_app(AppConfig(30, 5, 8000, {"A4:C1:38:00:00:01": "living_room"}), collectors={})


def talk(
    files: Files,
    act: Callable[[Connect], Awaitable[bytes]],
    client: ssl.SSLContext | None,
    run: Callable[..., tuple[bytes, Counts]] = asyncio.run,
    most: int | None = None,
) -> tuple[bytes, Counts]:
    """Serve with TLS, and return the result of `act` and the counted errors."""
    return run(served(application(), act, most, web_file=files.web_file, client_tls=client))


async def ask(connect: Connect) -> bytes:
    """Send one request; return the answer, which is empty if the connection ends before it."""
    try:
        client = await connect()
    except (OSError, ssl.SSLError):
        return b""
    client.send(GET + CLOSE)
    return await everything(client)


async def everything(client: Client) -> bytes:
    """Return everything that the server sends, until it ends the connection in any way."""
    try:
        return await client.everything()
    except ssl.SSLError:
        return b""


def send(data: bytes) -> Callable[[Connect], Awaitable[bytes]]:
    """Return a function that sends these bytes on a plain connection, and returns the server's answer."""

    async def act(connect: Connect) -> bytes:
        client = await connect()
        client.send(data)
        return await client.everything()

    return act


def test_a_request_is_answered(folder: Path) -> None:
    """The normal case: the certificate is verified, and the answer arrives whole."""
    one = files(folder)
    answer, counts = talk(one, ask, one.client())

    assert ([200], b"ok", {}) == (statuses(answer), answer[-2:], dict(counts))


def test_a_connection_is_used_again(folder: Path) -> None:
    """Prometheus keeps its connection, because a handshake takes longer than a scrape."""
    one = files(folder)

    async def act(connect: Connect) -> bytes:
        client = await connect()
        client.send(GET + b"\r\n")
        first = await client.reader.readuntil(b"ok")
        client.send(GET + CLOSE)
        return first + await everything(client)

    answer, _ = talk(one, act, one.client())
    assert [200, 200] == statuses(answer)


def test_clients_whose_handshakes_take_long_get_answers(folder: Path) -> None:
    """On a Raspberry Pi, the handshakes of 64 clients that connect at once take most of a second."""

    async def act(connect: Connect) -> bytes:
        clients: list[Client] = []
        for number in range(200):
            clients.append(await connect())
            await asyncio.sleep(0)
            if number >= 8:
                clients[number - 8].send(b"GET / HTTP/1.1\r\n\r\n")
            advance(0.1 * TLS_PATIENCE_S)
        return b"".join([await one.everything() for one in clients[:-8]])

    answers, _ = talk(files(folder), act, None, with_settable_clock, most=4)

    assert PLAIN_HTTP.encode() in answers


def test_a_request_may_arrive_with_the_end_of_the_handshake(folder: Path) -> None:
    """A client need not wait for the server's last message, so the request may come before the connection is set up."""
    one = files(folder)

    async def act(connect: Connect) -> bytes:
        client = await connect()
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = one.client().wrap_bio(to_client, to_server, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        client.send(to_server.read())
        while True:
            to_client.write(await client.reader.read(65536))
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                continue
        tls.write(GET + CLOSE)
        client.send(to_server.read())
        to_client.write(await client.everything())
        return tls.read(65536)

    # This client does not close its side of TLS, for which the server waits half a minute.
    answer, _ = talk(one, act, None, in_hasty_time)
    assert [200] == statuses(answer)


def test_plain_http_is_told_so(folder: Path) -> None:
    """A user who forgets the s of https must not look for the fault elsewhere."""
    answer, counts = talk(files(folder), send(GET + CLOSE), None)

    assert ([400], {"tls": 1}) == (statuses(answer), dict(counts))
    assert PLAIN_HTTP.encode() in answer


@pytest.mark.parametrize("data", [b"\x00" * 500, b"\x80\x2e\x01\x00\x02", b"\x15\x03\x01\x00\x02\x02\x28"])
def test_another_protocol_is_cut_off(folder: Path, data: bytes) -> None:
    """Port scanners send anything; whoever does not speak HTTP gets no answer in HTTP."""
    answer, counts = talk(files(folder), send(data), None)

    assert (b"", {"tls": 1}) == (answer, dict(counts))


def test_half_of_a_handshake_is_cut_off(folder: Path) -> None:
    """A client that sends the first bytes of a handshake and then waits must not keep its connection."""
    answer, counts = talk(files(folder), send(HALF), None, in_hasty_time)

    assert (b"", {"tls": 1}) == (answer, dict(counts))


def test_silence_is_cut_off(folder: Path) -> None:
    """A connection on which nothing was sent counts as idle, as without TLS."""
    answer, counts = talk(files(folder), send(b""), None, in_hasty_time)

    assert (b"", {}) == (answer, dict(counts))


@given(st.binary(max_size=300).map(lambda data: HALF[:5] + data))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=10)
def test_no_handshake_stops_the_server(folder: Path, data: bytes) -> None:
    """Whatever a client sends in a handshake, its failure is counted once, and the next client is served."""
    one = files(folder)

    async def act(connect: Connect) -> bytes:
        client = await connect(None)
        client.send(data)
        client.end()
        await client.everything()
        return await ask(connect)

    answer, counts = talk(one, act, one.client())
    assert ([200], {"tls": 1}) == (statuses(answer), dict(counts))


@pytest.mark.parametrize(
    ("text", "certificate", "expected"),
    [
        (MUTUAL, "client", [200]),
        (MUTUAL, "", []),
        (MUTUAL, "stranger", []),
        (f"{MUTUAL}  client_allowed_sans: [prometheus.example]\n", "client", [200]),
        (f"{MUTUAL}  client_allowed_sans: [other.example]\n", "client", []),
    ],
)
def test_a_client_needs_the_right_certificate(folder: Path, text: str, certificate: str, expected: list[int]) -> None:
    """Only a certificate of the authority may open the server and, if names are listed, only one with a listed name."""
    one = files(folder, text)
    answer, counts = talk(one, ask, one.client(certificate))

    assert (expected, 0 if expected else 1) == (statuses(answer), counts["tls"])


def test_a_new_certificate_is_used_by_the_next_connection(tmp_path: Path) -> None:
    """Certificates are renewed while the service runs, and clients refuse one that has expired."""
    Authority(tmp_path).issue("server")
    one = files(tmp_path)

    async def act(connect: Connect) -> bytes:
        certificates = set()
        for _ in range(2):
            client = await connect()
            encrypted = client.writer.get_extra_info("ssl_object")
            certificates.add(encrypted.getpeercert(binary_form=True))
            # The answer shows that the handshake has ended on the server's side, too.
            client.send(GET + CLOSE)
            await everything(client)
            Authority(tmp_path).issue("server")
        return str(len(certificates)).encode()

    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE

    assert b"2" == talk(one, act, anybody)[0]


@pytest.mark.parametrize("first", [b"", HALF])
def test_unfinished_handshakes_do_not_keep_others_out(folder: Path, first: bytes) -> None:
    """Unfinished handshakes count as connections: at the limit, a new connection ends the oldest one at once."""

    async def act(connect: Connect) -> bytes:
        clients = []
        for _ in range(4):
            clients.append(await connect())
            clients[-1].send(first)
            # Let the server read what was sent.
            for _ in range(20):
                await asyncio.sleep(0)
        # Only two are left, so the first two have ended.
        for client in clients[:2]:
            await client.everything()
        return b"ended"

    answer, counts = talk(files(folder), act, None, most=2)
    assert (b"ended", 2) == (answer, counts["too_many_connections"])


def test_a_refusal_is_sent_whole(folder: Path) -> None:
    """A TLS connection of asyncio can't be half-closed, so the server closes both directions after the refusal."""
    one = files(folder)

    async def act(connect: Connect) -> bytes:
        client = await connect()
        client.send(GET + b"X: " + b"x" * 9000 + b"\r\n\r\n")
        return await everything(client)

    answer, counts = talk(one, act, one.client(), in_hasty_time)
    assert ([431], {"too_large": 1}) == (statuses(answer), dict(counts))
