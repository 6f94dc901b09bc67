"""The limits of one connection, over real sockets."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.config.app_config import AppConfig
from ble_exporter.exporter.app import ANSWERS, create_app
from ble_exporter.exporter.connection import ANSWER_S, IDLE_S, REQUEST_S
from ble_exporter.exporter.log_limit import LONGEST_LINE
from tests.exporter.raw_http import Connect, Counts, in_hasty_time, served, statuses

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
CLOSE = b"Connection: close\r\n"


def application(slow: Handler | None = None) -> web.Application:
    """Return the application; `slow` handles requests to /slow."""
    app = create_app(AppConfig(30, 5, 8000, {"A4:C1:38:00:00:01": "living_room"}), collectors={})
    if slow is not None:
        app.router.add_get("/slow", slow)
    return app


def ask(
    *parts: bytes,
    ends: bool = False,
    app: web.Application | None = None,
    run: Callable[..., tuple[bytes, Counts]] = asyncio.run,
) -> tuple[bytes, Counts]:
    """Send the parts one after the other, and return everything that the server sends until it ends the connection."""

    async def act(connect: Connect) -> bytes:
        client = await connect()
        for part in parts:
            client.send(part)
            await client.writer.drain()
            await asyncio.sleep(0)
        if ends:
            client.end()
        return await client.everything()

    return run(served(app or application(), act))


def test_a_request_may_come_byte_by_byte() -> None:
    """A slow network may split a request anywhere."""
    answer, counts = ask(*(bytes([byte]) for byte in GET + CLOSE + b"\r\n"))

    assert ([200], {}) == (statuses(answer), dict(counts))


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_half_closed_request_is_answered(version: bytes) -> None:
    """`nc -N` and some health checks end their side with the request, and then wait for the answer."""
    answer, _ = ask(b"GET /healthz HTTP/" + version + b"\r\nHost: x\r\n\r\n", ends=True)

    assert ([200], True) == (statuses(answer), answer.endswith(b"\r\n\r\nok"))


def test_a_half_closed_request_is_answered_however_long_that_takes() -> None:
    """A client may end its side of the connection long before a large answer is rendered."""

    async def slow(_request: web.Request) -> web.Response:
        await asyncio.sleep(ANSWER_S / 2)
        return web.Response(text="late")

    request = b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer, _ = ask(request, ends=True, app=application(slow), run=in_hasty_time)

    assert answer.endswith(b"late")


def test_half_of_a_request_before_the_end_is_no_request() -> None:
    """A port scanner that hangs up needs no answer, and must not count as an error."""
    answer, counts = ask(GET, ends=True)

    assert (b"", {}) == (answer, dict(counts))


@pytest.mark.parametrize("rest", [b"GET /met", b"\r\n"], ids=["part of a request", "a line end"])
def test_what_follows_a_last_request_does_not_keep_the_connection(rest: bytes) -> None:
    """After its end, a client can't complete a request; such connections once stayed until the program ended."""

    async def act(connect: Connect) -> float:
        client = await connect()
        client.send(GET + b"\r\n" + rest)
        client.end()
        loop = asyncio.get_running_loop()
        began = loop.time()
        await client.everything()
        return loop.time() - began

    took_s, counts = in_hasty_time(served(application(), act))

    assert (True, {}) == (took_s < 1, dict(counts))


def test_a_connection_serves_several_requests() -> None:
    """Prometheus keeps its connection between two scrapes, and each scrape on it must be answered."""

    async def act(connect: Connect) -> list[bytes]:
        client = await connect()
        answers = []
        for _ in range(3):
            client.send(GET + b"\r\n")
            answers.append(await client.reader.readuntil(b"\r\n\r\nok"))
        return answers

    answers, _ = asyncio.run(served(application(), act))

    assert [[200]] * 3 == [statuses(answer) for answer in answers]


def test_a_few_requests_may_be_sent_at_once() -> None:
    """HTTP/1.1 allows pipelining (RFC 9112, section 9.3.2), even with an empty line between the requests."""
    answer, _ = ask((GET + b"\r\n\r\n") * 9 + GET + CLOSE + b"\r\n")

    assert [200] * 10 == statuses(answer)


def test_a_flood_of_requests_is_cut_off() -> None:
    """Thousands of requests that the server read before their turn would fill its memory."""
    answer, _ = ask((GET + b"\r\n") * 10_000)

    assert [200] == statuses(answer)


@pytest.mark.parametrize(
    ("request_", "status", "kind"),
    [
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 431, "too_large"),
        (b"GET /" + b"a" * 1_000_000, 431, "too_large"),
        (GET + b"X: a\r\n" * 10_000 + b"\r\n", 431, "too_large"),
        (GET + (b"Accept: " + b"a," * 4050 + b"\r\n") * 120 + b"\r\n", 431, "too_large"),
        (GET + b"Content-Length: 5\r\n\r\nhello", 413, "too_large"),
        (GET + b"content-length : 0005\r\n\r\nhello", 413, "too_large"),
        (GET + b"Content-Length: 100000000\r\n\r\n" + b"a" * 1_000_000, 413, "too_large"),
        (GET + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * 100_000, 413, "too_large"),
        (GET + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", 413, "too_large"),
        (GET + b"Expect: 100-continue\r\n\r\n", 417, "bad_request"),
        (GET + b"EXPECT: \xff\r\n\r\n", 417, "bad_request"),
        (GET + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", 413, "too_large"),
        (b"GET http://[]@/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad_request"),
        (b"GET http://a:x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n", 400, "bad_request"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "bad_request"),
        (bytes.fromhex("16030100c8010000c40303") + b"\0" * 200, 400, "bad_request"),
        (b"\0", 400, "bad_request"),
    ],
    ids=lambda value: repr(value[:30]) if isinstance(value, bytes) else str(value),
)
def test_what_is_no_acceptable_request_is_refused(
    request_: bytes, status: int, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A bad request must cost a short answer, a count and a log line, not seconds of work or megabytes of memory."""
    answer, counts = ask(request_)

    assert ([status], {kind: 1}) == (statuses(answer), dict(counts))
    assert b"nosniff" in answer
    (record,) = caplog.records
    assert (None, True) == (record.exc_info, len(record.getMessage()) <= LONGEST_LINE)


def test_a_body_of_no_bytes_is_none() -> None:
    """Some clients send `Content-Length: 0` with every request, and must not be refused because of a body."""
    answer, _ = ask(GET + b"Content-Length: 0\r\n" + CLOSE + b"\r\n")

    assert [200] == statuses(answer)


def test_a_refused_client_that_goes_on_sending_gets_its_answer() -> None:
    """If the server closed at once, the client's system would discard the answer with the connection."""
    answer, _ = ask(GET + b"Content-Length: 9000000\r\n\r\n", *[b"a" * 100_000] * 30)

    assert [413] == statuses(answer)


def test_a_request_to_change_the_protocol_is_answered_without() -> None:
    """`curl --http2` asks for HTTP/2 in its first request, and accepts an answer in HTTP/1.1."""
    answer, _ = ask(GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + GET + b"\r\n")

    assert [200] == statuses(answer)


@pytest.mark.parametrize(
    ("sent", "limit_s", "kind"),
    [(b"", REQUEST_S, None), (GET, REQUEST_S, "request_timeout"), (GET + b"\r\n", IDLE_S, None)],
    ids=["nothing", "half a request", "a request and nothing more"],
)
def test_a_client_has_limited_time(sent: bytes, limit_s: float, kind: str | None) -> None:
    """A dead client would hold its connection, and so a file descriptor, for ever."""

    async def act(connect: Connect) -> tuple[list[int], float]:
        client = await connect()
        began = asyncio.get_running_loop().time()
        client.send(sent)
        answer = await client.everything()
        return statuses(answer), asyncio.get_running_loop().time() - began

    (answered, took_s), counts = in_hasty_time(served(application(), act))

    assert limit_s == pytest.approx(took_s, abs=1.5)
    assert ({kind: 1} if kind else {}, [408] if kind else [200] if sent else []) == (dict(counts), answered)


def test_a_drop_now_and_then_does_not_prolong_the_time() -> None:
    """With a new limit for each byte, a byte every few seconds would hold a connection for hours (Slowloris)."""

    async def act(connect: Connect) -> bytes:
        client = await connect()
        for _ in range(5):
            client.send(b"a")
            await asyncio.sleep(REQUEST_S / 4)
        return await client.everything()

    answer, counts = in_hasty_time(served(application(), act))

    assert ([408], {"request_timeout": 1}) == (statuses(answer), dict(counts))


async def _read_slowly(connect: Connect, request: bytes) -> int:
    """Request an answer, begin to read only after its time limit, and return the number of bytes received."""
    client = await connect()
    client.writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a transport for both directions
    client.send(request)
    await asyncio.sleep(ANSWER_S + 5)
    client.writer.transport.resume_reading()  # type: ignore[attr-defined] # see above
    return len(await client.everything())


def test_a_client_that_does_not_read_is_cut_off() -> None:
    """Without the limit, three hundred clients that did not read held 660 MB."""

    async def large(request: web.Request) -> web.StreamResponse:
        return await request.app[ANSWERS].send(request, "large", lambda: [b"x" * 5_000_000], {})

    received, counts = in_hasty_time(
        served(
            application(large), lambda connect: _read_slowly(connect, b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        )
    )

    assert ({"answer_timeout": 1}, True) == (dict(counts), received < 5_000_000)


_TOKENS = (
    "GET |POST |/|/healthz| HTTP/1.1| HTTP/1.0|\r\n|\n|Host: |x|:|Expect: |Content-Length: |0|-1|"
    "Transfer-Encoding: chunked|Upgrade: |Connection: close|http://[|\0|%| "
)


@given(st.lists(st.sampled_from(_TOKENS.encode().split(b"|")) | st.binary(max_size=3), max_size=20))
def test_no_bytes_are_an_error_of_the_server(parts: list[bytes]) -> None:
    """Any error in the bytes is the client's, so a status of 500 or a traceback would be our bug."""
    answer, counts = ask(b"".join(parts), ends=True)

    assert ([], 0) == ([status for status in statuses(answer) if status == 500], counts["internal"])


def test_a_request_during_an_answer_waits_for_its_turn() -> None:
    """A client may send its next request without waiting, and the answers must come in the order of the requests."""
    has_begun, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        has_begun.set()
        await may_answer.wait()
        return web.Response(text="late")

    async def act(connect: Connect) -> bytes:
        client = await connect()
        client.send(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await has_begun.wait()
        client.send(GET + CLOSE + b"\r\n")
        await client.writer.drain()
        for _ in range(20):
            await asyncio.sleep(0)
        may_answer.set()
        return await client.everything()

    answer, counts = asyncio.run(served(application(slow), act))

    assert ([200, 200], {}) == (statuses(answer), dict(counts))
    assert answer.index(b"late") < answer.index(b"\r\n\r\nok")


def test_a_connection_that_ends_before_its_client_has_read_ends_once(caplog: pytest.LogCaptureFixture) -> None:
    """Until Python 3.11, asyncio logged an exception if a connection was aborted while it ended."""

    async def large(request: web.Request) -> web.StreamResponse:
        return await request.app[ANSWERS].send(request, "large", lambda: [b"x" * 700_000], {})

    async def act(connect: Connect) -> list[int]:
        clients = [await connect() for _ in range(8)]
        for client in clients:
            client.writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a transport for both directions
            client.send(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n" + CLOSE + b"\r\n")
        for number, client in enumerate(clients):
            client.writer.transport.resume_reading()  # type: ignore[attr-defined] # see above
            for _ in range(number):
                await asyncio.sleep(0)
        return [len(await client.everything()) for client in clients]

    sizes, _ = asyncio.run(served(application(large), act))

    assert ([], True) == (caplog.messages, min(sizes) > 700_000)
