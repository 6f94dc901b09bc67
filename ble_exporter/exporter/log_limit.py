"""Limits the log lines that other machines can cause, which could fill the SD card or displace other lines."""

import time
from collections.abc import Callable

# At most 144 lines per day and kind, each with at most about 550 characters.
PERIOD_S = 600.0
LONGEST_LINE = 500
_MOST_KINDS = 64


class LogLimit:
    """Lets through at most one line of each kind within PERIOD_S seconds. `clock` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kinds: dict[str, tuple[float, int]] = {}

    def line(self, kind: str, text: str) -> str | None:
        """Return the text to log, with the number of lines left out since the last one; None to log nothing."""
        if kind not in self._kinds and len(self._kinds) >= _MOST_KINDS:
            kind = "others"
        now_s = self._clock()
        logged_s, left_out = self._kinds.get(kind, (None, 0))
        if logged_s is not None and now_s - logged_s < PERIOD_S:
            self._kinds[kind] = (logged_s, left_out + 1)
            return None
        self._kinds[kind] = (now_s, 0)
        text = text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1]}…"
        return f"{text} (and {left_out} more like this since the last such line)" if left_out else text
