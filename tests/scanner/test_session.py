"""Tests of the duration and the end of one listening session."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from ble_exporter.errors import LossReason, ResetOutcome, ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.scanner.radio import Everything, Listener
from ble_exporter.scanner.session import packets_heard, run_for
from ble_exporter.tasks import Tasks

InVirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]
NOBODY = Everything(lambda _advertisement: None)
ADVERTISEMENT = Advertisement("A4:C1:38:00:00:01", {UUID: b"\x40"})


class Radio:
    """A radio that receives one advertisement a second, and ends or fails at a set second."""

    adapters: Mapping[str, bool] = MappingProxyType({})
    lost_events: Mapping[tuple[str, LossReason], int] = MappingProxyType({})
    adapter_resets: Mapping[tuple[str, ResetOutcome], int] = MappingProxyType({})
    is_resetting = False
    silence: str | None = None

    def __init__(
        self,
        *,
        fail_at: int | None = None,
        error: BaseException | None = None,
        fail_to_stop: bool = False,
        starts_in_s: float = 0.0,
    ) -> None:
        self._fail_at = fail_at
        self._error = error
        self._fail_to_stop = fail_to_stop
        self._starts_in_s = starts_in_s
        self.stopped = False

    def catch_up(self) -> None:
        """See Radio: every packet is delivered at once."""

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Deliver one advertisement a second."""
        second = 0
        await asyncio.sleep(self._starts_in_s)
        started()
        try:
            while True:
                if second == self._fail_at:
                    if self._error is not None:
                        raise self._error
                    return
                listener.handle(ADVERTISEMENT)
                await asyncio.sleep(1)
                second += 1
        finally:
            self.stopped = True
            if self._fail_to_stop:
                raise ScannerError("can't stop")


def test_it_listens_for_the_given_duration(in_virtual_time: InVirtualTime) -> None:
    """The duration is the user's setting; afterwards the radio must be stopped."""
    heard: list[Advertisement] = []
    radio = Radio()

    assert in_virtual_time(run_for(radio, Everything(heard.append), 4.5))

    assert (5, True) == (len(heard), radio.stopped)


def test_the_duration_starts_when_the_radio_listens(in_virtual_time: InVirtualTime) -> None:
    """The start of a radio may take seconds, which must not shorten the scan."""
    heard: list[Advertisement] = []

    in_virtual_time(run_for(Radio(starts_in_s=3.0), Everything(heard.append), 4.5))

    assert 5 == len(heard)


class Stubborn(Radio):
    """A radio that ignores the first cancellation, as libraries may do before Python 3.12."""

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Listen, and continue after the first cancellation."""
        try:
            await super().run(listener, started)
        except asyncio.CancelledError:
            await super().run(listener, started)


def test_a_lost_cancellation_is_repeated(in_virtual_time: InVirtualTime) -> None:
    """Without a second cancellation, a scan whose library has ignored the first would never end."""

    async def listen() -> float:
        await run_for(Stubborn(), NOBODY, 5)
        return asyncio.get_running_loop().time()

    assert 15 == in_virtual_time(listen())


def test_it_ends_with_its_source(in_virtual_time: InVirtualTime) -> None:
    """After the end of a capture, waiting for the rest of the duration would be pointless."""

    async def listen() -> float:
        assert not await run_for(Radio(fail_at=2), NOBODY, 100)
        return asyncio.get_running_loop().time()

    assert 2 == in_virtual_time(listen())


@pytest.mark.parametrize("error", [ScannerError("gone"), TimeoutError("late"), ValueError("a bug")])
def test_an_error_of_the_radio_is_raised_unchanged(in_virtual_time: InVirtualTime, error: Exception) -> None:
    """In particular, a TimeoutError of the radio must not look like the end of the scan."""
    with pytest.raises(type(error), match=str(error)):
        in_virtual_time(run_for(Radio(fail_at=1, error=error), NOBODY, 10))


def test_an_unrequested_cancellation_is_a_failure(in_virtual_time: InVirtualTime) -> None:
    """A propagated cancellation would look like a requested stop, and the process would exit with status 0."""
    with pytest.raises(ScannerError, match="cancelled unexpectedly"):
        in_virtual_time(run_for(Radio(fail_at=1, error=asyncio.CancelledError()), NOBODY, 10))


def test_a_failure_to_stop_is_a_failure_of_the_scan(in_virtual_time: InVirtualTime) -> None:
    """If bluetoothd ends during a scan, the stop may be the first call to notice it."""
    with pytest.raises(ScannerError, match="can't stop"):
        in_virtual_time(run_for(Radio(fail_to_stop=True), NOBODY, 3))


def test_the_radio_is_stopped_when_the_session_is_cancelled(in_virtual_time: InVirtualTime) -> None:
    """SIGTERM during a scan must not leave the radio scanning."""
    radio = Radio()

    async def cancelled() -> None:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(run_for(radio, NOBODY, 100)), timeout_s=5)

    in_virtual_time(cancelled())

    assert radio.stopped


def test_a_simple_scan_returns_every_packet(in_virtual_time: InVirtualTime) -> None:
    """Public API: the result has all packets received, not only the last one of each device."""
    assert in_virtual_time(packets_heard(Radio(), 2.5)) == 3 * [("A4:C1:38:00:00:01", b"\x40")]
