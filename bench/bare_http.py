"""
A child process of bench.serving: aiohttp answering /metrics with a constant text, and nothing else.

    python -m bench.bare_http PORT BYTES

It shows how much of the duration of a scrape aiohttp itself takes.
"""

import sys
from collections.abc import Sequence

from aiohttp import web


def main(arguments: Sequence[str]) -> None:
    """Serve until SIGTERM."""
    port, size = map(int, arguments)
    body = b"#" * size

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body)

    app = web.Application()
    app.router.add_get("/metrics", answer)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main(sys.argv[1:])
