"""The straight line through some measurements, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Trend:
    """
    A line by least squares.

    Attributes:
        slope: In units of y per unit of x.
        error: The slope's standard error, if the measurements scatter independently about the line.
        scatter: Standard deviation of the measurements about the line, in units of y.
    """

    slope: float
    error: float
    scatter: float


def trend(points: Sequence[tuple[float, float]]) -> Trend:
    """The line through at least three points (x, y)."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    rest = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    scatter = math.sqrt(rest / (count - 2))
    return Trend(slope, scatter / math.sqrt(spread), scatter)
