"""Tests of the regression line that detects a leak in the long runs."""

from __future__ import annotations

import random

import pytest

from .guest.trend import trend


def test_points_on_a_line_give_this_line() -> None:
    """Without noise the slope must be exact, or a small leak would be missed."""
    found = trend([(x, 7 + 3 * x) for x in range(10)])
    assert (found.slope, found.error, found.scatter) == pytest.approx((3, 0, 0), abs=1e-9)


def test_noise_gives_no_significant_slope() -> None:
    """A run must not fail because its measurements scatter about a constant level."""
    noise = random.Random(1)
    found = trend([(x, noise.gauss(50_000, 100)) for x in range(300)])
    assert abs(found.slope) < 3 * found.error
    assert found.scatter == pytest.approx(100, rel=0.2)
