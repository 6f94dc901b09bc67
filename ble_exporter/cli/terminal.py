"""What the commands share in writing to a terminal: colours where wanted, columns, and nothing that a name can do."""

import os
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Literal, TextIO

from ble_exporter.utils import one_line

Style = Literal["bold", "dim", "red", "green", "yellow"]

_CODES: Mapping[Style, int] = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33}


class Painter:
    """
    Styles text for a stream: only on a terminal, and not where the environment has NO_COLOR (no-color.org).

    Args:
        stream: Where the text will be written.
    """

    def __init__(self, stream: TextIO) -> None:
        self.is_live = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._paints = self.is_live and not os.environ.get("NO_COLOR")

    def __call__(self, text: str, *styles: Style) -> str:
        """Return the text in a style."""
        if not self._paints or not styles:
            return text
        return f"\x1b[{';'.join(str(_CODES[style]) for style in styles)}m{text}\x1b[0m"


def write(stream: TextIO, text: str) -> None:
    """Write and flush; a character that the stream can't encode becomes a question mark."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()


def width(text: str) -> int:
    """Return how many columns a text without control characters takes on a terminal."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def columns(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """
    Align the cells of a table, two spaces apart. What a stranger can have named is made printable.

    Args:
        rows: Of equal length each; unstyled.
        right: Indices of the columns that are aligned to the right, as numbers are.
    """
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(_padded(cell, i, widths, right) for i, cell in enumerate(row)).rstrip() for row in cells]


def _padded(cell: str, index: int, widths: Sequence[int], right: frozenset[int]) -> str:
    padding = " " * (widths[index] - width(cell))
    return padding + cell if index in right else cell + padding
