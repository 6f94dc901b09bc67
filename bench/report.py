"""The tables of the benchmarks, as text for the terminal and as Markdown for docs/performance.md."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple

WIDTH = 120


class Table(NamedTuple):
    """
    One table, known before anything is measured, so that a test can compare a written page with the program.

    Attributes:
        title: The subject of the measurement.
        text: The method and the aim.
        head: The headings of the columns.
        rows: The first cell of each row.
        growth: How the figures grow with the number of devices or packets.
    """

    title: str
    text: str
    head: tuple[str, ...]
    rows: tuple[str, ...]
    growth: str


class Report:
    """The printer of the tables, which also keeps them for `markdown`."""

    def __init__(self) -> None:
        self._filled: list[tuple[Table, Mapping[str, Sequence[str]]]] = []

    def add(self, table: Table, cells: Mapping[str, Sequence[str]]) -> None:
        """
        Print a table.

        Args:
            table: The table.
            cells: The other cells of each row by its first cell.

        Raises:
            ValueError: A row is missing, is not in the table, or does not have a cell for each column.
        """
        if list(cells) != list(table.rows) or any(1 + len(row) != len(table.head) for row in cells.values()):
            raise ValueError(f"{table.title}: the cells do not fit the table")
        self._filled.append((table, cells))
        print(table.title)
        print(wrapped(table.text))
        print()
        rows = [table.head, *((name, *row) for name, row in cells.items())]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for name, *row in rows:
            aligned = [name.ljust(widths[0]), *map(str.rjust, row, widths[1:])]
            print("  " + "   ".join(aligned).rstrip())
        print()
        print(wrapped(table.growth))
        print()

    def skip(self, table: Table, reason: str) -> None:
        """Print why a table can't be measured on this machine."""
        print(table.title)
        print(wrapped(f"Skipped: {reason}"))
        print()

    def markdown(self, introduction: str) -> str:
        """Return a page with all tables, one section for each."""
        sections = (
            f"## {table.title}\n\n{wrapped(table.text)}\n\n{_markdown(table, cells)}\n\n{wrapped(table.growth)}\n"
            for table, cells in self._filled
        )
        return "\n".join([introduction, *sections])


def _markdown(table: Table, cells: Mapping[str, Sequence[str]]) -> str:
    lines = [table.head, ("---", *("--:" for _ in table.head[1:])), *((name, *row) for name, row in cells.items())]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def wrapped(text: str) -> str:
    """Return prose with lines of at most WIDTH characters."""
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
