"""The samples of one metric family, and their text. A sample becomes an object only when somebody reads it."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, cast, overload

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from ble_exporter.device.labels import Labels

# Go, and therefore prometheus_client, writes larger numbers with an exponent.
_SAME_BELOW = 1e6


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
        self._labels: list[Labels] = []
        self._values: list[float] = []

    def add(self, labels: Labels, value: float) -> None:
        """Add a series. The labels are not copied."""
        self._labels.append(labels)
        self._values.append(value)

    def family(self, kind: Literal["counter", "gauge"], documentation: str) -> Metric:
        """Return the family of these samples."""
        name = self._name.removesuffix("_total") if kind == "counter" else self._name
        family = Metric(name, documentation, kind)
        # prometheus_client only iterates over the samples.
        family.samples = cast("list[Sample]", self)
        return family

    def part(self, start: int, stop: int) -> "Part":
        """Return a range of the samples."""
        values = self._values[start:stop]
        if self._multiplier != self._divisor:
            values = [value * self._multiplier / self._divisor for value in values]
        return Part(self._name, self._labels[start:stop], values)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Sample]:
        name, all_labels, values = self.part(0, len(self))
        return (Sample(name, dict(labels), value) for labels, value in zip(all_labels, values, strict=True))

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...

    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        return list(self)[index]


class Part(NamedTuple):
    """Some samples of one family. Equal parts have equal texts, except for -0.0 and 0.0, which count as equal."""

    name: str
    labels: Sequence[Labels]
    values: Sequence[float]

    def text(self) -> bytes:
        """Return the lines that prometheus_client writes in both exposition formats, in a fifth of the time."""
        name = self.name
        # Python and Go write numbers differently only from _SAME_BELOW on.
        numbers = [
            repr(float(value)) if -_SAME_BELOW < value < _SAME_BELOW else floatToGoString(value)  # type: ignore[no-untyped-call] # not annotated
            for value in self.values
        ]
        lines = [f"{name}{labels.text} {number}\n" for labels, number in zip(self.labels, numbers, strict=True)]
        return "".join(lines).encode()
