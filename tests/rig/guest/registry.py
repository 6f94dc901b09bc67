"""The list of scenarios, which every function marked `@scenario` puts itself on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .stack import Stack

LIMIT_S = 240.0
"""An ordinary scenario takes 5 to 45 s, on a busy machine several times that."""


@dataclass(frozen=True)
class Scenario:
    """A scenario: what it does, and when, in seconds, it is stuck if it still runs."""

    run: Callable[[Stack], None]
    limit_s: float


SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Callable[[Stack], None]) -> Callable[[Stack], None]:
    """Make the function a scenario under its own name."""
    return scenario_of(LIMIT_S)(function)


def scenario_of(limit_s: float) -> Callable[[Callable[[Stack], None]], Callable[[Stack], None]]:
    """Make the function a scenario that may take so many seconds."""

    def register(function: Callable[[Stack], None]) -> Callable[[Stack], None]:
        SCENARIOS[function.__name__] = Scenario(function, limit_s)
        return function

    return register
