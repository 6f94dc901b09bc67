"""The rig's terminal shows what a terminal would show."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .guest.terminal import Screen, Terminal


def shown(*written: str) -> list[str]:
    """The screen's lines after these pieces were written."""
    screen = Screen()
    for piece in written:
        screen.feed(piece)
    return screen.lines


def test_a_table_that_changes_in_place_is_shown_once() -> None:
    """Or the recording of discover would be a hundred tables."""
    frames = ("1 s left\x1b[K\r\n\x1b[1mfirst\x1b[0m\x1b[K\r\nlast\x1b[J", "\r\x1b[2A0 s\x1b[K\r\nsecond\x1b[J")

    assert ["0 s", "second"] == shown(*frames)


def test_a_sequence_may_come_in_two_pieces() -> None:
    """What a program writes at once is not read at once."""
    assert ["two"] == shown("one\r\x1b", "[", "Ktwo")


def test_what_the_terminal_does_not_know_is_no_text() -> None:
    """A recording that is wrong in silence would be believed."""
    with pytest.raises(AssertionError, match="knows"):
        shown("\x1b[2;3H")


def test_a_command_is_shown_from_its_prompt_to_its_end(tmp_path: Path) -> None:
    """With what was answered to its question, as whoever looks at the screen sees it."""
    terminal = Terminal(tmp_path, {"PATH": os.environ["PATH"]})
    try:
        terminal.start("read -p 'Name? ' name; echo \"It is $name.\"")
        terminal.answer(r"Name\? ", "bed")

        assert "$ read -p 'Name? ' name; echo \"It is $name.\"\nName? bed\nIt is bed." == terminal.end()
        assert 0 == terminal.status()
    finally:
        terminal.close()
