"""Tests of `Column`, the samples of one metric family."""

from collections.abc import Iterator
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from ble_exporter.device.labels import Labels
from ble_exporter.metrics.column import Column

ROWS = [(Labels({"device": "attic"}), 21.5), (Labels({"device": "cellar", "position": "2"}), 12.0)]


def filled(column: Column) -> Column:
    """Add the rows to a column, and return it."""
    for labels, value in ROWS:
        column.add(labels, value)
    return column


def test_a_column_is_a_sequence_of_samples() -> None:
    """The writers of prometheus_client, which other programs may use for the readings, know only samples."""
    column = filled(Column("a_celsius"))

    expected = [
        Sample("a_celsius", {"device": "attic"}, 21.5),
        Sample("a_celsius", {"device": "cellar", "position": "2"}, 12.0),
    ]
    assert (expected, expected[1], expected[:1], 2) == ([*column], column[1], column[:1], len(column))


def test_a_column_without_series_is_false() -> None:
    """A family without series is left out of a scrape."""
    assert (False, True) == (bool(Column("a")), bool(filled(Column("a"))))


def test_the_values_are_converted_to_the_unit_of_the_family() -> None:
    """Prometheus's base units differ from those of the sensors."""
    assert [215.0, 120.0] == [sample.value for sample in filled(Column("a", multiplier=100, divisor=10))]


@given(st.lists(st.floats()), st.integers(0, 10), st.integers(0, 10))
def test_the_text_of_a_range_is_that_of_its_samples(values: list[float], start: int, stop: int) -> None:
    """A scrape is written in ranges, which must neither overlap nor leave a gap."""
    column = Column("a", 100, 60)
    for number, value in enumerate(values):
        column.add(Labels({"device": str(number)}), value)
    family = column.family("gauge", "")
    family.samples = column[start:stop]

    assert "".join(text_format(family).splitlines(keepends=True)[2:]) == column.part(start, stop).text().decode()


@pytest.mark.parametrize(("kind", "name"), [("gauge", "a_total"), ("counter", "a")])
def test_a_family_has_the_samples_of_its_column(kind: Literal["gauge", "counter"], name: str) -> None:
    """In prometheus_client, the name of a counter's family lacks the suffix `_total`, which its samples have."""
    family = filled(Column("a_total")).family(kind, "Help.")

    assert (name, kind, "Help.", ["a_total"] * 2) == (
        family.name,
        family.type,
        family.documentation,
        [sample.name for sample in family.samples],
    )


def text_format(family: Metric) -> str:
    """Return a family in the text format, as prometheus_client writes it."""

    class Given(Collector):
        def collect(self) -> Iterator[Metric]:
            yield family

    return generate_latest(Given()).decode()
