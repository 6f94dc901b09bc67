"""What several test files share."""

import asyncio
import logging
import os
import selectors
import signal
import sys
from collections.abc import Callable, Coroutine, Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from ble_exporter.config.app_config import AppConfig
from tests.data import HERE, Vector, vectors

__all__ = ["HERE", "Vector", "vectors"]

PACKET_A = bytes.fromhex("4000b00151028d0a038d11")  # 81 %, 27.01 °C, 44.93 %
PACKET_B = bytes.fromhex("4000b00c200b10001101")  # 2.848 V, power off, opening open; the same packet id

# How much chance is worth: little in the fast tests, much in `make test-properties`. (Where CI is set, Hypothesis draws
# the same examples each time.)
settings.register_profile("quick", max_examples=30, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# For `make mutants`: thousands of runs, and each must come out the same again.
settings.register_profile(
    "mutation",
    derandomize=True,
    database=None,
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

Result = TypeVar("Result")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """
    Measure no coverage in the property tests.

    A branch that only chance reaches is not tested: the percentage is that of the examples alone. And where everything
    is traced, Hypothesis with it, these tests take twice as long. (pytest-cov's own mark, no_cover, does nothing in
    xdist's workers.)
    """
    if not item.get_closest_marker("hypothesis"):
        return (yield)
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """
    Keep coverage.py from measuring xdist's workers as programs that a test starts.

    In a worker pytest-cov measures already; twice would take twice as long.
    """
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


class _ImpatientSelector(selectors.DefaultSelector):
    """A selector that does not wait for time to pass: it moves the clock on."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing is left to happen: the program would wait for ever"
        ready = super().select(0)
        if not ready:
            self.now += max(timeout, 0)
        return ready


class _VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._impatient = _ImpatientSelector()
        super().__init__(self._impatient)

    def time(self) -> float:
        return self._impatient.now

    def stand_still(self, seconds: float) -> None:
        """Let time pass in which nothing could run."""
        self._impatient.now += seconds


@pytest.fixture
def in_virtual_time() -> Callable[[Coroutine[Any, Any, Result]], Result]:
    """Run a coroutine on an event loop on which an hour of waiting takes no time."""

    def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
        loop = _VirtualTimeLoop()
        try:
            return loop.run_until_complete(coroutine)
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    return run


@pytest.fixture
def app_config(tmp_path: Path) -> AppConfig:
    """A configuration of two devices."""
    return AppConfig(
        scan_interval_seconds=30,
        scan_duration_seconds=5,
        listen_port=8000,
        devices={"A4:C1:38:00:00:01": "living_room", "A4:C1:38:00:00:02": "bedroom"},
        log_file=str(tmp_path / "logs" / "ble_exporter.log"),
        listen_address="127.0.0.1",
    )


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """A logger that pytest's caplog hears."""
    logger = logging.getLogger("test")
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.handlers.clear()


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """`get_logger` sets up the program's logger for good: in the next test pytest's caplog must hear it again."""
    _reset_log()
    yield
    _reset_log()


def _reset_log() -> None:
    logger = logging.getLogger("ble_exporter")
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def process_as_before() -> Iterator[None]:
    """`main` takes the signals over for good, and the log; the tests need them again."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    logging.raiseExceptions = True
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def _without_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the library that decrypts impossible to import, as where it is not installed."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    # The module of ours that imports it may have been loaded before.
    monkeypatch.delitem(sys.modules, "ble_exporter.formats.ccm", raising=False)
