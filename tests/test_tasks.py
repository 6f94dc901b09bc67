"""Tasks: no task outlives its block, and no error is lost."""

import ast
import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ble_exporter.errors import ScannerError
from ble_exporter.tasks import (
    CANCEL_AGAIN_S,
    Tasks,
    UnexpectedCancellationError,
    in_daemon_thread,
    next_tick,
    uninterrupted,
    wake,
    within,
)
from tests.conftest import HERE

InVirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]


async def fail(error: BaseException, after_s: float = 0.0) -> None:
    """Raise an error after this many seconds."""
    await asyncio.sleep(after_s)
    raise error


async def fail_to_end(error: BaseException) -> None:
    """Raise an error when cancelled."""
    try:
        await asyncio.sleep(3600)
    finally:
        raise error


async def swallow_cancellations(count: int) -> None:
    """Swallow this many cancellations, as a library may before Python 3.12."""
    for _ in range(count):
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
    await asyncio.sleep(3600)


def now() -> float:
    """Return the event loop's time."""
    return asyncio.get_running_loop().time()


def others() -> int:
    """Return the number of tasks besides the current one."""
    return len(asyncio.all_tasks()) - 1


def test_a_wait_ends_with_the_first_task(in_virtual_time: InVirtualTime) -> None:
    """A scan ends when its radio ends or when a stop is requested, whichever happens first."""

    async def run() -> tuple[bool, float]:
        async with Tasks() as tasks:
            return await tasks.wait(tasks.start(asyncio.sleep(5)), tasks.start(asyncio.sleep(3))), now()

    assert (True, 3) == in_virtual_time(run())


def test_a_wait_ends_with_its_time(in_virtual_time: InVirtualTime) -> None:
    """A scan ends after its duration, even if the radio is still listening."""

    async def run() -> tuple[bool, float]:
        async with Tasks() as tasks:
            return await tasks.wait(tasks.start(asyncio.sleep(5)), timeout_s=2), now()

    assert (False, 2) == in_virtual_time(run())


def test_a_task_that_is_not_waited_for_does_not_end_a_wait(in_virtual_time: InVirtualTime) -> None:
    """The watchdog's task returns immediately if systemd asks for no watchdog: the service must keep running."""

    async def run() -> tuple[bool, float]:
        async with Tasks() as tasks:
            tasks.start(asyncio.sleep(1))
            return await tasks.wait(tasks.start(asyncio.sleep(5)), timeout_s=3), now()

    assert (False, 3) == in_virtual_time(run())


def test_a_task_that_is_not_waited_for_ends_a_wait_by_failing(in_virtual_time: InVirtualTime) -> None:
    """A bug in any task must end the block immediately, not only when the task is awaited."""

    async def run() -> None:
        async with Tasks() as tasks:
            tasks.start(fail(RuntimeError("a bug"), 1))
            with pytest.raises(RuntimeError, match="a bug"):
                await tasks.wait(tasks.start(asyncio.sleep(5)))
            assert 1 == now()

    in_virtual_time(run())


def test_a_timeout_error_in_a_task_is_not_taken_for_the_timeout(in_virtual_time: InVirtualTime) -> None:
    """A TimeoutError from a task is a failure, for example of the radio, and not the end of the wait."""

    async def run() -> None:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(fail(asyncio.TimeoutError("late"), 1)), timeout_s=5)

    with pytest.raises(asyncio.TimeoutError, match="late"):
        in_virtual_time(run())


def test_no_task_outlives_the_block(in_virtual_time: InVirtualTime) -> None:
    """A radio that kept scanning would occupy the adapter."""

    async def run() -> int:
        async with Tasks() as tasks:
            tasks.start(asyncio.sleep(3600))
            await tasks.wait(tasks.start(asyncio.sleep(1)))
        return others()

    assert 0 == in_virtual_time(run())


def test_a_cancellation_of_the_block_ends_its_tasks(in_virtual_time: InVirtualTime) -> None:
    """SIGTERM during a scan cancels the block, and no task may keep the process from ending."""

    async def inner() -> None:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(asyncio.sleep(3600)))

    async def run() -> int:
        async with Tasks() as tasks:
            cancelled = tasks.start(inner())
            await tasks.wait(timeout_s=1)
            await tasks.end()
        assert cancelled.cancelled()
        return others()

    assert 0 == in_virtual_time(run())


@pytest.mark.parametrize("count", [1, 2])
def test_a_task_that_swallows_a_cancellation_is_cancelled_again(in_virtual_time: InVirtualTime, count: int) -> None:
    """Without a second cancellation, a scan would never end, and the values of the previous scan would stay."""

    async def run() -> float:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(swallow_cancellations(count)), timeout_s=1)
        return now()

    assert 1 + count * CANCEL_AGAIN_S == in_virtual_time(run())


def test_a_second_cancellation_of_the_block_is_passed_on_immediately(in_virtual_time: InVirtualTime) -> None:
    """A caller who cancels again must not wait for a hung task; the task must still be ended."""

    async def inner() -> None:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(swallow_cancellations(1)))

    async def run() -> tuple[float, int]:
        async with Tasks(cancel_again_s=2) as tasks:
            await tasks.wait(tasks.start(inner()), timeout_s=1)
        return now(), others()

    assert (3, 0) == in_virtual_time(run())


@pytest.mark.parametrize("error", [ScannerError("can't stop"), RuntimeError("a bug")])
def test_a_failure_to_end_is_the_error_of_the_block(in_virtual_time: InVirtualTime, error: Exception) -> None:
    """Some errors of bluetoothd during a scan are reported only when the scan is stopped."""

    async def run() -> None:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(fail_to_end(error)), timeout_s=1)

    with pytest.raises(type(error), match=str(error)):
        in_virtual_time(run())


def test_a_failure_to_end_is_not_lost_if_the_block_is_cancelled(in_virtual_time: InVirtualTime) -> None:
    """The error must also be raised if SIGTERM stops the scan."""

    async def inner() -> None:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(fail_to_end(ScannerError("can't stop"))))

    async def run() -> None:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(inner()), timeout_s=1)

    with pytest.raises(ScannerError, match="can't stop"):
        in_virtual_time(run())


def test_of_two_failures_the_first_is_raised(in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture) -> None:
    """A later error is most likely a consequence of the first: it is logged at DEBUG only."""
    caplog.set_level(logging.DEBUG, logger="ble_exporter.tasks")

    async def run() -> None:
        async with Tasks() as tasks:
            tasks.start(fail(ScannerError("unplugged"), 1))
            await tasks.wait(tasks.start(fail_to_end(ScannerError("can't stop"))))

    with pytest.raises(ScannerError, match="unplugged"):
        in_virtual_time(run())
    assert [("DEBUG", "after the first error: can't stop")] == [
        (record.levelname, record.message) for record in caplog.records if record.name == "ble_exporter.tasks"
    ]


def test_of_two_simultaneous_failures_both_are_reported(
    in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug is not a consequence of an unplugged adapter: its traceback must not be lost."""

    async def run() -> None:
        async with Tasks() as tasks:
            tasks.start(fail(ScannerError("unplugged"), 1))
            tasks.start(fail(RuntimeError("a bug"), 1))
            await tasks.wait()

    with pytest.raises(ScannerError, match="unplugged"):
        in_virtual_time(run())
    assert "RuntimeError: a bug" in caplog.text


def test_an_error_of_the_block_takes_precedence_over_those_of_its_tasks(
    in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """The block's error is the cause of the tasks' end; a bug that appears only then must still be logged."""

    async def run() -> None:
        async with Tasks() as tasks:
            tasks.start(fail_to_end(RuntimeError("a bug")))
            await asyncio.sleep(1)
            raise ScannerError("unplugged")

    with pytest.raises(ScannerError, match="unplugged"):
        in_virtual_time(run())
    assert "RuntimeError: a bug" in caplog.text


def test_every_bug_is_reported(in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture) -> None:
    """Several tasks may fail at the same time, and no bug may be lost."""

    async def run() -> None:
        async with Tasks() as tasks:
            for number in range(3):
                tasks.start(fail(RuntimeError(f"bug {number}"), 1))
            await tasks.wait()

    with pytest.raises(RuntimeError, match="bug 0"):
        in_virtual_time(run())
    assert ["bug 1", "bug 2"] == [str(record.exc_info[1]) for record in caplog.records if record.exc_info]


def test_an_error_of_the_block_is_not_lost_if_it_is_cancelled_meanwhile(in_virtual_time: InVirtualTime) -> None:
    """If SIGTERM arrives while a failed radio stops slowly, the exit status must still show the failure."""

    async def inner() -> None:
        async with Tasks() as tasks:
            tasks.start(swallow_cancellations(1))
            await asyncio.sleep(1)
            raise ScannerError("unplugged")

    async def run() -> None:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(inner()), timeout_s=2)

    with pytest.raises(ScannerError, match="unplugged"):
        in_virtual_time(run())


def test_a_cancellation_that_nobody_asked_for_is_a_failure(in_virtual_time: InVirtualTime) -> None:
    """An unexpected cancellation would look like a requested stop, and the process would exit with status 0."""

    async def run() -> None:
        async with Tasks() as tasks:
            task = tasks.start(asyncio.sleep(3600))
            asyncio.get_running_loop().call_later(1, task.cancel)
            await tasks.wait(task)

    with pytest.raises(UnexpectedCancellationError, match="cancelled unexpectedly"):
        in_virtual_time(run())


def test_all_tasks_cancelled_at_once_are_no_failure(in_virtual_time: InVirtualTime) -> None:
    """asyncio.run cancels all tasks at its end, even the one that runs the block, and that is no error."""

    async def inner() -> None:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(asyncio.sleep(3600)))

    async def run() -> bool:
        async with Tasks() as tasks:
            outer = tasks.start(inner())
            await tasks.wait(timeout_s=1)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await tasks.end()
        return outer.cancelled()

    assert in_virtual_time(run())


def test_an_end_can_be_asked_for_within_the_block(in_virtual_time: InVirtualTime) -> None:
    """A caller that ends the tasks itself gets their error; the block must not raise it again."""

    async def run() -> int:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(fail_to_end(ScannerError("can't stop"))), timeout_s=1)
            with pytest.raises(ScannerError, match="can't stop"):
                await tasks.end()
        return others()

    assert 0 == in_virtual_time(run())


def test_within_its_time_a_coroutine_has_its_result(in_virtual_time: InVirtualTime) -> None:
    """The caller gets the coroutine's result or error, as if it had awaited the coroutine."""
    assert "x" == in_virtual_time(within(2, asyncio.sleep(1, "x")))
    with pytest.raises(ScannerError, match="gone"):
        in_virtual_time(within(2, fail(ScannerError("gone"))))


def test_what_takes_longer_is_cancelled(in_virtual_time: InVirtualTime) -> None:
    """The cancelled coroutine is not awaited: a call to a hung Bluetooth stack may never end."""

    async def run() -> float:
        with pytest.raises(asyncio.TimeoutError):
            await within(2, swallow_cancellations(1))
        ended = now()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        return ended

    assert 2 == in_virtual_time(run())


def test_an_error_after_the_timeout_is_logged_at_debug(
    in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody awaits the coroutine after its timeout; asyncio would report its error as never retrieved."""

    async def run() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await within(2, fail_to_end(ScannerError("can't stop")))
        await asyncio.sleep(1)

    with caplog.at_level(logging.DEBUG, "ble_exporter.tasks"):
        in_virtual_time(run())

    assert [("DEBUG", "after its timeout or cancellation, a task failed: can't stop")] == [
        (record.levelname, record.getMessage()) for record in caplog.records if record.name == "ble_exporter.tasks"
    ]


def test_a_cancellation_at_the_moment_of_the_result_is_not_lost(in_virtual_time: InVirtualTime) -> None:
    """Before Python 3.12, asyncio.wait_for can lose such a cancellation, and the task would run for ever."""

    async def endless() -> None:
        while True:
            await within(10, asyncio.sleep(1))

    async def run() -> float:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(endless()), timeout_s=1)
        return now()

    assert 1 == in_virtual_time(run())


def test_tasks_that_wait_for_ticks_wake_together(in_virtual_time: InVirtualTime) -> None:
    """Waking an idle process costs more CPU time than the work of one of these tasks."""

    async def woken_at(began_s: float, period_s: float) -> list[float]:
        await asyncio.sleep(began_s)
        times = []
        for _tick in range(2):
            await next_tick(period_s)
            times.append(now())
        return times

    async def run() -> list[list[float]]:
        async with Tasks() as tasks:
            woken = [tasks.start(woken_at(*one)) for one in ((0.3, 1.0), (0.4, 1.0), (0.9, 0.5))]
            for task in woken:
                await tasks.wait(task)
            return [task.result() for task in woken]

    at_ticks = [pytest.approx([1.0, 2.0]), pytest.approx([1.0, 2.0]), pytest.approx([1.0, 1.5])]
    assert at_ticks == in_virtual_time(run())


def test_what_must_not_be_interrupted_has_its_result(in_virtual_time: InVirtualTime) -> None:
    """Without a cancellation, `uninterrupted` must behave like an ordinary call."""

    async def run() -> str:
        return await uninterrupted(asyncio.sleep(2, "done"))

    assert "done" == in_virtual_time(run())


def test_a_cancellation_takes_effect_at_the_end_of_what_must_not_be_interrupted(in_virtual_time: InVirtualTime) -> None:
    """A caller may cancel several times, and each cancellation must wait for the end of the work."""

    async def run() -> float:
        async def cancelled() -> None:
            await uninterrupted(asyncio.sleep(10))
            raise AssertionError("the cancellation was lost")

        task = asyncio.ensure_future(cancelled())  # noqa: TID251 - it is cancelled from outside
        for _time in range(3):
            await asyncio.sleep(1)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return asyncio.get_running_loop().time()

    assert 10 == in_virtual_time(run())


def test_an_error_of_what_must_not_be_interrupted_is_raised(in_virtual_time: InVirtualTime) -> None:
    """The caller must get the error, as from any other call."""

    async def fail() -> None:
        raise ScannerError("broken")

    with pytest.raises(ScannerError, match="broken"):
        in_virtual_time(uninterrupted(fail()))


def test_an_error_after_a_cancellation_is_logged_at_debug(
    in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """The cancellation takes precedence; asyncio would report the error as never retrieved."""

    async def fail() -> None:
        await asyncio.sleep(5)
        raise ScannerError("broken")

    async def run() -> None:
        task = asyncio.ensure_future(uninterrupted(fail()))  # noqa: TID251 - it is cancelled from outside
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with caplog.at_level(logging.DEBUG, "ble_exporter.tasks"):
        in_virtual_time(run())

    assert "after its timeout or cancellation, a task failed: broken" in caplog.text


def test_nothing_else_starts_a_task() -> None:
    """A task that is started elsewhere may outlive its caller, and its error may never be seen."""
    starters = {"ensure_future", "create_task", "gather", "wait_for", "TaskGroup", "run_coroutine_threadsafe"}

    found = [
        f"{path.relative_to(HERE.parent)}:{node.lineno}"
        for path in sorted(Path(HERE.parent, "ble_exporter").rglob("*.py"))
        if path.name != "tasks.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in starters
    ]

    assert [] == found


def test_a_daemon_thread_returns_the_result() -> None:
    """A long computation must not occupy the event loop."""
    assert threading.get_ident() != asyncio.run(in_daemon_thread(threading.get_ident))


def test_a_daemon_thread_passes_the_error_on() -> None:
    """The caller must get the error of the computation, because only the caller knows what to do about it."""

    def fail() -> None:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        asyncio.run(in_daemon_thread(fail))


def test_a_daemon_thread_does_not_delay_the_end() -> None:
    """A signal must end the program within a second, even while a large file is being read."""
    may_end, has_ended = threading.Event(), threading.Event()

    def block() -> None:
        may_end.wait(60)
        has_ended.set()

    async def leave() -> None:
        async with Tasks() as tasks:
            tasks.start(in_daemon_thread(block))
            await asyncio.sleep(0)
            await tasks.end()

    asyncio.run(leave())
    is_blocked = not has_ended.is_set()
    may_end.set()

    assert (True, True) == (is_blocked, has_ended.wait(60))


def test_a_daemon_thread_whose_result_nobody_awaits_any_more_reports_nothing() -> None:
    """A client that hangs up during a reload must not cause a traceback in the log."""
    may_end = threading.Event()
    threads: list[threading.Thread] = []
    reported: list[object] = []

    def block() -> None:
        threads.append(threading.current_thread())
        may_end.wait(60)

    async def leave() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
        async with Tasks() as tasks:
            tasks.start(in_daemon_thread(block))
            await asyncio.sleep(0)
            await tasks.end()
        may_end.set()
        await in_daemon_thread(lambda: threads[0].join(60))

    asyncio.run(leave())

    assert [] == reported


def test_a_wait_for_a_tick_can_be_ended_early(in_virtual_time: InVirtualTime) -> None:
    """A burst of packets must not wait for the tick; what wakes the task once more must do no harm."""

    async def run() -> tuple[bool, float]:
        loop = asyncio.get_running_loop()
        early = loop.create_future()
        loop.call_later(0.4, wake, early)
        is_early = await next_tick(1.0, early=early)
        wake(early)
        return is_early, loop.time()

    assert (True, pytest.approx(0.4)) == in_virtual_time(run())


def test_a_wait_that_lasts_until_the_tick_was_not_ended_early(in_virtual_time: InVirtualTime) -> None:
    """The monitor ear would take every tick for a burst, and wake up far too often."""

    async def run() -> bool:
        return await next_tick(1.0, early=asyncio.get_running_loop().create_future())

    assert not in_virtual_time(run())


def test_a_wait_that_ended_early_leaves_no_timer(in_virtual_time: InVirtualTime) -> None:
    """At each alarm, a timer would be left, and would wake the process for nothing."""

    async def run() -> object:
        early: asyncio.Future[bool] | None = asyncio.get_running_loop().create_future()
        assert early is not None
        left = weakref.ref(early)
        wake(early)
        await next_tick(60.0, early=early)
        early = None
        await asyncio.sleep(0)
        gc.collect()
        return left()

    assert in_virtual_time(run()) is None
