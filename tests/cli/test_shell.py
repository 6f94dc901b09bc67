"""Tests of the quoting in printed commands."""

import os
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ble_exporter.cli.shell import command_line, quoted
from ble_exporter.utils import one_line

FILE_NAMES = st.one_of(st.binary(max_size=20), st.text(max_size=20).map(os.fsencode)).map(os.fsdecode)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("home.yaml", "home.yaml"),
        ("my home.yaml", "'my home.yaml'"),
        ("Küche", "'Küche'"),
        ("", "''"),
        ("a\udcff1", r"$'a\3771'"),
        ("it's\n\\", r"$'it\047s\012\134'"),
        ("a  b", r"$'a\040\040b'"),
        ("\u202eb", r"$'\342\200\256b'"),
    ],
)
def test_a_word_is_quoted_as_little_as_possible(word: str, expected: str) -> None:
    """Most names need no quotes, and a user must recognise the name."""
    assert expected == quoted(word)


@given(word=FILE_NAMES)
@example("\udcff")
@example("a  b")
@example(" ")
def test_a_line_of_output_shows_a_quoted_word_unchanged(word: str) -> None:
    """Output collapses white space and escapes invisible characters; both would change an unquoted word."""
    assert one_line(quoted(word)) == quoted(word)


@pytest.mark.program
def test_a_shell_reads_the_words_of_the_command() -> None:
    """A user copies the command into a shell, which must pass exactly the intended words."""
    words = [
        b"plain",
        b"",
        b" ",
        b"two  spaces",
        b"\xff7",
        b"it's",
        b"a\nb",
        b"$HOME",
        b"\\",
        b"!!",
        "Küche\u202e".encode(),
    ]
    words += [bytes([byte]) for byte in range(1, 256)]

    command = command_line("printf", r"%s\0", *map(os.fsdecode, words))
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True)

    assert [*words, b""] == done.stdout.split(b"\0")
