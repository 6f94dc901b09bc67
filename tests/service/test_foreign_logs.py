"""The logs of other libraries, and the messages that Python itself would print."""

import asyncio
import gc
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ble_exporter.service.foreign_logs import forwarded


class Lines(logging.Handler):
    """A handler that collects the lines of the program's log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self.lines.append(f"{record.levelname} {record.getMessage()}")


@contextmanager
def collected() -> Iterator[list[str]]:
    """Forward the records of other libraries to a log, as the program does; yield the lines of this log."""
    handler = Lines()
    log = logging.getLogger("own")
    log.addHandler(handler)
    log.propagate = False
    try:
        with forwarded(log):
            yield handler.lines
    finally:
        log.removeHandler(handler)


@pytest.mark.parametrize("name", ["asyncio", "aiohttp.server", "bleak.backends", "dbus_fast"])
def test_a_foreign_warning_is_a_line_of_the_program_s_log(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By default, logging prints warnings to standard error, where nobody looks, or where they fill the journal."""
    with collected() as lines:
        logging.getLogger(name).warning("two\nlines")

    assert [f"WARNING {name}: two lines"] == lines
    assert "" == capsys.readouterr().err


def _log_exception(number: int) -> None:
    try:
        int(f"x{number}")
    except ValueError:
        logging.getLogger("asyncio").exception("Fatal error %s", number)


def test_a_flood_is_one_line() -> None:
    """An exception for each of 5,000 requests a second, each with a traceback, would overwrite the whole log."""
    with collected() as lines:
        for number in range(1000):
            _log_exception(number)

    text = "invalid literal for int() with base 10: 'x0', in test_foreign_logs.py:"
    assert [f"ERROR asyncio: Fatal error 0 (ValueError: {text}"] == [line.rpartition(":")[0] + ":" for line in lines]


def test_an_exception_in_a_callback_is_logged() -> None:
    """The event loop only passes the exception to asyncio's logger, so it reaches the log only by forwarding."""

    def fail() -> None:
        raise KeyError("x")

    async def run() -> None:
        asyncio.get_running_loop().call_soon(fail)
        await asyncio.sleep(0)

    with collected() as lines:
        asyncio.run(run())

    assert [True] == [line.startswith("ERROR asyncio: Exception in callback") for line in lines]


def test_an_exception_that_python_ignores_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """Python prints exceptions in destructors to standard error, whatever the program's log is."""

    class Fails:
        def __del__(self) -> None:
            raise KeyError("x")

    with collected() as lines:
        Fails()
        gc.collect()

    assert [True] == [line.startswith("ERROR Python: ") and "KeyError: 'x'" in line for line in lines]
    assert "" == capsys.readouterr().err


def test_a_python_warning_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """A library may warn that its next release will break the program."""
    with warnings.catch_warnings(), collected() as lines:
        warnings.simplefilter("always")
        warnings.warn("soon gone", DeprecationWarning, stacklevel=1)

    assert [True] == ["py.warnings" in line and "soon gone" in line for line in lines]
    assert "" == capsys.readouterr().err


def test_the_program_s_own_lines_do_not_come_round(caplog: pytest.LogCaptureFixture) -> None:
    """If the program's log propagates to the root, a forwarded line must not be forwarded again."""
    log = logging.getLogger("propagating")
    with forwarded(log):
        log.warning("mine")
        logging.getLogger("propagating.child").warning("mine too")
        logging.getLogger("other").warning("yours")

    assert ["mine", "mine too", "other: yours", "yours"] == sorted(caplog.messages)


def test_afterwards_all_is_as_before() -> None:
    """Another program that calls the service must keep its own handlers."""
    handlers, hook = logging.getLogger().handlers[:], sys.unraisablehook
    with collected():
        pass

    assert (handlers, hook) == (logging.getLogger().handlers, sys.unraisablehook)
