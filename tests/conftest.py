"""Fixtures, example packets and Hypothesis settings that several test files share."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from ble_exporter.config.app_config import AppConfig
from tests.data import HERE, Vector, vectors
from tests.monitor_channel.pairs import Pairs
from tests.virtual_time import VirtualTimeLoop

__all__ = ["HERE", "Vector", "vectors"]

PACKET_A = bytes.fromhex("4000b00151028d0a038d11")  # 81 %, 27.01 °C, 44.93 %
PACKET_B = bytes.fromhex("4000b00c200b10001101")  # 2.848 V, power off, opening open; the same packet id

# In CI, every run tries the same examples: a new random input must not make an unrelated change fail.
# Old versions of Hypothesis do not do this by default.
IN_CI = bool(os.environ.get("CI"))
# A busy machine may draw and run an example slowly, so slowness is not a failure.
settings.register_profile("any time", deadline=None, suppress_health_check=[HealthCheck.too_slow])
_ANY_TIME = settings.get_profile("any time")
# The number of random examples is small in the fast tests, and large in `make test-properties`.
settings.register_profile("quick", _ANY_TIME, max_examples=30, derandomize=IN_CI)
settings.register_profile("thorough", _ANY_TIME, max_examples=1000, derandomize=IN_CI)
# `make mutants` runs the tests thousands of times, and needs the same result each time.
settings.register_profile("mutation", _ANY_TIME, max_examples=20, derandomize=True, database=None)

# A shell script starts background jobs with SIGINT ignored, and the programs that the tests start would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

Result = TypeVar("Result")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """
    Measure no coverage in the property tests.

    A branch that only a random example reaches does not count as covered, because another run may not reach it. Tracing
    Hypothesis would also slow these tests down. (pytest-cov's own mark, no_cover, has no effect in xdist's workers.)
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
    Keep coverage.py from measuring xdist's workers as subprocesses of a test.

    pytest-cov already measures the workers; measuring them twice would only take more time.
    """
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


@pytest.fixture
def in_virtual_time() -> Callable[[Coroutine[Any, Any, Result]], Result]:
    """Return a function that runs a coroutine on an event loop with a virtual clock: waiting takes no time."""

    def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
        loop = VirtualTimeLoop()
        try:
            return loop.run_until_complete(coroutine)
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    return run


@pytest.fixture
def app_config(tmp_path: Path) -> AppConfig:
    """A configuration with two devices."""
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
    """A logger whose records pytest's caplog captures."""
    logger = logging.getLogger("test")
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.handlers.clear()


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Restore the program's logger, which `get_logger` configures permanently, so that caplog captures its records."""
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
    """Restore the signal handlers and the logging setting that `main` changes permanently."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    logging.raiseExceptions = True
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def _without_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `cryptography` impossible to import, as on a machine where it is not installed."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    # An earlier test may have loaded the only module that imports `cryptography`.
    monkeypatch.delitem(sys.modules, "ble_exporter.formats.ccm", raising=False)


@pytest.fixture
def pairs() -> Iterator[Pairs]:
    """Return the kernel's side of the monitor channel, before a channel is opened."""
    pairs = Pairs()
    yield pairs
    pairs.close()
