"""Tests of the rig's terminal, which must show the same text as a real one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .guest.terminal import Screen, Terminal


def shown(*written: str) -> list[str]:
    """Return the screen's lines after these pieces were written."""
    screen = Screen()
    for piece in written:
        screen.feed(piece)
    return screen.lines


def test_a_table_that_changes_in_place_is_shown_once() -> None:
    """`discover` redraws its table a hundred times, and the recording must contain only the last state."""
    frames = ("1 s left\x1b[K\r\n\x1b[1mfirst\x1b[0m\x1b[K\r\nlast\x1b[J", "\r\x1b[2A0 s\x1b[K\r\nsecond\x1b[J")

    assert ["0 s", "second"] == shown(*frames)


def test_an_escape_sequence_may_arrive_in_pieces() -> None:
    """One read may return only part of an escape sequence."""
    assert ["two"] == shown("one\r\x1b", "[", "Ktwo")


def test_an_unsupported_escape_sequence_is_an_error() -> None:
    """If the screen ignored the sequence, nobody would notice that the recording is wrong."""
    with pytest.raises(AssertionError, match="does not support"):
        shown("\x1b[2;3H")


def test_a_command_is_shown_from_its_prompt_to_its_end(tmp_path: Path) -> None:
    """The recording must contain the question and its answer, as the user sees them."""
    terminal = Terminal(tmp_path, {"PATH": os.environ["PATH"]})
    try:
        terminal.start("read -p 'Name? ' name; echo \"It is $name.\"")
        terminal.answer(r"Name\? ", "bed")

        assert "$ read -p 'Name? ' name; echo \"It is $name.\"\nName? bed\nIt is bed." == terminal.end()
        assert 0 == terminal.status()
    finally:
        terminal.close()
