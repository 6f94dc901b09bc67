"""The errors of the handler of a connection."""

import asyncio

import pytest
from aiohttp import web

from ble_exporter.config.app_config import AppConfig
from ble_exporter.exporter.app import create_app
from tests.exporter.raw_http import Connect, served, statuses


def test_an_error_in_a_handler_is_one_line_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """A bug that any client can provoke must not fill the log with tracebacks."""

    async def fail(_request: web.Request) -> web.Response:
        raise KeyError("x")

    app = create_app(AppConfig(30, 5, 8000, {}), collectors={})
    app.router.add_get("/failing", fail)

    async def act(connect: Connect) -> bytes:
        client = await connect()
        client.send(b"GET /failing HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return await client.everything()

    answer, counts = asyncio.run(served(app, act))

    assert ([500], {"internal": 1}) == (statuses(answer), dict(counts))
    (message,) = caplog.messages
    assert message.startswith("an error occurred in the HTTP server: KeyError: 'x', in test_request_handler.py:")
