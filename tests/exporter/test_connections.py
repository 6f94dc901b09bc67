"""The limit on open connections, over real sockets."""

import asyncio
import socket

import pytest
from aiohttp import web

from ble_exporter.exporter.app import ANSWERS
from ble_exporter.exporter.connections import (
    MOST_CONNECTIONS,
    PATIENCE_S,
    Connections,
    HttpServer,
    most_connections,
)
from ble_exporter.exporter.http_errors import HttpErrors
from tests.exporter.raw_http import Client, Connect, advance, served, with_settable_clock
from tests.exporter.test_connection import GET, application

FOUR = 4


async def _answer(client: Client) -> bytes:
    client.send(GET + b"\r\n")
    return await client.reader.readuntil(b"\r\n\r\nok")


async def _is_open(client: Client) -> bool:
    """Return whether a connection is still open."""
    try:
        return await asyncio.wait_for(client.reader.read(1), 0.05) != b""  # noqa: TID251 - no data comes if it is open
    except asyncio.TimeoutError:
        return True
    except ConnectionError:
        return False


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("sent", [b"", GET, GET + b"\r\n"], ids=["idle", "half a request", "kept alive"])
def test_a_new_connection_is_served_however_many_are_held(sent: bytes) -> None:
    """Somebody who holds all connections must not prevent a scrape."""

    async def act(connect: Connect) -> tuple[bytes, list[bool]]:
        held = []
        for _ in range(3 * FOUR):
            held.append(await connect())
            held[-1].send(sent)
            await _settle()
            advance(PATIENCE_S)
        for client in held:
            client.reader._buffer.clear()  # type: ignore[attr-defined] # discards the answers
        answer = await _answer(await connect())
        return answer, [await _is_open(client) for client in held]

    (answer, are_open), counts = with_settable_clock(served(application(), act, FOUR))

    assert answer.startswith(b"HTTP/1.1 200 OK")
    # The newest connections stay, besides the one that was answered.
    assert [False] * (2 * FOUR + 1) + [True] * (FOUR - 1) == are_open
    assert 2 * FOUR + 1 == counts["too_many_connections"]


def test_the_connection_that_waits_longest_makes_room() -> None:
    """A connection that was just answered is more likely to be used again."""

    async def act(connect: Connect) -> list[bool]:
        clients = [await connect() for _ in range(FOUR)]
        await _settle()
        await _answer(clients[0])
        advance(PATIENCE_S)
        await connect()
        await _settle()
        return [await _is_open(client) for client in clients]

    are_open, _ = with_settable_clock(served(application(), act, FOUR))

    assert [True, False, True, True] == are_open


def test_a_connection_that_was_just_accepted_replaces_an_idle_one() -> None:
    """Several connections are accepted before their addresses are known; they must not count as one busy client's."""

    async def act(connect: Connect) -> list[bytes]:
        port = (await connect()).writer.get_extra_info("peername")[1]

        async def connect_from(*numbers: int) -> list[Client]:
            # Without a turn of the event loop in between, the server accepts these connections in one turn.
            connected = [socket.create_connection(("127.0.0.1", port), 10, (f"127.0.0.{one}", 0)) for one in numbers]
            return [Client(*await asyncio.open_connection(sock=one)) for one in connected]

        idle = await connect_from(*range(2, 2 + FOUR))
        await _settle()
        advance(60)
        new = await connect_from(10, 11, 12)
        for client in new:
            client.send(GET + b"Connection: close\r\n\r\n")
        answers = [await client.everything() for client in new]
        for client in (*idle, *new):
            client.writer.transport.abort()
        return answers

    answers, _ = with_settable_clock(served(application(), act, FOUR))

    assert [b"200 OK"] * 3 == [answer[9:15] for answer in answers]


def test_clients_whose_requests_come_late_get_answers() -> None:
    """When hundreds of clients of one address connect again and again, some must get an answer."""

    async def act(connect: Connect) -> int:
        clients: list[Client] = []
        for number in range(200):
            clients.append(await connect())
            await asyncio.sleep(0)
            if number >= 2 * FOUR:
                clients[number - 2 * FOUR].send(GET + b"Connection: close\r\n\r\n")
        await _settle()
        return sum([b"200 OK" in await one.everything() for one in clients[: -2 * FOUR]])

    answers, _ = with_settable_clock(served(application(), act, FOUR))

    assert answers > 0


def _slow_application(may_answer: asyncio.Event) -> web.Application:
    async def slow(_request: web.Request) -> web.Response:
        await may_answer.wait()
        return web.Response(text="late")

    return application(slow)


SLOW = b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_a_request_in_progress_makes_no_room_for_a_connection_without_one() -> None:
    """A scrape that has begun must be finished, although connections keep coming."""
    may_answer = asyncio.Event()

    async def act(connect: Connect) -> bytes:
        first = await connect()
        first.send(SLOW)
        for _ in range(3 * FOUR):
            await connect()
            await _settle()
            advance(PATIENCE_S)
        may_answer.set()
        return await first.reader.readuntil(b"\r\n\r\nlate")

    answer, _ = with_settable_clock(served(_slow_application(may_answer), act, FOUR))

    assert answer.startswith(b"HTTP/1.1 200 OK")


def test_among_requests_in_progress_the_oldest_are_finished() -> None:
    """If each new request ended an older one, none would be answered during a flood of requests."""
    may_answer = asyncio.Event()

    async def act(connect: Connect) -> list[bool]:
        clients = []
        for _ in range(3 * FOUR):
            clients.append(await connect())
            clients[-1].send(SLOW)
            await _settle()
        may_answer.set()
        return [b"late" in await client.reader.read(4096) for client in clients[: FOUR - 1]]

    are_answered, _ = asyncio.run(served(_slow_application(may_answer), act, FOUR))

    assert [True] * (FOUR - 1) == are_answered


def test_a_client_that_does_not_read_makes_room_before_a_request_in_progress() -> None:
    """Slow readers of large answers must not displace a scrape that is being rendered."""
    may_answer = asyncio.Event()
    app = _slow_application(may_answer)

    async def large(request: web.Request) -> web.StreamResponse:
        return await request.app[ANSWERS].send(request, "large", lambda: [b"x" * 1_000_000], {})

    app.router.add_get("/large", large)

    async def act(connect: Connect) -> bytes:
        first = await connect()
        first.send(SLOW)
        for _ in range(3 * FOUR):
            client = await connect()
            client.writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a transport for both directions
            client.send(SLOW.replace(b"slow", b"large"))
            await _settle()
            advance(PATIENCE_S)
        may_answer.set()
        return await first.reader.readuntil(b"\r\n\r\nlate")

    answer, _ = with_settable_clock(served(app, act, FOUR))

    assert answer.startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("descriptors", "most"),
    [(1024, MOST_CONNECTIONS), (float("inf"), MOST_CONNECTIONS), (96, 56), (64, 24), (40, 8), (10, 8)],
)
def test_descriptors_stay_free_for_other_purposes(descriptors: float, most: int) -> None:
    """Without a free descriptor, the program could neither reach D-Bus nor rotate its log."""
    assert most == most_connections(descriptors)


def test_one_answer_is_repeated_in_a_turn_of_the_event_loop() -> None:
    """Sixty clients that scrape at once would otherwise keep the event loop from the radio for tens of milliseconds."""

    async def ask() -> list[bool]:
        connections = Connections(HttpErrors(), 64)
        allowed = [connections.may_repeat(), connections.may_repeat()]
        await asyncio.sleep(0)
        return [*allowed, connections.may_repeat()]

    assert [True, False, True] == asyncio.run(ask())


def test_one_server_listens_on_several_ports() -> None:
    """Each `--web.listen-address` is one more port of the same server, with the same limits."""

    async def run() -> list[bytes]:
        server = HttpServer(application(), HttpErrors(), 0.2)
        answers = []
        for _ in range(2):
            await server.listen("127.0.0.1", 0)
        for port in server.ports:
            client = Client(*await asyncio.open_connection("127.0.0.1", port))
            answers.append(await _answer(client))
            client.writer.transport.abort()
        await server.close()
        return answers

    assert [True, True] == [answer.startswith(b"HTTP/1.1 200") for answer in asyncio.run(run())]
