"""
The one place where tasks are started and ended: no task outlives its block, and no error is lost.

The exception is `within`: it does not wait for a coroutine that has timed out, and only logs its error, at DEBUG.

Python 3.10 has neither asyncio.TaskGroup nor asyncio.timeout. A task group also waits for all its tasks, whereas this
program waits for the first that ends: a radio that fails, a signal to stop, a timeout.
"""

import asyncio
import logging
from collections.abc import Coroutine
from types import TracebackType
from typing import TypeVar

from ble_exporter.errors import ExporterError

# Longer than a radio may take to stop. Before Python 3.12, a library may swallow a cancellation.
CANCEL_AGAIN_S = 10.0

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


class UnexpectedCancellationError(Exception):
    """
    A task was cancelled, but not by its owner.

    If the cancellation were passed on, it would look like a requested one, and the program would end as if stopped.
    """


class Tasks:
    """
    Tasks that end with a block: `async with Tasks() as tasks`.

    At its end the block cancels and awaits every task, and cancels one that has not ended again every `cancel_again_s`
    seconds. It raises the first error of a task, even if the block itself was cancelled. Later errors are logged, and
    bugs among them with their traceback.
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
        Wait until one of the given tasks (by default: any of this block) has ended; return False after the timeout.

        Raises:
            UnexpectedCancellationError: A task of this block, given or not, was cancelled from outside.
            Exception: The error of a task of this block, given or not, as soon as it fails.
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
        Cancel every task, wait until all have ended, and raise the first error of a task.

        A cancellation of this call cancels the tasks once more at once, and is raised when they have ended.
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
            # At its end, asyncio.run cancels all tasks at once.
            self._failures = [one for one in self._failures if not isinstance(one, UnexpectedCancellationError)]
        try:
            await self.end()
        except (Exception, asyncio.CancelledError) as failure:
            if error is None or isinstance(error, asyncio.CancelledError):
                raise
            if not isinstance(failure, asyncio.CancelledError):
                self._failures.insert(0, failure)
        finally:
            for later in self._failures:
                # An ExporterError is most likely a consequence of the first error; anything else is a bug.
                if isinstance(later, ExporterError):
                    _log.debug("after the first error: %s", later)
                else:
                    _log.error("after the first error, another one", exc_info=later)

    def _note_end(self, task: "asyncio.Task[Result]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            error = task.exception()
            if error is not None:
                self._failures.append(error)
        elif not self._is_ending:
            self._failures.append(UnexpectedCancellationError("a task was cancelled unexpectedly"))


async def within(seconds: float, coroutine: Coroutine[object, None, Result]) -> Result:
    """
    Return the coroutine's result; after the timeout, cancel it without waiting for its end, and raise TimeoutError.

    asyncio.wait_for may swallow a cancellation before Python 3.12, and waits for a cancelled coroutine, which may hang.
    """
    task = asyncio.ensure_future(coroutine)
    is_in_time = False
    try:
        await asyncio.wait({task}, timeout=seconds)
        is_in_time = task.done()
    finally:
        if not is_in_time:
            task.cancel()
            task.add_done_callback(_log_late_error)
    if not is_in_time:
        raise asyncio.TimeoutError
    return task.result()


def _log_late_error(task: "asyncio.Task[Result]") -> None:
    """Log the error of a coroutine that nobody awaits any more; asyncio would report it as never retrieved."""
    if not task.cancelled() and task.exception() is not None:
        _log.debug("after its timeout, a task failed: %s", task.exception())
