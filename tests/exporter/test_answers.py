"""The memory that is held for answers while slow clients receive them."""

import asyncio
import gzip
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from aiohttp import web

from ble_exporter.errors import HttpErrorKind
from ble_exporter.exporter.answers import Answers
from ble_exporter.exporter.http_errors import HttpErrors
from ble_exporter.system.port import MOST_REQUESTS
from tests.exporter.raw_http import Client, Connect, served, statuses

SIZE = 10_000_000


class Served:
    """
    An application with one answer; it counts the renderings, and may hold two and a half answers in memory.

    Args:
        busy_s: The time to render each of the ten pieces, in seconds.
    """

    def __init__(self, busy_s: float = 0) -> None:
        self._busy_s = busy_s
        self.counts: Counter[HttpErrorKind] = Counter()
        self.rendered = 0
        self._answers = Answers(HttpErrors(counts=self.counts), SIZE * 5 // 2)
        self.app = web.Application()
        self.app.router.add_get("/", self._handle)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        return await self._answers.send(request, "key", self._pieces, {"Content-Type": "text/plain"})

    def _pieces(self) -> Iterator[bytes]:
        self.rendered += 1
        for _ in range(10):
            until = time.perf_counter() + self._busy_s
            while time.perf_counter() < until:
                pass
            yield bytes([self.rendered]) * (SIZE // 10)


async def ask(connect: Connect, *headers: bytes, method: bytes = b"GET") -> Client:
    """Send a request, and read only the head of the answer."""
    client = await connect()
    client.send(method + b" / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + b"".join(headers) + b"\r\n")
    head = await client.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    return client


@pytest.mark.parametrize("headers", [[], [b"Accept-Encoding: gzip\r\n"]], ids=["plain", "gzip"])
def test_an_answer_arrives_whole(headers: list[bytes]) -> None:
    """An answer is sent in slices, and a client must receive all of them."""

    async def act(connect: Connect) -> bytes:
        return await (await ask(connect, *headers)).everything()

    body, _ = asyncio.run(served(Served().app, act))

    assert b"\1" * SIZE == (gzip.decompress(body) if headers else body)


def test_the_answer_to_head_has_no_body() -> None:
    """After a HEAD request, a client would take a body for the beginning of the next answer."""

    async def act(connect: Connect) -> bytes:
        return await (await ask(connect, method=b"HEAD")).everything()

    assert b"" == asyncio.run(served(Served().app, act))[0]


def test_slow_clients_hold_a_limited_number_of_answers() -> None:
    """Without a limit, three hundred clients that did not read held 660 MB."""
    server = Served()

    async def act(connect: Connect) -> list[int]:
        clients = [await ask(connect) for _ in range(5)]
        return [len(await client.everything()) for client in clients]

    received, _ = asyncio.run(served(server.app, act))

    assert ([SIZE, SIZE], {"too_many_answers": 3}) == (received[-2:], dict(server.counts))
    assert max(received[:-2]) < SIZE


def test_a_flood_of_requests_does_not_wait() -> None:
    """Requests that wait for an answer hold a connection each, and a scrape must find a free one."""
    server = Served(busy_s=0.01)

    async def act(connect: Connect) -> Counter[int]:
        clients = [await connect() for _ in range(20)]
        for client in clients:
            client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return Counter([status for client in clients for status in statuses(await client.everything())])

    answered, _ = asyncio.run(served(server.app, act))

    assert {200: MOST_REQUESTS, 503: 20 - MOST_REQUESTS} == answered


def test_clients_that_share_an_answer_share_its_memory() -> None:
    """Several Prometheus servers that scrape at the same time must cost no more than one."""
    server = Served(busy_s=0.01)

    async def act(connect: Connect) -> list[int]:
        asking = [asyncio.ensure_future(ask(connect)) for _ in range(8)]  # noqa: TID251 - the requests are concurrent
        return [len(await (await client).everything()) for client in asking]

    received, _ = asyncio.run(served(server.app, act))

    assert ([SIZE] * 8, {}) == (received, dict(server.counts))
    assert server.rendered <= 2
