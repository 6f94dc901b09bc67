"""The answers to requests that a client repeats on one connection."""

import asyncio
import gzip
import re
import time
from collections.abc import Iterator
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from aiohttp import web

from ble_exporter.config.app_config import AppConfig
from ble_exporter.exporter.app import create_app
from ble_exporter.exporter.connection import ANSWER_S
from ble_exporter.exporter.repeats import MOST_AT_ONCE, Repeats, Repetition, repetition
from tests.exporter.raw_http import Client, Connect, in_hasty_time, served, statuses
from tests.home import Home

SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text\r\n"


def unexpected(error: Exception) -> None:
    """Fail the test."""
    raise AssertionError(str(error))


def test_only_the_same_bytes_have_the_same_answer() -> None:
    """A request with another header may ask for another format, or for the end of the connection."""
    repeats = Repeats(lambda: True, unexpected)
    repeats.request = b"GET /metrics"
    repeats.allow(lambda: b"answer")
    repeats.request = b"GET /"

    assert (b"answer", None) == (repeats.answer_to(bytearray(b"GET /metrics")), repeats.answer_to(b"GET /"))


def test_four_requests_of_a_connection_are_remembered() -> None:
    """A reverse proxy sends the requests of several clients on one connection, but memory must have a limit."""
    repeats = Repeats(lambda: True, unexpected)
    requests = [f"GET /metrics {number}".encode() for number in range(5)]
    for request in requests:
        repeats.request = request
        repeats.allow(lambda request=request: request)  # type: ignore[misc] # mypy can't infer the default's type

    assert [None, *requests[1:]] == [repeats.answer_to(request) for request in requests]


def test_a_known_request_displaces_no_other() -> None:
    """If many clients scrape at once, aiohttp answers a known request again, which must not displace another one."""
    repeats = Repeats(lambda: True, unexpected)
    requests = [f"GET /metrics {number}".encode() for number in range(4)]
    for request in (*requests, requests[-1]):
        repeats.request = request
        repeats.allow(lambda request=request: request)  # type: ignore[misc] # mypy can't infer the default's type

    assert requests == [repeats.answer_to(request) for request in requests]


def test_an_answer_that_must_not_be_made_now_can_be_made_later() -> None:
    """If many clients scrape at once, aiohttp answers most of them; afterwards, answers must be repeated again."""
    permissions = iter([False, True])
    repeats = Repeats(lambda: next(permissions), unexpected)
    repeats.allow(lambda: b"answer")

    assert [None, b"answer"] == [repeats.answer_to(b""), repeats.answer_to(b"")]


def fail() -> bytes:
    """Raise an error."""
    raise RuntimeError


@pytest.mark.parametrize(("repeat", "number"), [(lambda: None, 0), (fail, 1)], ids=["too slow", "error"])
def test_after_a_failure_aiohttp_answers(repeat: Repetition, number: int) -> None:
    """A scrape of very many devices must not be rendered twice each time; an error must not end the connection."""
    failures: list[Exception] = []
    repeats = Repeats(lambda: True, failures.append)
    repeats.allow(repeat)
    answers = [repeats.answer_to(b"")]
    repeats.allow(lambda: b"answer")
    answers.append(repeats.answer_to(b""))

    assert ([None, None], number) == (answers, len(failures))


def test_pieces_that_take_too_long_are_not_waited_for() -> None:
    """While the pieces are made, nothing else runs on the event loop, and packets could be lost."""

    def endless() -> Iterator[bytes]:
        while True:
            yield b""

    assert repetition(web.Response(), endless)() is None


def test_an_answer_that_has_become_large_is_given_to_aiohttp() -> None:
    """After a reload, an answer may be many times as long, and only the answers by aiohttp share a limit on memory."""
    body = [b"x" * MOST_AT_ONCE]
    repeat = repetition(web.Response(), lambda: body)
    before = repeat()
    body.append(b"x")

    assert (True, None) == (before is not None, repeat())


def test_the_packets_that_wait_do_not_make_an_answer_slow() -> None:
    """After a burst, a scrape handles hundreds of packets; if their time counted, aiohttp would answer from then on."""

    def after_a_burst() -> list[bytes]:
        began_s = time.thread_time()
        while time.thread_time() - began_s < 0.01:
            pass
        return [b"body"]

    answer = repetition(web.Response(), after_a_burst)()

    assert answer is not None
    assert answer.endswith(b"body")


def test_the_head_has_the_date_and_the_length() -> None:
    """HTTP requires the date; a wrong length would hide the next answer, or make the client wait for ever."""
    answer = repetition(web.Response(headers={"X-Kept": "yes"}), lambda: [b"two ", b"pieces"])()

    assert answer is not None
    head, _, body = answer.partition(b"\r\n\r\n")
    date = re.search(r"Date: (.*)\r\n", f"{head.decode()}\r\n")
    assert date is not None
    sent = parsedate_to_datetime(date[1])
    assert (date[1], True) == (format_datetime(sent, usegmt=True), abs(time.time() - sent.timestamp()) < 60)
    assert {b"HTTP/1.1 200 OK", b"X-Kept: yes", b"Content-Length: 10"} <= {*head.split(b"\r\n")}
    assert b"two pieces" == body


class Scraped:
    """
    A home that is scraped.

    Attributes:
        handled: The number of answers that aiohttp has given.
        answers: The number of all answers.
        waiting: The value of packets that were received, but not handled yet; None if there are none.
    """

    def __init__(self) -> None:
        self.home = Home(*(f"room {number}" for number in range(40)))
        self.handled = self.answers = 0
        self.hear(20)
        self.waiting: float | None = None
        collectors = {"readings": self.home.readings}
        self.app = create_app(AppConfig(30, 5, 8000, {}), collectors=collectors, catch_up=self._catch_up)
        self.app.on_response_prepare.append(self._count)

    def hear(self, celsius: float) -> None:
        """Let every device send a packet."""
        for name in self.home.devices:
            self.home.hear({"temperature": celsius}, device=name)

    def _catch_up(self) -> None:
        self.answers += 1
        if self.waiting is not None:
            self.hear(self.waiting)

    async def _count(self, _request: web.Request, _response: web.StreamResponse) -> None:
        self.handled += 1


async def answer_to(client: Client, request: bytes) -> tuple[bytes, bytes]:
    """Return the head and the body of the answer to a request."""
    client.send(request)
    head = await client.reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    assert length is not None
    return head, await client.reader.readexactly(int(length[1]))


def lines_of(head: bytes) -> set[bytes]:
    """Return the lines of a head, except for the date and the length."""
    return {line for line in head.split(b"\r\n") if not line.startswith((b"Date: ", b"Content-Length: "))}


@pytest.mark.parametrize("encoding", [b"", b"Accept-Encoding: gzip\r\n"], ids=["plain", "gzip"])
def test_a_repeated_scrape_has_the_same_head_and_new_values(encoding: bytes) -> None:
    """Prometheus must not notice that aiohttp has answered only its first request."""
    scraped = Scraped()

    async def act(connect: Connect) -> list[tuple[bytes, bytes]]:
        client = await connect()
        answers = [await answer_to(client, SCRAPE + encoding + b"\r\n")]
        scraped.hear(-1.5)
        return [*answers, await answer_to(client, SCRAPE + encoding + b"\r\n")]

    ((first, before), (second, after)), _ = asyncio.run(served(scraped.app, act))

    bodies = [gzip.decompress(body) if encoding else body for body in (before, after)]
    assert [(40, 0), (0, 40)] == [(body.count(b"} 20.0\n"), body.count(b"} -1.5\n")) for body in bodies]
    assert (lines_of(first), 1) == (lines_of(second), scraped.handled)
    dates = [parsedate_to_datetime(found.decode()) for found in re.findall(rb"Date: (.*)\r\n", first + second)]
    assert 0 <= (dates[1] - dates[0]).total_seconds() < 60


def test_a_repeated_scrape_has_the_packets_received_until_then() -> None:
    """The radio delivers packets a few seconds late if nobody asks for them."""
    scraped = Scraped()

    async def act(connect: Connect) -> bytes:
        client = await connect()
        await answer_to(client, SCRAPE + b"\r\n")
        scraped.waiting = -1.5
        _head, body = await answer_to(client, SCRAPE + b"\r\n")
        return body

    body, _ = asyncio.run(served(scraped.app, act))

    assert (40, 1) == (body.count(b"} -1.5\n"), scraped.handled)


@pytest.mark.parametrize(
    ("other", "status"),
    [
        (b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"GET /metrics?x HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", 413),
    ],
)
def test_another_request_between_two_scrapes_is_answered_as_usual(other: bytes, status: int) -> None:
    """One connection may carry any requests."""

    async def act(connect: Connect) -> bytes:
        client = await connect()
        for _ in range(2):
            await answer_to(client, SCRAPE + b"\r\n")
        client.send(other)
        client.end()
        return await client.everything()

    answer, _ = asyncio.run(served(Scraped().app, act))

    assert [status] == statuses(answer)


def test_the_end_of_the_connection_can_be_asked_for() -> None:
    """After its last scrape, a client waits for the end of the connection, which must come at once."""

    async def act(connect: Connect) -> bytes:
        client = await connect()
        for _ in range(2):
            await answer_to(client, SCRAPE + b"\r\n")
        client.send(SCRAPE + b"Connection: close\r\n\r\n")
        return await client.everything()

    answer, _ = asyncio.run(served(Scraped().app, act))

    assert ([200], True) == (statuses(answer), answer.endswith(b"# EOF\n"))


def test_scrapes_may_be_sent_at_once() -> None:
    """The answers to pipelined requests come in the order of the requests, and none is lost."""

    async def act(connect: Connect) -> bytes:
        client = await connect()
        client.send((SCRAPE + b"\r\n") * 5)
        client.end()
        return await client.everything()

    answer, _ = asyncio.run(served(Scraped().app, act))

    assert ([200] * 5, 5) == (statuses(answer), answer.count(b"# EOF\n"))


@pytest.mark.parametrize("sends_too_much", [True, False], ids=["flood", "end"])
def test_a_slow_client_without_a_further_request_sees_the_end(*, sends_too_much: bool) -> None:
    """After its last answer, the client must see the end of the connection soon, and not only after a time limit."""
    scraped = Scraped()

    async def act(connect: Connect) -> float:
        client = await connect()
        await answer_to(client, SCRAPE + b"\r\n")
        client.writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a transport for both directions
        before = -1
        # Until the server waits for the client to read.
        while before < scraped.answers:
            before = scraped.answers
            client.send(SCRAPE + b"\r\n")
            for _ in range(10):
                await asyncio.sleep(0)
        if sends_too_much:
            client.send(b"x" * 9000)
        else:
            client.end()
        await asyncio.sleep(0.1)
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        loop = asyncio.get_running_loop()
        began = loop.time()
        await client.everything()
        return loop.time() - began

    took_s, counts = in_hasty_time(served(scraped.app, act))

    assert (True, {}) == (took_s < 5, dict(counts))


def test_a_client_that_repeats_but_does_not_read_is_cut_off() -> None:
    """Such a client would hold its connection, and its answers in memory, for ever."""

    async def act(connect: Connect) -> float:
        client = await connect()
        await answer_to(client, SCRAPE + b"\r\n")
        client.writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a transport for both directions
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not client.writer.transport.is_closing() and loop.time() < began + 2 * ANSWER_S:
            client.send(SCRAPE + b"\r\n")
            await asyncio.sleep(0.1 if loop.time() < began + 5 else ANSWER_S)
        return loop.time() - began

    _, counts = in_hasty_time(served(Scraped().app, act))

    assert {"answer_timeout": 1} == dict(counts)
