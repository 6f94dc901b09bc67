"""The column of a metric family, and the template of its lines."""

from collections.abc import Iterator
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from ble_exporter.device.labels import Labels
from ble_exporter.metrics.column import MILLI, UNLABELLED, Column, Head, Template

CELSIUS = Head("a_celsius", "gauge", "Help.")
LABELS = [Labels({"device": "attic"}), Labels({"device": "cellar", "position": "2"})]
COLUMN = Column(CELSIUS, LABELS, [21.5, 12.0])


def test_a_column_is_a_sequence_of_samples() -> None:
    """The writers of prometheus_client, which other programs may use for the readings, know only samples."""
    expected = [
        Sample("a_celsius", {"device": "attic"}, 21.5),
        Sample("a_celsius", {"device": "cellar", "position": "2"}, 12.0),
    ]
    assert (expected, expected[1], expected[:1], 2) == ([*COLUMN], COLUMN[1], COLUMN[:1], len(COLUMN))


def test_a_column_without_series_is_false() -> None:
    """A column is a sequence, and in Python an empty sequence is false."""
    assert (False, True) == (bool(Column(CELSIUS, [], [])), bool(COLUMN))


@pytest.mark.parametrize(
    ("kind", "name", "family"),
    [("gauge", "a_total", "a_total"), ("counter", "a_total", "a"), ("info", "a_info", "a")],
)
def test_a_family_has_the_samples_of_its_column(
    kind: Literal["gauge", "counter", "info"], name: str, family: str
) -> None:
    """In prometheus_client, a counter's or info's family has a name without a suffix, but its samples have one."""
    column = Column(Head(name, kind, "Help."), LABELS, [1, 2])

    found = column.family()
    assert (family, kind, "Help.", [name] * 2) == (
        found.name,
        found.type,
        found.documentation,
        [sample.name for sample in found.samples],
    )


seconds = st.floats(1e9, 1e10, exclude_max=True)
values = st.one_of(
    st.lists(st.one_of(st.floats(), st.integers(-(10**20), 10**20), st.booleans()), min_size=1),
    st.lists(st.one_of(st.integers(-(10**6), 10**6), st.booleans()), min_size=1),
    st.lists(st.one_of(seconds, seconds.map(round), st.sampled_from([float("nan"), float("inf")])), min_size=1),
)


@given(values, st.sampled_from(["a", "a:b_total"]), st.text(max_size=5))
@example([1_700_000_000.0, 1_000_000_000, 9_999_999_999.999998], "a", "")
@example([1_700_000_000.0, float("nan"), 1_700_000_000.5], "a", "")
@example([999_999, -999_999, True], "a", "%d.0 %r\n %%")
@example([1_000_000, -1_000_000], "a", "")
def test_the_lines_are_those_of_the_library(values: list[float], name: str, label: str) -> None:
    """Prometheus must not see which of the two writers has written a number, whatever it is."""
    labels = [Labels({"device": f"{label}{number}"}) for number in range(len(values))]
    column = Column(Head(name, "gauge", ""), labels, values)

    assert text_format(column) == Template(labels).text(column.head, values).decode()


@given(st.lists(st.integers(10**12, 10**13 - 1) | st.integers(1_700_000_000, 1_799_999_999).map(lambda s: s * 1000)))
@example([1_700_000_000_000, 1_700_000_000_001, 1_700_000_000_010, 1_700_000_000_100, 1_700_000_001_000])
@example([2_000_000_000_000, 2_000_000_000_001])
@example([1_999_999_999_999, 2_000_000_000_000])
@example([0, 999])
@example([10**13])
def test_times_in_milliseconds_are_seconds_as_the_library_writes_them(values: list[int]) -> None:
    """Prometheus expects times in seconds; a wrong digit would make a sensor look late."""
    labels = [Labels({"device": str(number)}) for number in range(len(values))]
    column = Column(Head("a_timestamp_seconds", "gauge", "", MILLI), labels, values)

    assert [value / 1000 for value in values] == [sample.value for sample in column]
    if values:
        assert text_format(column) == Template(labels).text(column.head, values).decode()


def test_a_series_may_have_no_labels() -> None:
    """Most of the exporter's own metrics have no labels, and are written without braces."""
    assert b"a 1.0\n" == Template(UNLABELLED).text(Head("a", "gauge", ""), [1])


def text_format(column: Column) -> str:
    """Return the lines of a column's samples in the text format, as prometheus_client writes them."""

    class Plain(Collector):
        def collect(self) -> Iterator[Metric]:
            family = column.head.family()
            family.samples = list(column)
            yield family

    return "".join(generate_latest(Plain()).decode().splitlines(keepends=True)[2:])
