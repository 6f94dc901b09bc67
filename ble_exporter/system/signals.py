"""Handles SIGTERM and SIGHUP, which end a command."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def on_end(act: Callable[[int], None]) -> Iterator[None]:
    """During the block, call `act` with the number of a SIGTERM or SIGHUP that arrives, unless it is ignored."""

    def handle(number: int, _frame: object) -> None:
        act(number)

    before = {number: signal.getsignal(number) for number in _ENDING}
    # A command that nohup has started must continue to ignore SIGHUP.
    ours = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in ours:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])
