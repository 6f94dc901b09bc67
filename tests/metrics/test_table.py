"""The tables of a collector, and their text."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.labels import Labels
from ble_exporter.metrics.column import UNLABELLED, Head, Template
from ble_exporter.metrics.table import Table, Tables, TableText

DEVICES = [Labels({"device": name}) for name in ("attic", "cellar", "garden")]
SCANS = Head("a_scans_total", "counter", "Scans.")
CELSIUS = Head("a_celsius", "gauge", "Temperature.")
RESETS = Head("a_resets_total", "counter", "Resets.")
LAYOUT = [(SCANS, UNLABELLED), (CELSIUS, DEVICES), (RESETS, ())]


def head_text(head: Head) -> bytes:
    """Return a short text instead of the lines with the help and the type."""
    return f"# {head.name}\n".encode()


def text_of(text: TableText, *values: Sequence[float]) -> str:
    """Return the text of a table with the values of each family."""
    return b"".join(piece for pieces in text.texts(values, head_text) for piece in pieces).decode()


def test_a_collector_yields_the_families_that_have_series() -> None:
    """Other programs may register our collectors with prometheus_client."""

    class Given(Tables):
        def tables(self) -> Sequence[Table]:
            return [Table(LAYOUT, [[3], [20.5, 21, 22], []])]

    assert [("a_scans", [3]), ("a_celsius", [20.5, 21, 22])] == [
        (family.name, [sample.value for sample in family.samples]) for family in Given().collect()
    ]


def test_a_family_without_series_is_left_out() -> None:
    """The help of a family without series would be useless."""
    assert "resets" not in text_of(TableText(LAYOUT), [3], [20.5, 21, 22], [])


_values = st.lists(st.floats() | st.integers(-(10**7), 10**7) | st.sampled_from([0.0, 1.0]), min_size=3, max_size=3)


@given(st.lists(_values, min_size=1, max_size=5))
def test_the_text_has_the_latest_values(scrapes: list[list[float]]) -> None:
    """Lines of an earlier scrape are reused only if no value of their family has changed."""
    text = TableText(LAYOUT)

    for number, values in enumerate(scrapes):
        lines = Template(DEVICES).text(CELSIUS, values).decode()
        scans = f"# a_scans_total\na_scans_total {number}.0\n"
        # -0.0 equals 0.0, so the line of an earlier scrape may have the other of the two.
        assert f"{scans}# a_celsius\n{lines}".replace("-0.0", "0.0") == text_of(text, [number], values, []).replace(
            "-0.0", "0.0"
        )


@pytest.mark.parametrize("count", [500, 501, 1203])
def test_a_large_family_is_written_in_parts(count: int) -> None:
    """Ten thousand lines without a pause would keep the event loop from the radio."""
    layout = [(CELSIUS, [Labels({"device": str(number)}) for number in range(count)])]
    text = TableText(layout)
    text_of(text, [0] * count)

    pieces = [b"".join(some) for some in text.texts([range(count)], head_text)]

    expected = "# a_celsius\n" + "".join(f'a_celsius{{device="{number}"}} {number}.0\n' for number in range(count))
    assert expected == b"".join(pieces).decode()
    assert max(piece.count(b"\n") for piece in pieces) <= 501
