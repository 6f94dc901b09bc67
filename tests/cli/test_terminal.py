"""Tests of terminal output: a pipe gets plain text, and a device's name can't control the terminal."""

import io

import pytest

from ble_exporter.cli.terminal import Painter, columns, width


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        """See TextIO."""
        return True


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enable colours, whatever environment the tests run in."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_a_terminal_gets_colours() -> None:
    """In red, one failure among thirty lines is easy to find."""
    assert "\x1b[1;31mfail\x1b[0m" == Painter(Terminal())("fail", "bold", "red")


def test_a_pipe_gets_plain_text() -> None:
    """Text for grep or a bug report must not contain escape sequences."""
    painter = Painter(io.StringIO())

    assert "fail" == painter("fail", "red")
    assert not painter.is_live


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_disabled(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Users set NO_COLOR once for all programs (no-color.org), and a dumb terminal would print the escape sequences."""
    monkeypatch.setenv(variable, value)

    assert "fail" == Painter(Terminal())("fail", "red")


def test_columns_are_aligned_by_display_width() -> None:
    """A Chinese character takes two columns and a combining accent none, so counting characters misaligns the table."""
    assert ["厨房    1", "cafe\u0301  -12"] == columns([["厨房", "1"], ["cafe\u0301", "-12"]], right=frozenset({1}))
    assert width("厨房") == width("cafe\u0301") == 4


def test_a_name_can_not_move_the_cursor() -> None:
    """Anyone in radio range can advertise a name that contains escape sequences."""
    assert ["a\\x1b[2Jb \\u202ec  x"] == columns([["a\x1b[2Jb\n\u202ec", "x"]])
