"""Whether scans make progress, on a clock that the test sets."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ble_exporter import tasks
from ble_exporter.scanner import bluez_dbus, bluez_radio
from ble_exporter.status.liveness import MARGIN_PER_RADIO_S, MARGIN_S, Liveness

LIMIT_S = 30 + 5 + MARGIN_S


class Clock:
    """A clock of monotonic seconds that the test sets."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the current time of the clock."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until the test moves it."""
    return Clock()


@pytest.fixture
def liveness(clock: Clock) -> Liveness:
    """The liveness of scans of 5 s every 30 s."""
    return Liveness(30, 5, clock)


def test_before_the_radio_listens_there_is_no_progress(liveness: Liveness) -> None:
    """If the program fed the watchdog while the radio never starts, systemd would never restart it."""
    assert (liveness.stalled(), liveness.not_ready()) == (("the first scan has not ended yet",) * 2)


def test_the_first_scan_is_progress_but_gives_nothing_to_rely_on(liveness: Liveness) -> None:
    """The watchdog must not act during the first scan, but until that scan ends, healthy sensors may seem missing."""
    liveness.scan_started()

    assert (None, "the first scan has not ended yet") == (liveness.stalled(), liveness.not_ready())


def test_a_first_scan_that_never_ends_is_no_progress(liveness: Liveness, clock: Clock) -> None:
    """The watchdog must not wait for ever for the first scan."""
    liveness.scan_started()
    clock.now += LIMIT_S + 1

    assert "the first scan started 81 s ago and has not ended yet" == liveness.stalled()
    assert "the first scan has not ended yet" == liveness.not_ready()


def test_it_is_ready_as_long_as_scans_end_in_time(liveness: Liveness, clock: Clock) -> None:
    """If the limit counted from the first end of a scan, every exporter would seem to stall after a while."""
    liveness.scan_started()
    for _ in range(100):
        clock.now += LIMIT_S
        liveness.scan_ended()
        liveness.scan_started()
        clock.now += LIMIT_S
        assert (None, None) == (liveness.stalled(), liveness.not_ready())


def test_scans_that_stop_ending_are_named_with_their_age(liveness: Liveness, clock: Clock) -> None:
    """The reader of a 503 needs the age and the expected interval. The start of a scan does not count as progress."""
    liveness.scan_ended()
    clock.now += 60
    liveness.scan_started()
    clock.now += 35

    expected = "the last scan ended 95 s ago; a scan is due every 30 s"
    assert (liveness.stalled(), liveness.not_ready()) == (expected, expected)


def test_it_recovers_with_the_next_end(liveness: Liveness, clock: Clock) -> None:
    """After a stall, the exporter must be ready again as soon as a scan ends, without a restart."""
    liveness.scan_ended()
    clock.now += 1000
    liveness.scan_ended()

    assert (None, None) == (liveness.stalled(), liveness.not_ready())


def test_a_radio_that_does_not_answer_has_the_time_to_say_so() -> None:
    """A radio's own error has a cause, a hint and an exit status; the watchdog's SIGABRT has none of them."""
    starting_s = bluez_dbus.ANSWER_TIMEOUT_S + bluez_radio.START_TIMEOUT_S

    assert starting_s + bluez_radio.STOP_TIMEOUT_S + tasks.CANCEL_AGAIN_S <= MARGIN_S
    # Each radio waits until the others have started or stopped.
    assert bluez_radio.START_TIMEOUT_S + bluez_radio.STOP_TIMEOUT_S <= MARGIN_PER_RADIO_S


def test_several_radios_have_more_time(clock: Clock) -> None:
    """Radios start one after the other, so several need more time before the watchdog may act."""
    liveness = Liveness(30, 5, clock, radios=3)
    liveness.scan_ended()
    clock.now += LIMIT_S + 2 * MARGIN_PER_RADIO_S
    assert liveness.stalled() is None
    clock.now += 1
    assert liveness.stalled() is not None


def test_by_default_the_clock_is_the_event_loop_s(
    in_virtual_time: Callable[[Coroutine[Any, Any, None]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wall clock would be wrong: a Pi without a clock battery starts in the past, and its clock jumps."""
    monkeypatch.setattr("time.time", lambda: pytest.fail("the wall clock was read"))

    async def run() -> None:
        liveness = Liveness(3600, 5)
        liveness.scan_ended()
        await asyncio.sleep(3600)
        assert liveness.not_ready() is None
        await asyncio.sleep(51)
        assert "the last scan ended 3651 s ago; a scan is due every 3600 s" == liveness.not_ready()

    in_virtual_time(run())


def test_a_doubt_is_a_reason_but_does_not_stop_the_watchdog(clock: Clock) -> None:
    """If no sensor is heard, a restart by systemd's watchdog would repair neither the radio nor the sensors."""
    doubts: list[str | None] = [None, "nothing was heard"]
    liveness = Liveness(30, 5, clock, doubts=[lambda: doubts[0], lambda: doubts[1]])
    liveness.scan_ended()

    assert (None, "nothing was heard") == (liveness.stalled(), liveness.not_ready())
    doubts[1] = None
    assert liveness.not_ready() is None


def test_a_scan_that_does_not_end_is_named_before_any_doubt(clock: Clock) -> None:
    """If a scan does not end, silence is only a consequence, and the user needs the cause."""
    liveness = Liveness(30, 5, clock, doubts=[lambda: "nothing was heard"])
    assert "the first scan has not ended yet" == liveness.not_ready()
    liveness.scan_ended()
    clock.now += LIMIT_S + 1

    assert "the last scan ended 81 s ago; a scan is due every 30 s" == liveness.not_ready()


def test_a_pause_is_no_stall_but_its_end_begins_anew(clock: Clock) -> None:
    """While an adapter is being reset, no scan can end, and a restart of the program would not help."""
    is_pausing = True
    liveness = Liveness(30, 5, clock, is_pausing=lambda: is_pausing)
    liveness.scan_ended()
    for _time in range(10):
        clock.now += LIMIT_S
        assert liveness.stalled() is None
    is_pausing = False
    clock.now += LIMIT_S
    assert liveness.stalled() is None
    clock.now += 1

    assert f"the last scan ended {LIMIT_S + 1:.0f} s ago; a scan is due every 30 s" == liveness.stalled()
