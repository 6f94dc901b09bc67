"""The shared helpers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.utils import in_words, number_of, one_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a\n b\r\n\tc ", "a b c"), ("\x1b[31mred", "\\x1b[31mred"), ("Küche µ", "Küche µ"), (ValueError("x"), "x")],
)
def test_it_is_one_line_that_a_terminal_shows_as_it_is(text: object, expected: str) -> None:
    """An error may quote foreign text, which must not break the line or control the terminal."""
    assert one_line(text) == expected


@given(st.text())
def test_any_text_becomes_printable(text: str) -> None:
    """Texts come from other devices, may contain anything, and must not break a log line."""
    assert one_line(text).isprintable()


def test_one_thing_is_no_more_than_one() -> None:
    """A log that says "1 devices" looks careless."""
    assert ["0 bytes", "1 byte", "2 bytes"] == [number_of(count, "byte") for count in range(3)]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (4, "4 s"), (90, "90 s"), (91, "2 min"), (5400, "90 min"), (7200, "2 h"), (432_000, "5 days")],
)
def test_a_time_span_is_told_as_people_tell_it(seconds: float, words: str) -> None:
    """Nobody reads 7,200 s at a glance."""
    assert in_words(seconds) == words
