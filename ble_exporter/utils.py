"""What two or more modules really share, and nothing else."""


def one_line(text: object) -> str:
    """Return the text as one line that can be printed: white space is folded, other unprintable characters escaped."""
    folded = " ".join(str(text).split())
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in folded)


def base_and_position(name: str) -> tuple[str, int]:
    """Return what a repeated name repeats, and its position among those of that name: "temperature_2" is 2."""
    base, _, position = name.rpartition("_")
    return (base, int(position)) if position.isdecimal() else (name, 1)
