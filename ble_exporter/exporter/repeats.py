"""
The answer to a request that a client repeats, byte for byte, on the same connection.

A Prometheus server sends the same bytes in every scrape. aiohttp parses them once, and writes the head of the first
answer. The heads of further answers differ only in the date and the length. So aiohttp, which takes longer than the
metrics themselves, need not parse the request and write the head again. See docs/adr/0044-repeated-scrapes.md.
"""

import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from functools import lru_cache

from aiohttp import hdrs, web

_DAY_S = 86_400
# For each connection.
_MOST_REQUESTS = 4
# In seconds of processor time. While an answer is repeated, the event loop does nothing else.
_LONGEST_S = 0.005

MOST_AT_ONCE = 128 * 1024
"""In bytes. The kernel takes such an answer at once, unless the client has not read earlier ones."""

Repetition = Callable[[], bytes | None]
"""Returns a whole answer; None if that takes too long, or if the answer is too large to be sent at once."""


class Repeats:
    """
    The requests of one connection whose answers can be repeated.

    There may be several, because a reverse proxy sends the requests of several clients on one connection.

    Args:
        may_repeat: Returns whether an answer may be made at this moment.
        note_failure: Called with the exception if an answer could not be made.

    Attributes:
        request: The latest request that aiohttp has received.
    """

    __slots__ = ("_is_allowed", "_may_repeat", "_note_failure", "_repetitions", "request")

    def __init__(self, may_repeat: Callable[[], bool], note_failure: Callable[[Exception], None]) -> None:
        self.request = b""
        self._note_failure = note_failure
        self._may_repeat = may_repeat
        self._repetitions: dict[bytes, Repetition] = {}
        self._is_allowed = True

    def allow(self, repeat: Repetition) -> None:
        """Let `repeat` make the answer if the client sends the latest request again."""
        if self._is_allowed:
            self._repetitions.pop(self.request, None)
            while len(self._repetitions) >= _MOST_REQUESTS:
                del self._repetitions[next(iter(self._repetitions))]
            self._repetitions[self.request] = repeat

    def answer_to(self, request: bytes | bytearray) -> bytes | None:
        """Return the whole answer to a request; None if aiohttp must answer it."""
        repeat = self._repetitions.get(bytes(request))
        if repeat is None or not self._may_repeat():
            return None
        try:
            answer = repeat()
        except Exception as error:
            # aiohttp then answers: with status 500, if it meets the same error.
            self._note_failure(error)
            answer = None
        if answer is None:
            # Otherwise, each scrape of very many devices would be rendered in vain before aiohttp answers it.
            self.forget()
        return answer

    def forget(self) -> None:
        """Let aiohttp answer all further requests."""
        self._repetitions.clear()
        self._is_allowed = False


def repetition(response: web.Response, pieces: Callable[[], Iterable[bytes]]) -> Repetition:
    """
    Return a function that makes further answers like one that was sent.

    Args:
        response: The response that was sent. Only its body may differ from answer to answer.
        pieces: Returns the pieces of the body.
    """
    changing = {hdrs.CONTENT_LENGTH, hdrs.DATE}
    kept = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items() if name not in changing)
    start = f"HTTP/1.1 {response.status} {response.reason}\r\n{kept}".encode()

    def repeat() -> bytes | None:
        body = _in_time(pieces)
        length = sum(map(len, body or ()))
        if body is None or length > MOST_AT_ONCE:
            return None
        end = f"{hdrs.CONTENT_LENGTH}: {length}\r\n{hdrs.DATE}: {_date()}\r\n\r\n".encode()
        return b"".join([start, end, *body])

    return repeat


def _date() -> str:
    """Return the present time as HTTP writes it (RFC 9110, section 5.6.7)."""
    day, second = divmod(int(time.time()), _DAY_S)
    minute, second = divmod(second, 60)
    return f"{_day(day)} {minute // 60:02}:{minute % 60:02}:{second:02} GMT"


@lru_cache(maxsize=1)
def _day(number: int) -> str:
    """Return the date of a day since the epoch, such as "Fri, 27 Nov 2026"; cached, because the library is slow."""
    return formatdate(number * _DAY_S, usegmt=True).rpartition(" 00:")[0]


def _in_time(pieces: Callable[[], Iterable[bytes]]) -> list[bytes] | None:
    """Return all pieces; None if they take too much processor time."""
    # This call also handles the waiting packets. Its time does not count: it would pass in aiohttp's answer, too.
    made = pieces()
    began_s, check_at = time.thread_time(), time.perf_counter() + _LONGEST_S
    parts: list[bytes] = []
    for piece in made:
        parts.append(piece)
        if time.perf_counter() > check_at:
            # On a busy machine, another program may have used the time.
            if time.thread_time() - began_s > _LONGEST_S:
                return None
            check_at = time.perf_counter() + _LONGEST_S
    return parts
