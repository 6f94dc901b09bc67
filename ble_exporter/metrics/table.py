"""
Families whose series stay the same from scrape to scrape, while their values change.

Between two scrapes, a series hardly ever appears or ends. The names, the labels and their text are therefore kept, and
a scrape writes only the numbers, and only in those parts of the families in which a number has changed.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ble_exporter.device.labels import Labels
from ble_exporter.metrics.column import Column, Head, Template

# How many lines are written without a pause: half a millisecond's work.
_LINES_AT_ONCE = 500

Layout = Sequence[tuple[Head, Sequence[Labels]]]
"""The families, each with the labels of its series."""


class Table(NamedTuple):
    """
    Some families at one moment.

    Attributes:
        layout: The families; the text of the latest scrape is used again only if this is the same object.
        values: For each family, the values of its series. Nothing may change them later.
    """

    layout: Layout
    values: Sequence[Sequence[float]]

    def columns(self) -> Iterator[Column]:
        """Yield a column for each family that has series."""
        for (head, labels), values in zip(self.layout, self.values, strict=True):
            if labels:
                yield Column(head, labels, values)


class Tables(Collector):
    """A collector of tables."""

    @abstractmethod
    def tables(self) -> Sequence[Table]:
        """Return the tables, all as of this moment."""

    def collect(self) -> Iterator[Metric]:
        """Yield the families of the tables."""
        for table in self.tables():
            for column in table.columns():
                yield column.family()


class _Part:
    """Some series of one family, the values of the latest scrape, and their lines."""

    __slots__ = ("first", "head", "last", "lines", "number", "template", "values")

    def __init__(self, number: int, head: Head, labels: Sequence[Labels], first: int) -> None:
        self.number, self.head = number, head
        self.first, self.last = first, first + _LINES_AT_ONCE
        self.template = Template(labels[self.first : self.last])
        self.values: Sequence[float] = ()
        self.lines = b""


class TableText:
    """
    The text of a table, of which only the parts that have changed are written again.

    Args:
        layout: The families and their series.

    Attributes:
        layout: The families and their series.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._parts = [
            _Part(number, head, labels, first)
            for number, (head, labels) in enumerate(layout)
            for first in range(0, len(labels), _LINES_AT_ONCE)
        ]
        # Most sensors have the same families, so most families have the same labels, and can share a template.
        templates: list[Template] = []
        for part in self._parts:
            known = next((one for one in templates if one.labels == part.template.labels), None)
            if known is None:
                templates.append(part.template)
            else:
                part.template = known

    def texts(self, values: Sequence[Sequence[float]], text_of: Callable[[Head], bytes]) -> Iterator[Sequence[bytes]]:
        """Yield the texts with these values, some at a time; `text_of` returns the lines that precede the samples."""
        texts: list[bytes] = []
        lines = 0
        for part in self._parts:
            wanted = values[part.number]
            if part.first == 0:
                texts.append(text_of(part.head))
            if part.last < len(wanted) or part.first:
                wanted = wanted[part.first : part.last]
            if part.values is not wanted and part.values != wanted:
                part.values, part.lines = wanted, part.template.text(part.head, wanted)
            texts.append(part.lines)
            lines += len(wanted)
            if lines >= _LINES_AT_ONCE:
                yield texts
                texts, lines = [], 0
        yield texts
