"""The registry of scenarios, to which the decorator `@scenario` adds a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .stack import Stack

LIMIT_S = 240.0
"""The default time limit: a scenario takes 5 to 45 s, and several times as long on a busy machine."""


@dataclass(frozen=True)
class Scenario:
    """A scenario's function, and its time limit in seconds."""

    run: Callable[[Stack], None]
    limit_s: float


SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Callable[[Stack], None]) -> Callable[[Stack], None]:
    """Register the function as a scenario under its own name."""
    return scenario_of(LIMIT_S)(function)


def scenario_of(limit_s: float) -> Callable[[Callable[[Stack], None]], Callable[[Stack], None]]:
    """Return a decorator that registers a scenario with this time limit in seconds."""

    def register(function: Callable[[Stack], None]) -> Callable[[Stack], None]:
        SCENARIOS[function.__name__] = Scenario(function, limit_s)
        return function

    return register
