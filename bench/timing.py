"""
Fair comparisons on a machine that runs other programs too.

The contestants of one round run immediately after each other, in an order that rotates from round to round, and only
ratios within a round count: another program that uses the processor for a second slows both sides of a ratio.
"""

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

Contestant = Callable[[], float]
"""Repeats its work, and returns the mean seconds for one repetition."""


class DifferenceError(Exception):
    """The two sides of a comparison give different results, so their times can't be compared."""


class Ratio(NamedTuple):
    """
    The ratio of two contestants' figures, over all rounds; for times, this is a speedup.

    Attributes:
        median, least, most: The median, the lowest and the highest ratio of a round; 1 if both figures are equal.
    """

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{_short(self.median)}× ({_short(self.least)}–{_short(self.most)})"


class Rounds(dict[str, list[float]]):
    """The figures of each contestant, one for each round, by its name: usually the seconds for one repetition."""

    def median(self, name: str) -> float:
        """Return the median of one contestant, in the unit of the figures."""
        return median(self[name])

    def ratio(self, slower: str, faster: str) -> Ratio:
        """Return the figures of `slower` divided by those of `faster`: for times, the speedup of `faster`."""
        ratios = [a / b for a, b in zip(self[slower], self[faster], strict=True)]
        return Ratio(median(ratios), min(ratios), max(ratios))


def compare(contestants: Mapping[str, Contestant], rounds: int) -> Rounds:
    """
    Run each contestant once in every round.

    Args:
        contestants: The contestants by name.
        rounds: The number of rounds; an additional first round, for warming up, is not counted.
    """
    names = list(contestants)
    measured = Rounds({name: [] for name in names})
    for turn in range(-1, rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            # Collect now, so that no contestant pays for another's garbage. The collector stays on, as in the service.
            gc.collect()
            seconds = contestants[name]()
            if turn >= 0:
                measured[name].append(seconds)
    return measured


def repeat(work: Callable[[], object], times: int, before: Callable[[], object] | None = None) -> float:
    """
    Repeat `work`, and return its mean processor time in seconds.

    Only computation in one thread is timed here; wall-clock time would include other programs on the machine.

    Args:
        work: The function to time.
        times: The number of repetitions.
        before: A function that is called before each repetition; its time does not count.
    """
    total = 0.0
    for _ in range(times):
        if before is not None:
            before()
        start = time.process_time()
        work()
        total += time.process_time() - start
    return total / times


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"
