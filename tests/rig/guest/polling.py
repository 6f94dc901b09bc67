"""Waiting with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

from .clock import CLOCK

POLL_S = 0.02
PATIENCE_S = 30.0
"""For what must happen, and no more than that: how soon it must is for those to say who promise it."""


def wait_until(condition: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> float:
    """
    Wait until `condition` is true.

    Returns:
        How long that took, in seconds of the guest's.

    Raises:
        AssertionError: It is not true within `within_s`; the message has `what`.
    """
    started = CLOCK.now()
    while not condition():
        if CLOCK.now() - started > within_s:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        time.sleep(POLL_S)
    return CLOCK.now() - started
