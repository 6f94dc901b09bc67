"""The list of scenarios, which every function marked `@scenario` puts itself on."""

from __future__ import annotations

from collections.abc import Callable

from .stack import Stack

Scenario = Callable[[Stack], None]

SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    """Make the function a scenario under its own name."""
    SCENARIOS[function.__name__] = function
    return function
