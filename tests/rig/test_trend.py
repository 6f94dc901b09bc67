"""The line that the long runs are judged by."""

from __future__ import annotations

import random

import pytest

from .guest.trend import trend


def test_a_line_is_found_exactly() -> None:
    """Measurements without noise leave no doubt about the slope."""
    found = trend([(x, 7 + 3 * x) for x in range(10)])
    assert (found.slope, found.error, found.scatter) == pytest.approx((3, 0, 0), abs=1e-9)


def test_noise_is_no_slope() -> None:
    """What scatters about a level is within its own error of flat: a run is not failed for noise."""
    noise = random.Random(1)
    found = trend([(x, noise.gauss(50_000, 100)) for x in range(300)])
    assert abs(found.slope) < 3 * found.error
    assert found.scatter == pytest.approx(100, rel=0.2)
