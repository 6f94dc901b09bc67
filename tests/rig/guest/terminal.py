"""A terminal with a shell: it types commands, and keeps the text on the screen."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Callable, Mapping
from pathlib import Path

from .clock import CLOCK

COLUMNS = 100
ROWS = 40
PROMPT = "$ "
KEY_LIMIT_S = 5.0
"""The time limit on the echo of typed text."""
END_LIMIT_S = 30.0
POLL_S = 0.1
CTRL_C = "\x03"

_SHELL = "bash --norc --noprofile --noediting -i"
"""Without line editing, only the kernel echoes the typed text."""
_TOKEN = re.compile(
    r"\x1b\[(?P<number>[0-9;?]*)(?P<final>[@-~])|(?P<control>[\x00-\x1a\x1c-\x1f])|(?P<text>[^\x00-\x1f]+)"
)
_BEGUN = re.compile(r"\x1b(\[[0-9;?]*)?\Z")
"""An incomplete escape sequence at the end of the text."""


class Screen:
    """
    The text that a terminal shows, including lines that have scrolled off the top.

    Long lines are not wrapped, as in text copied from a terminal window, and colours are ignored. The screen supports
    only the control sequences that the program writes; any other raises AssertionError.
    """

    def __init__(self) -> None:
        """Start with an empty screen."""
        self.lines = [""]
        self.row = 0
        self._column = 0
        self._rest = ""

    def feed(self, text: str) -> None:
        """Show text that was written to the terminal."""
        text = self._rest + text
        begun = _BEGUN.search(text)
        self._rest = begun[0] if begun else ""
        text = text[: len(text) - len(self._rest)]
        place = 0
        while place < len(text):
            token = _TOKEN.match(text, place)
            assert token, f"the rig's terminal does not support {text[place : place + 20]!r}"
            place = token.end()
            if token["text"]:
                self._write(token["text"])
            elif token["control"]:
                self._obey(token["control"])
            else:
                self._command(token["final"], token["number"])

    def _write(self, text: str) -> None:
        line = self.lines[self.row].ljust(self._column)
        self.lines[self.row] = line[: self._column] + text + line[self._column + len(text) :]
        self._column += len(text)

    def _obey(self, control: str) -> None:
        match control:
            case "\r":
                self._column = 0
            case "\n":
                self.row += 1
                if self.row == len(self.lines):
                    self.lines.append("")
            case "\a":
                pass
            case _:
                raise AssertionError(f"the rig's terminal does not support {control!r}")

    def _command(self, final: str, number: str) -> None:
        match final:
            case "A":
                self.row = max(self.row - int(number or 1), 0)
            case "K" if number in ("", "0"):
                self.lines[self.row] = self.lines[self.row][: self._column]
            case "J" if number in ("", "0"):
                self.lines[self.row] = self.lines[self.row][: self._column]
                del self.lines[self.row + 1 :]
            case "m":
                pass
            case _:
                raise AssertionError(f"the rig's terminal does not support \\x1b[{number}{final}")


class Terminal:
    """A pseudo-terminal with a shell; the caller must `close` it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        """Start the shell in this folder, with only this environment and the terminal's own variables."""
        self._screen = Screen()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._began = 0
        self._terminal, other_end = pty.openpty()
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        # A session leader that opens a terminal gets its Ctrl-C; pty.fork() is unsafe in a process with threads.
        self._shell = subprocess.Popen(
            ["sh", "-c", f"exec {_SHELL} <>{os.ttyname(other_end)} >&0 2>&0"],
            cwd=folder,
            env={"TERM": "xterm-256color", "LANG": "C.UTF-8", "PS1": PROMPT, **environment},
            start_new_session=True,
        )
        self._wait_for_prompt(KEY_LIMIT_S)
        os.close(other_end)

    def close(self) -> None:
        """Close the terminal, and hang up the programs in it."""
        self._shell.send_signal(signal.SIGHUP)
        os.close(self._terminal)
        self._shell.wait(KEY_LIMIT_S)

    def run(self, command: str, within_s: float = END_LIMIT_S) -> str:
        """Type a command, wait for its end, and return the command line with its output."""
        self.start(command)
        return self.end(within_s)

    def status(self) -> int:
        """Return the exit status of the last command."""
        return int(self.run("echo $?").splitlines()[-1])

    def start(self, command: str) -> None:
        """Type a command, without waiting for its end."""
        self._wait_for_prompt(KEY_LIMIT_S)
        self._began = self._screen.row
        self.type(command)

    def end(self, within_s: float = END_LIMIT_S) -> str:
        """Wait for the end of the command; return the command line with its output."""
        self._wait_for_prompt(within_s)
        return "\n".join(line.rstrip() for line in self._screen.lines[self._began : self._screen.row])

    def shown(self) -> str:
        """Return the command line with its output so far."""
        return "\n".join(line.rstrip() for line in self._screen.lines[self._began :]).rstrip("\n")

    def answer(self, question: str, answer: str, within_s: float = KEY_LIMIT_S) -> None:
        """Wait for a line that matches the regular expression `question`, and type the answer."""
        self._wait(lambda: bool(re.fullmatch(question, self._line())), f"the question {question!r}", within_s)
        self.type(answer)

    def wait_for(self, words: str, within_s: float) -> None:
        """Wait until the command's output matches the regular expression `words`."""
        self._wait(lambda: bool(re.search(words, self.shown())), f"the words {words!r}", within_s)

    def type(self, text: str) -> None:
        """Type a line, and wait for its echo."""
        before = (self._screen.row, self._line())
        self.press(f"{text}\n")
        self._wait(lambda: (self._screen.row, self._line()) != before, f"an echo of {text!r}", KEY_LIMIT_S)

    def press(self, keys: str) -> None:
        """Send these keys to the terminal."""
        os.write(self._terminal, keys.encode())

    def _line(self) -> str:
        return self._screen.lines[self._screen.row]

    def _wait_for_prompt(self, within_s: float) -> None:
        self._wait(lambda: self._line() == PROMPT, "the shell's prompt", within_s)

    def _wait(self, condition: Callable[[], bool], what: str, within_s: float) -> None:
        deadline = CLOCK.now() + within_s
        self._read(0.0)
        while not condition():
            shown = "\n".join(self._screen.lines)
            assert CLOCK.now() < deadline, f"not within {within_s:g} s: {what}; the terminal shows\n{shown}"
            self._read(POLL_S)

    def _read(self, timeout_s: float) -> None:
        while select.select([self._terminal], [], [], timeout_s)[0]:
            self._screen.feed(self._decoder.decode(os.read(self._terminal, 65536)))
            timeout_s = 0.0
