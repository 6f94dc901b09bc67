"""
Starts and ends all tasks of the program: no task outlives its block, and no task's error is lost.

The exception is `within`: it does not wait for a coroutine that has timed out, and logs that coroutine's error at DEBUG
level.

Python 3.10 has neither asyncio.TaskGroup nor asyncio.timeout. A task group also waits for all its tasks, whereas this
program waits for the first task that ends: a radio that fails, a signal to stop, a timeout.
"""

import asyncio
import logging
import math
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import TypeVar, cast

from ble_exporter.errors import ExporterError

# Longer than a radio takes to stop, unless it is resetting its adapter. Before Python 3.12, a library may swallow the
# first cancellation.
CANCEL_AGAIN_S = 10.0

# A task may wake slightly before a tick, because the clock and the sums of times are rounded.
_ROUNDING_S = 1e-6

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


class UnexpectedCancellationError(Exception):
    """
    A task was cancelled, but not by its owner.

    If the cancellation were passed on, it would look like a requested one, and the program would end without an error.
    """


class Tasks:
    """
    Tasks that end with a block: `async with Tasks() as tasks`.

    When the block ends, it cancels and awaits every task, and repeats the cancellation of unfinished tasks every
    `cancel_again_s` seconds. Unless the block has failed itself, it then raises the first error of a task, even if the
    block was cancelled. Later errors are logged, unexpected ones with their traceback.
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
            Exception: The error of a task of this block, given or not, as soon as the task fails.
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

        If this call is cancelled, it cancels the tasks again immediately; when they have ended without an error, it
        raises CancelledError.
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
            # asyncio.run cancels every task when it ends, so in a cancelled block, cancelled tasks are not unexpected.
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
                    _log.error("after the first error, another error occurred", exc_info=later)

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
    Return the coroutine's result. After the timeout, cancel it, and raise asyncio.TimeoutError at once.

    asyncio.wait_for waits for the cancelled coroutine, which may hang. Before Python 3.12, wait_for may also
    swallow a cancellation.
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


async def next_tick(
    period_s: float, *, at_most_s: float = math.inf, early: "asyncio.Future[bool] | None" = None
) -> bool:
    """
    Wait for the next tick: the next multiple of `period_s` seconds on the event loop's clock.

    Tasks that wait for the same ticks wake the process together. Waking an idle process costs more CPU time than the
    work of a task, because the process's code is no longer in the processor's caches.

    The wait also ends after `at_most_s` seconds, or when `wake` is called with the future `early`; in that case, this
    function returns True.
    """
    loop = asyncio.get_running_loop()
    now = loop.time()
    left_s = period_s - now % period_s
    if left_s < _ROUNDING_S:
        left_s += period_s
    end = loop.create_future() if early is None else early
    # asyncio.sleep would ask for the loop and the time again. In some guests, each such question is a system call.
    timer = loop.call_at(now + min(left_s, at_most_s), _end_wait, end, False)
    try:
        return await end
    finally:
        timer.cancel()


def wake(early: "asyncio.Future[bool]") -> None:
    """End the wait for a tick early; do nothing if it has ended."""
    _end_wait(early, True)


def _end_wait(end: "asyncio.Future[bool]", is_early: bool) -> None:
    if not end.done():
        end.set_result(is_early)


async def uninterrupted(coroutine: Coroutine[object, None, Result]) -> Result:
    """
    Return the coroutine's result; let a cancellation take effect only when the coroutine has ended.

    For work of limited duration that must not stop half-way. After a cancellation, the coroutine's error is logged at
    DEBUG level.
    """
    task = asyncio.ensure_future(coroutine)
    cancellation = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:  # noqa: PERF203 - it is rare
            cancellation = error
    if cancellation is not None:
        _log_late_error(task)
        raise cancellation
    return task.result()


def _log_late_error(task: "asyncio.Task[Result]") -> None:
    """Log the error of a task that is no longer awaited, so that asyncio does not report it as never retrieved."""
    if not task.cancelled() and task.exception() is not None:
        _log.debug("after its timeout or cancellation, a task failed: %s", task.exception())


async def in_daemon_thread(call: Callable[[], Result]) -> Result:
    """
    Make a call in a daemon thread; return its result. Unlike asyncio.to_thread, it does not delay the program's end.

    Raises the error of the call, or a RuntimeError if no thread can be started.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def finish(result: Result | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(cast("Result", result))
        else:
            done.set_exception(error)

    def work() -> None:
        result, failure = None, None
        try:
            result = call()
        except Exception as error:
            failure = error
        # After the end of the event loop, nobody waits for the result.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(finish, result, failure)

    threading.Thread(target=work, daemon=True).start()
    return await done
