"""The regression line through measurements, with its standard error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Trend:
    """
    A line fitted by least squares.

    Attributes:
        slope: Slope in units of y per unit of x.
        error: Standard error of the slope, for independent deviations from the line.
        scatter: Standard deviation of the measurements from the line, in units of y.
    """

    slope: float
    error: float
    scatter: float


def trend(points: Sequence[tuple[float, float]]) -> Trend:
    """Return the regression line through at least three points (x, y)."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    rest = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    scatter = math.sqrt(rest / (count - 2))
    return Trend(slope, scatter / math.sqrt(spread), scatter)
