"""The clock that the rig's promises are measured by."""

from __future__ import annotations

import pytest

from .guest.clock import LONGEST_MOMENT_S, MOMENT_S, Clock


class Hours:
    """A clock that a test turns."""

    def __init__(self) -> None:
        """It begins at any time."""
        self.now_s = 1234.5

    def __call__(self) -> float:
        """What it shows."""
        return self.now_s


def test_it_counts_like_any_clock_while_the_guest_runs() -> None:
    """Or a promise would be measured too kindly: all of 10 s in ordinary moments counts."""
    hours = Hours()
    clock = Clock(hours)
    clock.end_moment()
    began = clock.now()
    for _ in range(500):
        hours.now_s += MOMENT_S
        clock.end_moment()
    assert clock.now() - began == pytest.approx(10)
    assert 0 == clock.stood_still_s


def test_it_leaves_out_what_the_host_took_away() -> None:
    """Three seconds in which nothing ran are one moment, for whoever wakes before the counting thread as after."""
    hours = Hours()
    clock = Clock(hours)
    clock.end_moment()
    began = clock.now()
    hours.now_s += LONGEST_MOMENT_S + 3
    assert clock.now() - began == pytest.approx(LONGEST_MOMENT_S)
    clock.end_moment()
    assert clock.now() - began == pytest.approx(LONGEST_MOMENT_S)
    assert (clock.stood_still_s, clock.longest_s) == pytest.approx((3, 3))
    assert "3.00 s" in clock.account()


def test_it_is_an_ordinary_clock_until_it_is_started() -> None:
    """Parts of the rig are used on the host too, where a deadline must end although nobody counts moments."""
    hours = Hours()
    clock = Clock(hours)
    hours.now_s += 3
    assert clock.now() == hours()
