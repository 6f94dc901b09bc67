"""Tests of the limit on the time in which a radio receives nothing."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ble_exporter.errors import ScannerError
from ble_exporter.scanner.watchdog import CALM_CHECK_S, CHECK_S, UNLEARNED_LIMIT_S, SilenceWatchdog
from ble_exporter.tasks import Tasks

InVirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]


async def listen(
    watchdog: SilenceWatchdog, seconds: float, heard_at: tuple[float, ...] = (), *, only_thermometers: bool = False
) -> float:
    """Listen with packets at `heard_at` for `seconds`, or until the watchdog raises an error; return the time then."""
    loop = asyncio.get_running_loop()
    for second in heard_at:
        loop.call_later(second, watchdog.note_heard)
    async with Tasks() as tasks:
        watching = tasks.start(watchdog.run("hci0", only_thermometers=only_thermometers))
        await asyncio.wait({watching}, timeout=seconds)
        if watching.done():
            with pytest.raises(ScannerError, match="adapter hci0: nothing was heard for "):
                await tasks.wait(watching)
        return loop.time()


@pytest.mark.parametrize(
    ("heard_at", "ended"),
    [((), 90), ((10.0,), 100), ((89.0, 170.0), 260), (tuple(map(float, range(0, 1000, 89))), 1000)],
)
def test_any_packet_restarts_the_silence(
    in_virtual_time: InVirtualTime, heard_at: tuple[float, ...], ended: float
) -> None:
    """In a quiet place, one packet of an unknown device every 89 s proves that the radio works."""
    assert in_virtual_time(listen(SilenceWatchdog(90), 1000, heard_at)) == pytest.approx(ended)


def test_only_time_spent_listening_counts(in_virtual_time: InVirtualTime) -> None:
    """A radio that is off for 25 s of every 30 s receives nothing during that time, which is not a fault."""

    async def scans() -> int:
        watchdog = SilenceWatchdog(90)
        for number in range(1, 100):
            before = asyncio.get_running_loop().time()
            if await listen(watchdog, 5) < before + 5:
                return number
            await asyncio.sleep(25)
        return 0

    assert 19 == in_virtual_time(scans())


def test_a_packet_between_two_scans_counts_too(in_virtual_time: InVirtualTime) -> None:
    """A callback may arrive while the radio is being stopped, and proves that the radio works."""

    async def scans() -> float:
        watchdog = SilenceWatchdog(90)
        await listen(watchdog, 80)
        watchdog.note_heard()
        return await listen(watchdog, 100)

    assert in_virtual_time(scans()) == pytest.approx(170)


def test_a_stall_of_the_machine_is_not_silence(in_virtual_time: InVirtualTime) -> None:
    """After a stall, the timer runs before the queued packets are handled, but the radio is not at fault."""

    async def scan() -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(30, loop.stand_still, 600)  # type: ignore[attr-defined] # the test's loop has it
        return await listen(SilenceWatchdog(90), 1000)

    assert in_virtual_time(scan()) == pytest.approx(600 + 90, abs=2 * CHECK_S)


def test_a_stall_of_the_machine_does_not_change_the_learned_interval(in_virtual_time: InVirtualTime) -> None:
    """If queued packets are handled before the timer, the watchdog's clock must not count the stall as listening."""

    async def scan() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        heard_at = tuple(20.0 * number for number in range(1, 31)) + tuple(1220.0 + 20 * number for number in range(2))
        # The stall ends at 1,220 s, so the packet of that time is handled immediately.
        loop.call_later(610, loop.stand_still, 610)  # type: ignore[attr-defined] # the test's loop has it
        return await listen(SilenceWatchdog(90), 1e6, heard_at, only_thermometers=True) - began

    assert in_virtual_time(scan()) == pytest.approx(1240 + 10 * 20, abs=20)


@pytest.mark.parametrize(
    ("every_s", "silent_after_s"),
    [(2.5, 90), (9, 90), (20, 10 * 20), (120, 10 * 120), (1275, 10 * 1275), (2400, 10 * 2400)],
    ids=lambda number: f"{number} s",
)
def test_in_a_passive_scan_the_limit_follows_the_sensors_interval(
    in_virtual_time: InVirtualTime, every_s: float, silent_after_s: float
) -> None:
    """With one slow sensor and a fixed limit, a passive scan would be restarted again and again."""
    heard_at = tuple(number * every_s for number in range(1, 41))

    ended = in_virtual_time(listen(SilenceWatchdog(90), 1e6, heard_at, only_thermometers=True))

    assert ended == pytest.approx(40 * every_s + silent_after_s)


def test_until_the_interval_is_known_the_limit_is_longer(in_virtual_time: InVirtualTime) -> None:
    """With the usual limit, a slow sensor's interval could never be learned, because each restart discards it."""
    nothing_heard = in_virtual_time(listen(SilenceWatchdog(90), 1e6, only_thermometers=True))
    two_heard = in_virtual_time(listen(SilenceWatchdog(90), 1e6, (600.0, 601.0), only_thermometers=True))

    assert (nothing_heard, two_heard) == (
        UNLEARNED_LIMIT_S,
        pytest.approx(601 + UNLEARNED_LIMIT_S, abs=CALM_CHECK_S),
    )


def test_a_learned_interval_is_kept_over_pauses(in_virtual_time: InVirtualTime) -> None:
    """Pauses between scans must count towards neither the interval nor the silence."""

    async def lasted() -> float:
        watchdog = SilenceWatchdog(90)
        for _scan in range(20):
            await listen(watchdog, 20, (10.0,), only_thermometers=True)
            await asyncio.sleep(40)
        began = asyncio.get_running_loop().time()
        return await listen(watchdog, 1000, only_thermometers=True) - began

    assert in_virtual_time(lasted()) == pytest.approx(20 * 10 - 10)


def test_a_burst_does_not_shorten_the_limit(in_virtual_time: InVirtualTime) -> None:
    """The configured limit is a minimum: 200 packets in one second say nothing about the next minute."""
    burst = tuple(number / 200 for number in range(200))

    ended = in_virtual_time(listen(SilenceWatchdog(90), 1000, burst, only_thermometers=True))

    assert ended == pytest.approx(burst[-1] + 90, abs=CALM_CHECK_S)


@pytest.mark.parametrize(
    ("limit_s", "late_s"), [(9, CHECK_S), (36, 2 * CHECK_S), (90, CALM_CHECK_S), (900, CALM_CHECK_S)]
)
def test_a_silence_is_noticed_the_sooner_the_shorter_the_limit_is(
    in_virtual_time: InVirtualTime, limit_s: float, late_s: float
) -> None:
    """A user who sets a short limit wants to know soon, so rare checks must not add half of the limit."""
    packets = tuple(0.7 * number for number in range(50))

    ended = in_virtual_time(listen(SilenceWatchdog(limit_s), 2000, packets))

    assert packets[-1] + limit_s <= ended <= packets[-1] + limit_s + late_s


def test_a_silence_is_long_after_a_third_of_the_limit(in_virtual_time: InVirtualTime) -> None:
    """A probe should learn of missing readings well before the radio counts as hung."""

    async def times() -> list[float]:
        watchdog, loop = SilenceWatchdog(90), asyncio.get_running_loop()
        loop.call_later(40.0, watchdog.note_heard)
        became_long: list[float] = []
        async with Tasks() as tasks:
            watching = tasks.start(watchdog.run("hci0"))
            while len(became_long) < 2:
                await tasks.wait(watching, tasks.start(watchdog.wait_for_long_silence()))
                assert watchdog.is_long
                became_long.append(loop.time())
        return became_long

    assert in_virtual_time(times()) == pytest.approx([30, 40 + 30], abs=CHECK_S)


def test_checks_with_something_heard_are_counted(in_virtual_time: InVirtualTime) -> None:
    """The count tells whether a restart of the scan has helped."""
    watchdog = SilenceWatchdog(90)

    in_virtual_time(listen(watchdog, 10, (1.5, 1.6, 7.5)))

    assert 2 == watchdog.heard_checks


def test_a_packet_after_the_end_belongs_to_the_run_that_has_ended(in_virtual_time: InVirtualTime) -> None:
    """The next run may begin with a reset, and this packet must not seem to prove that the reset helped."""
    heard: list[str] = []

    async def run() -> list[bool]:
        watchdog = SilenceWatchdog(90, lambda: heard.append("heard"))
        await listen(watchdog, 100)
        watchdog.note_heard()
        were_heard = [watchdog.reset(), watchdog.reset()]
        assert ["heard"] == heard
        await listen(watchdog, 10)
        return were_heard

    assert ([True, False], ["heard"]) == (in_virtual_time(run()), heard)


def test_what_waits_to_be_delivered_is_not_silence(in_virtual_time: InVirtualTime) -> None:
    """Packets are read in batches, seconds after their arrival, and the limit may be reached before the next batch."""

    async def run() -> tuple[int, float]:
        watchdog, calls = SilenceWatchdog(90), 0

        def catch_up() -> None:
            nonlocal calls
            calls += 1
            if asyncio.get_running_loop().time() < 200:
                watchdog.note_heard()

        with pytest.raises(ScannerError, match="nothing was heard for 90 s"):
            await watchdog.run("hci0", catch_up=catch_up)
        return calls, asyncio.get_running_loop().time()

    calls, ended = in_virtual_time(run())

    assert ended == pytest.approx(200 + 90, abs=CALM_CHECK_S)
    # While something is heard, the checks are rare.
    assert calls < 200 / CALM_CHECK_S + 90 / CHECK_S + 5
