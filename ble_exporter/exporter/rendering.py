"""
Renders answers piece by piece, so that no request keeps the event loop from the radio for more than a few milliseconds.

The content of an answer is passed as an iterator of pieces. Between two pieces, the event loop may do other work.
"""

import asyncio
import time
import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator

# In seconds: the event loop gets its turn when this time has passed. A piece takes a millisecond or two; for a thousand
# devices, the first piece of /metrics takes four.
_TURN_S = 0.001
# Level 1 takes a fourteenth of the time of level 9, and its result is 12 % larger: right for a Pi on a local network.
_GZIP_LEVEL = 1
_GZIP_WINDOW = 31
# In bytes: the amount that zlib compresses in half a millisecond.
_COMPRESSED_AT_ONCE = 32 * 1024


async def in_pieces(pieces: Iterable[bytes]) -> bytes:
    """Return the joined pieces, and let the event loop do other work between them."""
    parts = []
    began = time.perf_counter()
    for piece in pieces:
        parts.append(piece)
        if time.perf_counter() - began > _TURN_S:
            await asyncio.sleep(0)
            began = time.perf_counter()
    return b"".join(parts)


def compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces of a gzip file with this content."""
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    for piece in pieces:
        # An empty piece also gives the event loop a turn.
        for start in range(0, max(len(piece), 1), _COMPRESSED_AT_ONCE):
            yield compressor.compress(piece[start : start + _COMPRESSED_AT_ONCE])
    yield compressor.flush()


class Renderings:
    """
    The renderings that requests for the same answer share: those in progress, and some that have just ended.

    Different answers of one path, such as the page in several orders, are rendered one after the other: many at once
    would need memory for all of them, and each would take as long as all of them together.
    """

    def __init__(self) -> None:
        self._of_path: dict[str, asyncio.Lock] = {}
        self._running: dict[Hashable, asyncio.Future[bytes]] = {}

    async def render(
        self, path: str, key: Hashable, pieces: Callable[[], Iterable[bytes]], reuse_s: float = 0
    ) -> bytes:
        """
        Return the joined pieces. Requests with the same path and key must be for the same answer.

        `path` must be the path of a route, so that the number of paths is limited. A rendering is reused for `reuse_s`
        seconds after its end.
        """
        key = (path, key)
        running = self._running.get(key)
        if running is not None:
            # Without the shield, a cancelled request would cancel the rendering of the others.
            return await asyncio.shield(running)
        running = self._running[key] = asyncio.get_running_loop().create_future()
        try:
            async with self._of_path.setdefault(path, asyncio.Lock()):
                body = await in_pieces(pieces())
        except BaseException as error:
            if isinstance(error, Exception):
                running.set_exception(error)
                # Marks the error as retrieved: asyncio would report it if no other request waited for this rendering.
                running.exception()
            running.cancel()
            del self._running[key]
            raise
        running.set_result(body)
        if reuse_s:
            asyncio.get_running_loop().call_later(reuse_s, self._running.pop, key)
        else:
            del self._running[key]
        return body
