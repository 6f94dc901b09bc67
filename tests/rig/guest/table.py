"""Tables in Markdown, for the terminal and for a decision record."""

from __future__ import annotations

from collections.abc import Sequence


def markdown(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose columns, except for the first, are right-aligned."""
    widths = [max(map(len, column)) for column in zip(heading, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for row in (heading, rule, *rows):
        first, *others = zip(row, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
