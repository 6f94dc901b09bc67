"""Tests of the rules for resets: not too often, and not for ever."""

import itertools
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.errors import RESET_OUTCOMES, ResetOutcome
from ble_exporter.scanner.reset_policy import (
    FIRST_PAUSE_S,
    HOUR_S,
    LONGEST_PAUSE_S,
    MOST_FRUITLESS,
    MOST_PER_HOUR,
    ROOT_PAUSE_S,
    Resets,
    resets_of,
)


def times_until_given_up(resets: Resets, heard: Sequence[bool], runs_s: Sequence[float]) -> list[float]:
    """Reset an adapter as soon as permitted, and again after each run; return the times of the resets."""
    now, times = 0.0, list[float]()
    for is_heard, runs_s_ in zip(heard, runs_s, strict=True):
        wait_s = resets.wait_s(now)
        if wait_s is None:
            break
        now += wait_s
        times.append(now)
        resets.begin(now)
        if is_heard:
            resets.fruitless = 0
        now += runs_s_
    return times


def test_the_first_reset_is_immediate() -> None:
    """The first reset follows a silence up to the limit or several rejected scans, so it need not wait longer."""
    assert 0.0 == Resets().wait_s(1000.0)


def test_the_pauses_double_up_to_a_limit() -> None:
    """Each reset disturbs other programs, so an adapter that keeps hanging must be reset less and less often."""
    times = times_until_given_up(Resets(), [True] * MOST_PER_HOUR, [0.0] * MOST_PER_HOUR)

    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert [FIRST_PAUSE_S, 30.0, 60.0, 120.0, LONGEST_PAUSE_S] == pauses


def test_what_has_passed_since_the_last_reset_counts() -> None:
    """The silence after a reset is part of the pause before the next one."""
    resets = Resets([1000.0], fruitless=1)

    assert (5.0, 0.0) == (resets.wait_s(1010.0), resets.wait_s(1090.0))


def test_resets_in_a_row_without_effect_are_limited() -> None:
    """After several resets in vain, the adapter needs another remedy, such as replugging."""
    assert MOST_FRUITLESS == len(times_until_given_up(Resets(), [False] * 10, [0.0] * 10))


def test_after_an_hour_there_may_be_another_reset() -> None:
    """If nobody repairs the adapter, the exporter must try again by itself."""
    resets = Resets([1000.0], fruitless=MOST_FRUITLESS)

    assert (None, 0.0) == (resets.wait_s(1000.0 + HOUR_S - 1), resets.wait_s(1000.0 + HOUR_S))


def test_the_times_of_another_clock_are_ignored() -> None:
    """A time in the future would forbid resets until then, which may be days away."""
    assert 0.0 == Resets([5000.0], fruitless=1).wait_s(10.0)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 2 * HOUR_S)), max_size=60))
def test_no_outcomes_lead_to_more_resets_in_an_hour(outcomes: list[tuple[bool, float]]) -> None:
    """Too frequent resets are worse than none, whatever the adapter does."""
    times = times_until_given_up(Resets(), [heard for heard, _ in outcomes], [runs_s for _, runs_s in outcomes])

    assert all(MOST_PER_HOUR >= sum(0 <= other - time < HOUR_S for other in times) for time in times)


@given(st.lists(st.floats(0, HOUR_S / 10), min_size=20, max_size=40), st.lists(st.booleans(), min_size=40, max_size=40))
def test_an_adapter_that_fails_again_soon_is_given_up(runs_s: list[float], heard: list[bool]) -> None:
    """With endless resets, the exporter would seem to work, although most readings are missing."""
    times = times_until_given_up(Resets(), heard[: len(runs_s)], runs_s)

    assert len(times) < len(runs_s)


def test_root_is_not_asked_again_soon() -> None:
    """A program that gives up is restarted every 5 s; root's resets must not follow each other at that pace."""
    resets = Resets()
    needed = []
    for now in (1.0, 6.0, ROOT_PAUSE_S, 1.0 + ROOT_PAUSE_S):
        resets.needs_root = False
        resets.ask_root(now)
        needed.append(resets.needs_root)

    assert [True, False, False, True] == needed


def test_a_request_at_a_time_of_another_clock_is_ignored() -> None:
    """A time in the future would prevent requests until then, which may be days away."""
    resets = Resets(asked_at=5000.0)
    resets.ask_root(10.0)

    assert (True, 10.0) == (resets.needs_root, resets.asked_at)


@given(
    st.integers(0, MOST_PER_HOUR),
    st.integers(0, MOST_FRUITLESS),
    st.tuples(st.booleans(), st.booleans()),
    st.none() | st.floats(0, 1e9),
    st.dictionaries(st.sampled_from(RESET_OUTCOMES), st.integers(0, 10**9)),
)
def test_what_was_written_is_read(
    number: int,
    fruitless: int,
    states: tuple[bool, bool],
    asked_at: float | None,
    outcomes: dict[ResetOutcome, int],
) -> None:
    """A restart of the program must not lift the limits."""
    resets = Resets([float(at) for at in range(number)], fruitless, *states, asked_at, outcomes)

    assert resets == resets_of(json.loads(json.dumps(resets.as_json())))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
def test_any_entry_is_read(value: object) -> None:
    """A damaged file may contain any entry, which must not raise an exception."""
    each = dict.fromkeys(Resets().as_json(), value)
    for entry in (value, each, {"times": [value, 1.0], "outcomes": {"heard": value}}):
        resets = resets_of(entry)
        assert len(resets.times) <= MOST_PER_HOUR
        assert 0 <= resets.fruitless <= MOST_FRUITLESS
        assert all(number >= 0 for number in resets.outcomes.values())
        resets.ask_root(0.0)


@pytest.mark.parametrize("fruitless", [-1, MOST_FRUITLESS + 1, "2", None, 1.5])
def test_an_impossible_number_is_ignored(fruitless: object) -> None:
    """A damaged file must neither forbid every reset nor lift the limit."""
    assert 0 == resets_of({"times": [], "fruitless": fruitless}).fruitless
