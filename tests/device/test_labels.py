"""The labels of a series."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from ble_exporter.device.labels import Labels, labels_of

names = st.from_regex(r"[a-z][a-z_]*", fullmatch=True)


@given(st.dictionaries(names, st.text(), max_size=3))
def test_a_parser_reads_the_same_labels_from_the_text(labels: dict[str, str]) -> None:
    """A device may have any name, and quotes or line feeds in the name must not end the line of the sample."""
    (family,) = text_string_to_metric_families(f"a{Labels(labels).text} 1\n")

    assert [labels] == [sample.labels for sample in family.samples]


def test_a_series_without_labels_has_no_braces() -> None:
    """The text must equal that of prometheus_client, which writes such a series without braces, too."""
    assert "" == Labels({}).text


def test_labels_are_not_made_twice() -> None:
    """A second copy of the labels would take 0.3 kB for each series."""
    labels = Labels({"device": "attic"})

    assert labels_of(labels) is labels
    assert labels == labels_of({"device": "attic"})
