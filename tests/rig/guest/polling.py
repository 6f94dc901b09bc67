"""Waiting with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

POLL_S = 0.02


def wait_until(condition: Callable[[], bool], what: str, within_s: float = 10.0) -> float:
    """
    Wait until `condition` is true.

    Returns:
        How long that took, in seconds.

    Raises:
        AssertionError: It is not true within `within_s`; the message has `what`.
    """
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > within_s:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        time.sleep(POLL_S)
    return time.monotonic() - started
