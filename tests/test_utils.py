"""What modules share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.utils import one_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a\n b\r\n\tc ", "a b c"), ("\x1b[31mred", "\\x1b[31mred"), ("Küche µ", "Küche µ"), (ValueError("x"), "x")],
)
def test_it_is_one_line_that_a_terminal_shows_as_it_is(text: object, expected: str) -> None:
    """An error's text may hold what came from elsewhere: it must not break out of its line, or colour the terminal."""
    assert one_line(text) == expected


@given(st.text())
def test_any_text_becomes_printable(text: str) -> None:
    """Whatever it holds."""
    assert one_line(text).isprintable()
