"""
When a hung adapter may be reset, and when to give up: pure rules, without a clock or D-Bus.

Resetting an adapter too eagerly makes matters worse, and disturbs other programs. Therefore, the pauses between
resets double, and both the resets in a row without effect and the resets in an hour are limited.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TypeGuard

from ble_exporter.errors import RESET_OUTCOMES, ResetOutcome

MOST_FRUITLESS = 3
"""The maximum number of resets in a row with nothing heard in between."""

MOST_PER_HOUR = 6
HOUR_S = 3600.0

FIRST_PAUSE_S = 15.0
LONGEST_PAUSE_S = 240.0
"""The first and the longest pause between the beginnings of two resets, in seconds; pauses double up to the longest."""

ROOT_PAUSE_S = 1200.0
"""The shortest time between two requests for root's help, in seconds."""


@dataclass
class Resets:
    """
    The resets of one adapter. All times are seconds of one monotonic clock.

    Attributes:
        times: The beginnings of the resets in the last hour, oldest first.
        fruitless: The number of resets since anything was last heard, or since an hour without a reset.
        is_off: Whether a reset has powered the adapter off, and not yet on again.
        needs_root: Whether root is asked for help, because resets do not help or rfkill blocks the adapter.
        asked_at: The time of the latest request for root's help.
        outcomes: The number of resets whose outcome is known, by outcome.
    """

    times: list[float] = field(default_factory=list)
    fruitless: int = 0
    is_off: bool = False
    needs_root: bool = False
    asked_at: float | None = None
    outcomes: dict[ResetOutcome, int] = field(default_factory=dict)

    def wait_s(self, now: float) -> float | None:
        """Return the number of seconds to wait before the next reset; None if no reset is allowed."""
        # A time in the future was measured by another clock.
        self.times = [time for time in self.times if 0 <= now - time < HOUR_S]
        if not self.times:
            self.fruitless = 0
            return 0.0
        if self.fruitless >= MOST_FRUITLESS or len(self.times) >= MOST_PER_HOUR:
            return None
        pause_s = min(FIRST_PAUSE_S * 2.0 ** (len(self.times) - 1), LONGEST_PAUSE_S)
        return max(0.0, self.times[-1] + pause_s - now)

    def begin(self, now: float) -> None:
        """Note the beginning of a reset, which is fruitless until something is heard."""
        self.times.append(now)
        self.fruitless += 1

    def ask_root(self, now: float) -> None:
        """Ask root for help, unless that was done less than ROOT_PAUSE_S ago."""
        if self.asked_at is None or not 0 <= now - self.asked_at < ROOT_PAUSE_S:
            self.asked_at, self.needs_root = now, True

    def as_json(self) -> dict[str, object]:
        """Return the attributes as JSON values."""
        return asdict(self)


def resets_of(entry: object) -> Resets:
    """Return the resets in a JSON value, usually one from `as_json`; invalid parts are replaced by defaults."""
    if not isinstance(entry, Mapping):
        return Resets()
    times, fruitless, asked_at = entry.get("times"), entry.get("fruitless"), entry.get("asked_at")
    numbers = [float(time) for time in times if _is_number(time)] if isinstance(times, list) else []
    outcomes = entry.get("outcomes")
    counts = outcomes if isinstance(outcomes, Mapping) else {}
    return Resets(
        times=sorted(numbers)[-MOST_PER_HOUR:],
        fruitless=fruitless if isinstance(fruitless, int) and 0 <= fruitless <= MOST_FRUITLESS else 0,
        is_off=entry.get("is_off") is True,
        needs_root=entry.get("needs_root") is True,
        asked_at=float(asked_at) if _is_number(asked_at) else None,
        outcomes={name: counts[name] for name in RESET_OUTCOMES if _is_count(counts.get(name))},
    )


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


def _is_count(value: object) -> bool:
    return isinstance(value, int) and _is_number(value) and value >= 0
