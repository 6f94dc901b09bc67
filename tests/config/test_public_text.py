"""The rule for texts that everybody can read; tests/configs/bad has whole messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.config.public_text import text_problem


def problem_of(text: str) -> str:
    """Return the problem of a text."""
    return text_problem("value", text, bindkey_hint="remove it", example="kitchen")


@pytest.mark.parametrize("text", ["kitchen", "Küche, oben", "厨房", "A4:C1:38:00:00:01", "👩\u200d👩\u200d👧", " a "])
def test_a_text_may_be_in_any_language(text: str) -> None:
    """Users name rooms in their own language."""
    assert "" == problem_of(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", 'the value is empty; write one, such as "kitchen"'),
        (" \u200d", 'the value is empty; write one, such as "kitchen"'),
        ("a\x7f", "the value contains the control character U+007F; remove it"),
        ("a\u2028b", "the value contains the invisible character U+2028; remove it"),
        ("00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff", "a bindkey is written in place of the value; remove it"),
    ],
    ids=ascii,
)
def test_a_text_that_could_deceive_or_reveal_a_key_is_refused(text: str, problem: str) -> None:
    """Everybody who can open the status page sees these texts."""
    assert problem == problem_of(text)


@given(st.text(max_size=40))
def test_a_valid_text_is_printed_as_it_is(text: str) -> None:
    """No text may break a line of the exposition, of the log or of a table in two."""
    assert problem_of(text) or [text] == text.splitlines()
