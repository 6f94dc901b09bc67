"""Rendering in pieces, and sharing one rendering between requests."""

import asyncio
import gzip
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.exporter.rendering import Renderings, compressed, in_pieces
from tests.radios import InVirtualTime


@given(st.lists(st.binary(max_size=100_000), max_size=5))
def test_compressed_pieces_are_one_gzip_file(pieces: list[bytes]) -> None:
    """A client decompresses the answer as a whole, and must not notice that it was compressed in pieces."""
    assert b"".join(pieces) == gzip.decompress(b"".join(compressed(pieces)))


def test_an_empty_piece_is_still_a_piece_when_compressed() -> None:
    """While a text is being made, its empty pieces give the event loop a turn."""
    assert 4 == len(list(compressed([b"", b"", b""])))


def test_a_long_rendering_lets_others_run() -> None:
    """While a thousand devices are rendered for one client, packets must still be handled."""

    async def run() -> int:
        turns = 0

        def pieces() -> Iterator[bytes]:
            began = time.perf_counter()
            while time.perf_counter() < began + 0.1:
                yield b"x"

        rendering = asyncio.ensure_future(in_pieces(pieces()))  # noqa: TID251 - both run concurrently
        while not rendering.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(run()) > 5


class Slow:
    """A rendering that takes a tenth of a second, and counts how often it is begun."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = 0
        self._error = error

    def __call__(self) -> Iterator[bytes]:
        """Yield twenty pieces; then raise the error, if there is one."""
        self.begun += 1
        for _ in range(20):
            began = time.perf_counter()
            while time.perf_counter() < began + 0.005:
                pass
            yield str(self.begun).encode()
        if self._error is not None:
            raise self._error


async def _render_at_once(renderings: Renderings, slow: Slow, count: int) -> list[bytes | BaseException]:
    return await asyncio.gather(  # noqa: TID251 - the requests are concurrent
        *(renderings.render("/", "key", slow) for _ in range(count)), return_exceptions=True
    )


def test_requests_at_the_same_time_share_one_rendering() -> None:
    """A hundred clients at once must not cost a hundred renderings."""
    slow = Slow()

    bodies = asyncio.run(_render_at_once(Renderings(), slow, 100))

    assert ([b"1" * 20] * 100, 1) == (bodies, slow.begun)


def test_a_later_request_gets_its_own_rendering() -> None:
    """A scrape must not return text that was rendered before the scrape began."""
    slow = Slow()

    async def twice() -> list[bytes]:
        renderings = Renderings()
        return [await renderings.render("/", "key", slow), await renderings.render("/", "key", slow)]

    assert [b"1" * 20, b"2" * 20] == asyncio.run(twice())


def test_a_rendering_may_be_used_again_for_a_moment(in_virtual_time: InVirtualTime) -> None:
    """The last hour changes once a minute, and takes long to render: a flood of requests should cost little."""
    slow = Slow()

    async def three_times() -> list[bytes]:
        renderings = Renderings()
        bodies = [await renderings.render("/", "key", slow, reuse_s=1) for _ in range(2)]
        await asyncio.sleep(1.1)
        return [*bodies, await renderings.render("/", "key", slow, reuse_s=1)]

    assert [b"1" * 20, b"1" * 20, b"2" * 20] == in_virtual_time(three_times())


def test_an_error_reaches_all_that_share_it() -> None:
    """A request that did not get the error would wait for the failed rendering for ever."""
    results = asyncio.run(_render_at_once(Renderings(), Slow(KeyError("x")), 3))

    assert [KeyError] * 3 == [type(result) for result in results]


def test_an_error_that_nobody_shares_is_not_reported_twice(caplog: pytest.LogCaptureFixture) -> None:
    """The request reports the error, so asyncio must not log the error as an exception that nobody retrieved."""
    asyncio.run(_render_at_once(Renderings(), Slow(KeyError("x")), 1))

    assert [] == caplog.messages


def test_a_cancelled_request_cancels_no_other() -> None:
    """A client that hangs up must not cost another one its answer."""

    async def run() -> bytes:
        renderings = Renderings()
        first = asyncio.ensure_future(renderings.render("/", "key", Slow()))  # noqa: TID251 - as above
        await asyncio.sleep(0)
        second = asyncio.ensure_future(renderings.render("/", "key", Slow()))  # noqa: TID251
        await asyncio.sleep(0)
        second.cancel()
        return await first

    assert b"1" * 20 == asyncio.run(run())


def test_the_variants_of_one_answer_are_rendered_one_after_the_other() -> None:
    """If a client requests the page in every sort order at once, only one rendering may use memory at a time."""
    most = running = 0

    def pieces() -> Iterator[bytes]:
        nonlocal most, running
        running += 1
        most = max(most, running)
        yield from Slow()()
        running -= 1

    async def run() -> list[bytes]:
        renderings = Renderings()
        return await asyncio.gather(  # noqa: TID251 - the requests are concurrent
            *(renderings.render("/", number, pieces) for number in range(10))
        )

    assert ([b"1" * 20] * 10, 1) == (asyncio.run(run()), most)


def test_the_answers_of_other_paths_do_not_wait() -> None:
    """A scrape must not wait until somebody's pages are rendered."""

    async def run() -> list[str]:
        renderings, ended = Renderings(), []

        async def render(path: str, number: int) -> None:
            await renderings.render(path, number, Slow())
            ended.append(path)

        await asyncio.gather(  # noqa: TID251 - the requests are concurrent
            *(render("/", number) for number in range(5)), render("/metrics", 0)
        )
        return ended

    assert "/metrics" in asyncio.run(run())[:2]


def test_a_client_that_hangs_up_first_leaves_nothing_behind() -> None:
    """The next request must not wait for a rendering that nobody continues."""

    async def run() -> bytes:
        renderings = Renderings()
        first = asyncio.ensure_future(renderings.render("/", "key", Slow()))  # noqa: TID251 - as above
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        return await renderings.render("/", "key", Slow())

    assert b"1" * 20 == asyncio.run(run())
