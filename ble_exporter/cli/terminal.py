"""Output to a terminal: colours, and aligned columns without control characters."""

import os
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Literal, TextIO

from ble_exporter.utils import one_line

Style = Literal["bold", "dim", "red", "green", "yellow"]

_CODES: Mapping[Style, int] = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33}


class Painter:
    """Styles text for a terminal; leaves it plain for other streams, TERM=dumb, and NO_COLOR (no-color.org)."""

    def __init__(self, stream: TextIO) -> None:
        self.is_live = stream.isatty() and os.environ.get("TERM") != "dumb"
        """Whether the stream is a terminal that can redraw lines."""
        self._paints = self.is_live and not os.environ.get("NO_COLOR")

    def __call__(self, text: str, *styles: Style | None) -> str:
        """Return the text with the escape sequences of the styles; None means no style."""
        codes = [str(_CODES[style]) for style in styles if style]
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if self._paints and codes else text


def write(stream: TextIO, text: str) -> None:
    """Write the text and flush the stream; write question marks for characters that it can't encode."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()


def width(text: str) -> int:
    """Return the number of terminal columns that a text without control characters occupies."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def columns(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """Return the lines of a table, without control characters; `right` has the indexes of right-aligned columns."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]

    def pad(cell: str, index: int) -> str:
        padding = " " * (widths[index] - width(cell))
        return padding + cell if index in right else cell + padding

    return ["  ".join(pad(cell, index) for index, cell in enumerate(row)).rstrip() for row in cells]
