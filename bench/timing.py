"""
Fair comparisons on a machine that does other things too.

The contestants of one round run right behind each other, in an order that turns from round to round, and only the
ratio within a round counts: what slows the machine for a second slows both sides of it.
"""

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

Contestant = Callable[[], float]
"""Does its work some times over; returns the seconds that one piece of work took."""


class DifferenceError(Exception):
    """The two sides of a comparison do not give the same result: their times mean nothing."""


class Ratio(NamedTuple):
    """
    How many times as fast one contestant is as another, over the rounds.

    Attributes:
        median, least, most: Dimensionless; 1 is equally fast.
    """

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{_short(self.median)}× ({_short(self.least)}–{_short(self.most)})"


class Rounds(dict[str, list[float]]):
    """Contestant to the seconds for one piece of work, round by round."""

    def median(self, name: str) -> float:
        """The median of one contestant, in seconds."""
        return median(self[name])

    def ratio(self, slower: str, faster: str) -> Ratio:
        """How many times as fast `faster` is, round by round."""
        ratios = [a / b for a, b in zip(self[slower], self[faster], strict=True)]
        return Ratio(median(ratios), min(ratios), max(ratios))


def compare(contestants: Mapping[str, Contestant], rounds: int) -> Rounds:
    """
    Let the contestants run in turn.

    Args:
        contestants: By name.
        rounds: How often each runs; one more at the start, as warm-up, is not counted.
    """
    names = list(contestants)
    measured = Rounds({name: [] for name in names})
    for turn in range(-1, rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            # The collector stays on, as it is in a service; but nobody shall tidy up behind somebody else.
            gc.collect()
            seconds = contestants[name]()
            if turn >= 0:
                measured[name].append(seconds)
    return measured


def repeat(work: Callable[[], object], times: int, before: Callable[[], object] | None = None) -> float:
    """
    Do the work some times over.

    Args:
        work: What is timed.
        times: How often.
        before: What comes before each and is not timed.

    Returns:
        Seconds of processor time for one piece of work. (All that is timed here is computing, in one thread; the time
        on the wall would add what else the machine does.)
    """
    total = 0.0
    for _ in range(times):
        if before is not None:
            before()
        start = time.process_time()
        work()
        total += time.process_time() - start
    return total / times


def print_table(rows: list[tuple[str, ...]]) -> None:
    """Print rows of equal length, the heading first; the first column stands left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        aligned = [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))]
        print("  " + "   ".join(aligned))


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"
