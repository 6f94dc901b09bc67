"""Tests of the helper functions in `ble_exporter.utils`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.utils import hidden_in, in_words, is_visible, median, median_low, number_of, one_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n b\r\n\tc ", "a b c"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("Küche µ", "Küche µ"),
        ("👩\u200d👧\u202e", "👩\u200d👧\\u202e"),
        (ValueError("x"), "x"),
    ],
)
def test_it_is_one_line_that_a_terminal_shows_as_it_is(text: object, expected: str) -> None:
    """An error message may quote foreign text, which must not break the line or control the terminal."""
    assert one_line(text) == expected


@given(st.text())
def test_any_text_becomes_printable(text: str) -> None:
    """Texts from other devices may contain any character, and must not break a log line."""
    assert all(is_visible(char) for char in one_line(text))


@pytest.mark.parametrize(
    "char", [*"\x00\x1b\x7f\x85\u00ad\u200b\u200e\u202e\u2066\u2800\u3164\ufeff", "\ud83c", "\U000e0041"], ids=ascii
)
def test_a_character_that_deceives_the_reader_is_hidden(char: str) -> None:
    """With an invisible or reordering character, one name could look like another."""
    assert char == hidden_in(f"a{char}b")


def test_a_count_of_one_has_a_singular() -> None:
    """A log with "1 devices" looks careless."""
    assert ["0 bytes", "1 byte", "2 bytes"] == [number_of(count, "byte") for count in range(3)]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (2.5, "3 s"),
        (4, "4 s"),
        (90, "90 s"),
        (91, "2 min"),
        (5400, "90 min"),
        (7200, "2 h"),
        (432_000, "5 days"),
    ],
)
def test_a_time_span_is_in_a_readable_unit(seconds: float, words: str) -> None:
    """Nobody can read 7,200 s at a glance."""
    assert in_words(seconds) == words


def test_the_lower_median_of_an_even_number_is_the_lower_of_the_middle_two() -> None:
    """Of two gaps, the longer one may be an outage."""
    assert [7.0, 1.0, 2.0, 2.0] == [median_low(values) for values in ([7.0], [9.0, 1.0], [3.0, 1.0, 2.0], [4, 1, 2, 3])]


def test_the_median_of_an_even_number_is_the_mean_of_the_middle_two() -> None:
    """A signal strength is as often above the median as below it."""
    assert [7.0, 5.0, 2.0, 2.5] == [median(values) for values in ([7.0], [9.0, 1.0], [3.0, 1.0, 2.0], [4, 1, 2, 3])]
