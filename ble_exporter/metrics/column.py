"""The samples of one metric family, each of which is created only when it is read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import overload

from prometheus_client.samples import Sample

Row = tuple[str, Mapping[str, str], float]
"""The name, the labels and the value of a sample."""


class Column(Sequence[Sample]):
    """
    The labels and the values of the series of one family.

    With ten thousand devices, a hundred thousand samples that exist at the same time take 50 MB, and the garbage
    collector traverses all of them several times.

    Args:
        name: The name of the samples.
        multiplier, divisor: A sample's value is `value * multiplier / divisor`.
    """

    __slots__ = ("_divisor", "_labels", "_multiplier", "_name", "_values")

    def __init__(self, name: str, multiplier: int = 1, divisor: int = 1) -> None:
        self._name = name
        self._multiplier, self._divisor = multiplier, divisor
        self._labels: list[Mapping[str, str]] = []
        self._values: list[float] = []

    def add(self, labels: Mapping[str, str], value: float) -> None:
        """Add a series. The labels are not copied, and must not change."""
        self._labels.append(labels)
        self._values.append(value)

    def rows(self, start: int, stop: int) -> Iterable[Row]:
        """Return a range of the samples."""
        values: Iterable[float] = self._values[start:stop]
        if self._multiplier != self._divisor:
            values = [value * self._multiplier / self._divisor for value in values]
        return zip(repeat(self._name), self._labels[start:stop], values)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Sample]:
        return (Sample(name, dict(labels), value) for name, labels, value in self.rows(0, len(self)))

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...

    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        return list(self)[index]
