"""The state of a replay guard that is kept while the program is off, and its form in JSON."""

import base64
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

DIGEST_SIZE = 4
"""Size of a digest in bytes, that of a MIC: two packets have the same digest as rarely as a guessed MIC is right."""

_MOST_BITS = 64
# About thirty million years. Sums of such numbers are finite.
_MOST_SECONDS = 1e15

Kind = TypeVar("Kind")


class Mark(NamedTuple):
    """
    The state of one counter, kept while the program is off. Ages are in seconds, at the time when the mark was made.

    Attributes:
        uuid, bits, digests, spent: See CounterHistory.
        last: The latest counter.
        held_s, heard_s: The ages of the first and of the latest packet with this counter.
        off_s: The seconds since the last run in which a packet was accepted; 0 in that run.
        step_s: See Pace.
        before: The counter from which the sensor continues if the latest leaps or restarts were replays, and the age of
            its latest packet; may be None.
        has_restarted: Whether the sensor was seen to restart.
    """

    uuid: str
    bits: int
    last: int
    held_s: float
    heard_s: float
    off_s: float = 0.0
    step_s: float | None = None
    before: tuple[int, float] | None = None
    has_restarted: bool = False
    digests: Sequence[bytes] = ()
    spent: Sequence[bytes] = ()

    def without_digests(self) -> "Mark":
        """Return this mark without its digests, which take most of its space."""
        return self._replace(digests=(), spent=())


class Restored(NamedTuple):
    """
    A mark of an earlier run of the program.

    Attributes:
        age_s: Returns the age of the mark, in seconds.
        is_exact: Whether the age is certain. If the machine was off, the wall clock may be wrong, and the age with it.
    """

    mark: Mark
    age_s: Callable[[], float]
    is_exact: bool


def entry_of(mark: Mark) -> dict[str, object]:
    """Return the JSON object of a mark, without its empty members."""
    digests, spent = (base64.b64encode(b"".join(some)).decode() for some in (mark.digests, mark.spent))
    entry = {**mark._asdict(), "digests": digests, "spent": spent}
    # Compared by identity, because 0 is a counter and equals False.
    return {name: value for name, value in entry.items() if not (value is None or value is False or value == "")}


def mark_of(entry: object) -> Mark:
    """Return the mark of a JSON object that `entry_of` made. Raises ValueError for any other object."""
    bits = member(entry, "bits", int)
    last = member(entry, "last", int)
    if not (0 < bits <= _MOST_BITS and 0 <= last < 1 << bits):
        raise ValueError(f"{last} is not a counter of {bits} bits")
    before = member(entry, "before", list, [])
    return Mark(
        member(entry, "uuid", str),
        bits,
        last,
        number(entry, "held_s"),
        number(entry, "heard_s"),
        number(entry, "off_s", 0.0),
        number(entry, "step_s", 0.0) or None,
        (member({"": before[0]}, "", int), number({"": before[1]}, "")) if len(before) == 2 else None,
        member(entry, "has_restarted", bool, False),
        _digests(member(entry, "digests", str, "")),
        _digests(member(entry, "spent", str, "")),
    )


def member(entry: object, name: str, kind: type[Kind], default: Kind | None = None) -> Kind:
    """Return a member of a JSON object. Raises ValueError if it is missing (without a default) or of another type."""
    value = entry.get(name, default) if isinstance(entry, dict) else None
    # In Python, True is an integer.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{name!r} is missing, or is not of type {kind.__name__}")
    return value


def number(entry: object, name: str, default: float | None = None) -> float:
    """Return a member of a JSON object: a number of seconds, 0 or more. Raises ValueError for any other value."""
    value = entry.get(name, default) if isinstance(entry, dict) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < _MOST_SECONDS:
        raise ValueError(f"{name!r} is missing, or is not a number of seconds")
    return float(value)


def _digests(text: str) -> tuple[bytes, ...]:
    joined = base64.b64decode(text, validate=True)
    return tuple(joined[start : start + DIGEST_SIZE] for start in range(0, len(joined), DIGEST_SIZE))
