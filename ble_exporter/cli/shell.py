"""
Quotes words of commands that a user copies from the output into a shell.

`shlex.quote` alone would leave invisible characters in a word. As `one_line` replaces them in the output, the word that
the user copies would name something else.
"""

import os
import shlex

from ble_exporter.utils import is_visible, one_line


def quoted(word: str) -> str:
    r"""
    Return a word of a command, quoted if necessary, so that a user sees all of its characters.

    A word with characters that can't be shown, such as a file name that is not UTF-8, is written as `$'a\377b'`, which
    bash, zsh and busybox's shell understand.
    """
    plain = shlex.quote(word)
    return plain if one_line(plain) == plain else f"$'{''.join(map(_escaped, word))}'"


def command_line(*words: str) -> str:
    """Return these words as a command, quoted where necessary."""
    return " ".join(map(quoted, words))


def _escaped(char: str) -> str:
    if is_visible(char) and char not in " \\'":
        return char
    return "".join(f"\\{byte:03o}" for byte in os.fsencode(char))
