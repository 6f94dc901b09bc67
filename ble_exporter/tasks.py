"""
The one place where tasks are started and ended: no task outlives its block, and no error is lost.

Python 3.10 has neither asyncio.TaskGroup nor asyncio.timeout. And a task group waits for all of its tasks, where this
program wants the first that ends: a radio that fails, a signal to stop, the end of a time.
"""

import asyncio
import logging
from collections.abc import Coroutine
from types import TracebackType
from typing import TypeVar

from ble_exporter.errors import ExporterError

# Longer than a radio may take to stop. Before Python 3.12 a library may swallow the cancellation that hits it.
CANCEL_AGAIN_S = 10.0

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


class UnexpectedCancellationError(Exception):
    """
    A task was cancelled, and its owner had not asked for that.

    Passed on, the cancellation would look like one that was asked for: the program would end in good order.
    """


class Tasks:
    """
    Tasks that end with a block: `async with Tasks() as tasks`.

    At the end of the block every task is cancelled and awaited. A task that failed meanwhile, or fails while it ends,
    is the error of the block, also where the block itself was cancelled. Of several errors the first is raised; a
    later one is logged, with its traceback where it is a bug.

    Args:
        cancel_again_s: How many seconds a task may take to end before it is cancelled once more, and so on.
    """

    def __init__(self, cancel_again_s: float = CANCEL_AGAIN_S) -> None:
        self._cancel_again_s = cancel_again_s
        self._running: set[asyncio.Task[object]] = set()
        self._failures: list[BaseException] = []
        self._is_ending = False

    def start(self, coroutine: Coroutine[object, None, Result]) -> "asyncio.Task[Result]":
        """Run a coroutine as a task of this block."""
        task = asyncio.ensure_future(coroutine)
        self._running.add(task)
        task.add_done_callback(self._note_end)
        return task

    async def wait(self, *ends: "asyncio.Task[object]", timeout_s: float | None = None) -> bool:
        """
        Wait until one of some tasks has ended.

        Args:
            ends: Which; by default any task of this block.
            timeout_s: For how many seconds at most; by default without a limit.

        Returns:
            Whether one has ended; False where the time was over before.

        Raises:
            UnexpectedCancellationError: A task of this block, whether waited for or not, was cancelled from elsewhere.
            Exception: What such a task raised, as soon as it did.
        """
        now = asyncio.get_running_loop().time
        deadline = None if timeout_s is None else now() + timeout_s
        awaited = set(ends) or set(self._running)
        while True:
            left_s = None if deadline is None else deadline - now()
            await asyncio.wait(awaited | self._running, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            if self._failures:
                raise self._failures.pop(0)
            if any(end.done() for end in awaited):
                return True
            if deadline is not None and now() >= deadline:
                return False

    async def end(self) -> None:
        """
        Cancel every task, and wait until all have ended.

        A cancellation that comes meanwhile is passed on to the tasks at once, and raised when they have ended.

        Raises:
            Exception: What the first task that failed raised.
        """
        cancellation = None
        self._is_ending = True
        while self._running:
            for task in self._running:
                task.cancel()
            try:
                await asyncio.wait(self._running, timeout=self._cancel_again_s)
            except asyncio.CancelledError as error:
                cancellation = error
        if self._failures:
            raise self._failures.pop(0)
        if cancellation is not None:
            raise cancellation

    async def __aenter__(self) -> "Tasks":
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if isinstance(error, asyncio.CancelledError):
            # asyncio.run, at its end, cancels all tasks at once.
            self._failures = [one for one in self._failures if not isinstance(one, UnexpectedCancellationError)]
        try:
            await self.end()
        except (Exception, asyncio.CancelledError) as failure:
            if error is None or isinstance(error, asyncio.CancelledError):
                raise
            if not isinstance(failure, asyncio.CancelledError):
                _log_later(failure)
        finally:
            for later in self._failures:
                _log_later(later)

    def _note_end(self, task: "asyncio.Task[Result]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            error = task.exception()
            if error is not None:
                self._failures.append(error)
        elif not self._is_ending:
            self._failures.append(UnexpectedCancellationError("a task was cancelled, and nobody had asked for that"))


async def within(seconds: float, coroutine: Coroutine[object, None, Result]) -> Result:
    """
    Await it for so long, and raise asyncio.TimeoutError if it takes longer.

    Not asyncio.wait_for: before Python 3.12 that may swallow a cancellation. Whatever takes too long is cancelled, and
    not awaited: it may hang.
    """
    task = asyncio.ensure_future(coroutine)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        task.cancel()


def _log_later(failure: BaseException) -> None:
    """Log an error that is not raised, since another came first. An ExporterError is most likely its consequence."""
    if isinstance(failure, ExporterError):
        _log.debug("after the first error: %s", failure)
    else:
        _log.error("after the first error, another one", exc_info=failure)
