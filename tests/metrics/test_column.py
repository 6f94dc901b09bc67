"""The column of a metric family."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.samples import Sample

from ble_exporter.metrics.column import Column

ROWS = [({"device": "attic"}, 21.5), ({"device": "cellar", "position": "2"}, 12.0)]


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


@given(st.lists(st.floats(allow_nan=False)), st.integers(0, 10), st.integers(0, 10))
def test_a_range_of_rows_has_the_samples_of_the_same_range(values: list[float], start: int, stop: int) -> None:
    """A scrape is written in ranges, which must neither overlap nor leave a gap."""
    column = Column("a", 100, 60)
    for number, value in enumerate(values):
        column.add({"device": str(number)}, value)

    assert [(*sample[:3],) for sample in column[start:stop]] == [*column.rows(start, stop)]
