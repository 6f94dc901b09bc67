"""What two or more modules really share, and nothing else."""


def one_line(text: object) -> str:
    """Return the text as one line that can be printed: white space is folded, other unprintable characters escaped."""
    folded = " ".join(str(text).split())
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in folded)
