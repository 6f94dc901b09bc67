"""Helpers that two or more modules share."""


def one_line(text: object) -> str:
    """Return the text as one printable line: white space is folded, other unprintable characters are escaped."""
    folded = " ".join(str(text).split())
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in folded)


def number_of(count: int, thing: str) -> str:
    """Return a count with its noun: "1 device", "3 devices"."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def in_words(seconds: float) -> str:
    """Return a time span in one suitable unit: "4 s", "3 min", "2 h", "5 days"."""
    for unit, length_s, most in (("s", 1, 90), ("min", 60, 90), ("h", 3600, 48)):
        # Half a unit is rounded up, as in JavaScript: round() would make 2 s of 2.5 s.
        count = int(seconds / length_s + 0.5)
        if count <= most:
            return f"{count} {unit}"
    return f"{int(seconds / 86400 + 0.5)} days"
