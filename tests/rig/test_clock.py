"""Tests of the clock that measures the times that the exporter promises."""

from __future__ import annotations

import pytest

from .guest.clock import LONGEST_MOMENT_S, MOMENT_S, Clock


class Hours:
    """A clock that a test sets."""

    def __init__(self) -> None:
        """Start at an arbitrary time."""
        self.now_s = 1234.5

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now_s


def test_it_counts_every_second_while_the_guest_runs() -> None:
    """If the clock omitted time without a pause, an exporter that is too slow would pass."""
    hours = Hours()
    clock = Clock(hours)
    clock.end_moment()
    began = clock.now()
    for _ in range(500):
        hours.now_s += MOMENT_S
        clock.end_moment()
    assert clock.now() - began == pytest.approx(10)
    assert 0 == clock.stood_still_s


def test_it_excludes_pauses_of_the_host() -> None:
    """A pause of 3 s must not count, whether a reader or the counting thread wakes first."""
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
    """On the host no thread counts moments, but a deadline must still pass."""
    hours = Hours()
    clock = Clock(hours)
    hours.now_s += 3
    assert clock.now() == hours()
