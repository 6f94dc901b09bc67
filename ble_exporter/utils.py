"""Helpers that two or more modules share."""

import re
from collections.abc import Iterable

# The joiners that Persian, Indic scripts and emoji need. They are format characters, so isprintable() is False.
_JOINERS = frozenset("\u200c\u200d")
# The range of most emoji, including those that are newer than Python's table of characters.
_EMOJI = ("\U0001f000", "\U0001faff")

# Letters and symbols that are blank: a name made of them would look empty.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
# The flag of a part of a country, such as Scotland, is spelled with invisible letters.
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,10}\U000e007f")


def is_visible(char: str) -> bool:
    """Return whether a character is visible, or only affects whether the letters or emoji around it are joined."""
    return (char.isprintable() and char not in _BLANK) or char in _JOINERS or _EMOJI[0] <= char <= _EMOJI[1]


def hidden_in(text: str) -> str:
    """Return a text's first character that is invisible or changes the direction of writing; "" if there is none."""
    return next((char for char in _FLAG.sub("", text) if not is_visible(char)), "")


def one_line(text: object) -> str:
    """Return the text as one line: white space is collapsed, and other invisible characters are escaped."""
    folded = " ".join(str(text).split())
    return "".join(char if is_visible(char) else char.encode("unicode_escape").decode() for char in folded)


def number_of(count: int, thing: str) -> str:
    """Return a count with its noun: "1 device", "3 devices"."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def in_words(seconds: float) -> str:
    """Return a time span in one suitable unit: "4 s", "3 min", "2 h", "5 days"."""
    for unit, length_s, most in (("s", 1, 90), ("min", 60, 90), ("h", 3600, 48)):
        # Half a unit is rounded up, as in JavaScript; round() would turn 2.5 s into 2 s.
        count = int(seconds / length_s + 0.5)
        if count <= most:
            return f"{count} {unit}"
    return f"{int(seconds / 86400 + 0.5)} days"


def median_low(values: Iterable[float]) -> float:
    """
    Return the median of at least one value; for an even number of values, the lower of the two in the middle.

    The module `statistics` has this function and `median`, but importing it takes 0.7 MB of memory.
    """
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2]


def median(values: Iterable[float]) -> float:
    """Return the median of at least one value; for an even number of values, the mean of the two in the middle."""
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
