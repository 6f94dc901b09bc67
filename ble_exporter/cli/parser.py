"""What all command lines of the program share: help that shows how, and errors that say what was meant."""

import argparse
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import NoReturn, TypeVar

from ble_exporter.cli.terminal import columns
from ble_exporter.utils import one_line

PROGRAM = "ble-exporter"

Number = TypeVar("Number", int, float)

EXIT_OK = 0
EXIT_USAGE = 2  # argparse's own
EXIT_BLUETOOTH = 69  # EX_UNAVAILABLE of sysexits.h
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h
EXIT_INTERRUPTED = 130  # what a shell gives a command that SIGINT ended


class Parser(argparse.ArgumentParser):
    """
    Parses the arguments of the program, or of one of its commands: by `parse`, not by `parse_args`.

    Args:
        command: The command's name; empty for the program itself.
        description: What it does, in a sentence.
        examples: Arguments of a call that works, without the program and the command, to what it does.
        statuses: Exit status to when it is given.
        commands: The names that can stand in the place of the options.
        more: What stands between the options and the examples in `--help`; lines.
    """

    def __init__(
        self,
        command: str,
        description: str,
        *,
        examples: Mapping[str, str],
        statuses: Mapping[int, str],
        commands: Collection[str] = (),
        more: Sequence[str] = (),
        usage: str | None = None,
    ) -> None:
        program = f"{PROGRAM} {command}".rstrip()
        calls = _block("examples", ((f"{program} {call}".rstrip(), what) for call, what in examples.items()))
        ends = _block("exit status", ((str(status), when) for status, when in statuses.items()))
        super().__init__(
            prog=program,
            usage=usage,
            description=description,
            epilog="\n".join([*more, *calls, "", *ends]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self._commands = commands

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """
        Parse the arguments; options may stand before, between and behind the others.

        Raises:
            SystemExit: Of status 2, with what is wrong on standard error; or of 0, after `--help`.
        """
        options, unknown = self.parse_known_intermixed_args(arguments)
        if unknown:
            self.error(self._unknown(unknown))
        return options

    def error(self, message: str) -> NoReturn:
        """End with what is wrong, and with where to read on: a usage of ten lines would hide the one that counts."""
        print(f"{self.prog}: error: {one_line(message)}", file=sys.stderr)
        print(f"`{self.prog} --help` shows what there is, with examples.", file=sys.stderr)
        sys.exit(EXIT_USAGE)

    def _unknown(self, unknown: Sequence[str]) -> str:
        """Say what was meant. Values are not shown: behind a mistyped option they may be a key."""
        for word in unknown:
            if word in self._commands:
                return f"the command comes first, and its options behind it: `{self.prog} {word} …`"
        name = unknown[0].partition("=")[0]
        if name.startswith("-"):
            options = [string for action in self._actions for string in action.option_strings]
            return f"unknown option {name}{_meant(name, options)}"
        if not self._commands:
            return "an argument too much: this takes options only"
        if set(name) <= set("0123456789abcdefABCDEF:- ") and "decode" in self._commands:
            return f"a payload is read by `{self.prog} decode …`"
        if name.lower().endswith((".yaml", ".yml")):
            return f"a configuration is given by `{self.prog} --config {name}`"
        there_are = f"; there are {', '.join(sorted(self._commands))}"
        return f"unknown command {name}{_meant(name, self._commands) or there_are}"


def number_between(kind: Callable[[str], Number], least: float, most: float) -> Callable[[str], Number]:
    """Return an argument type that accepts a number from `least` to `most`; `kind` is int or float."""

    def convert(text: str) -> Number:
        with suppress(ValueError):
            value = kind(text)
            if least <= value <= most:
                return value
        raise argparse.ArgumentTypeError(f"{text} is not between {least:g} and {most:g}")

    return convert


def _meant(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, list(known), 1)
    return f"; did you mean {close[0]}?" if close else ""


def _block(title: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{title}:", *(f"  {line}" for line in columns(list(rows)))]
