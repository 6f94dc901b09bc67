"""Wait for a condition, with a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable

from .clock import CLOCK

POLL_S = 0.02
PATIENCE_S = 30.0
"""The default limit on an event; a test that measures a promised time passes its own limit."""


def wait_until(condition: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> float:
    """
    Wait until `condition` is true.

    Returns:
        The time it took in seconds, on the guest's clock.

    Raises:
        AssertionError: The condition did not become true within `within_s`; the message contains `what`.
    """
    started = CLOCK.now()
    while not condition():
        if CLOCK.now() - started > within_s:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        time.sleep(POLL_S)
    return CLOCK.now() - started
