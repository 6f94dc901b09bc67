"""The argument parser of the program and its commands: help with examples, and errors with suggestions."""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NoReturn, TypeVar

from ble_exporter.cli import Command
from ble_exporter.cli.terminal import columns
from ble_exporter.system.port import Endpoint, endpoint_of
from ble_exporter.utils import one_line

PROGRAM = "ble-exporter"

# The defaults of `discover` and `capture`.
DEFAULT_CONFIG = "config.yaml"
MOCK_STRANGERS = 8

Number = TypeVar("Number", int, float)

EXIT_OK = 0
EXIT_FAILURE = 1  # the --help of each command explains it
EXIT_USAGE = 2  # as in argparse
EXIT_BLUETOOTH = 69  # EX_UNAVAILABLE in sysexits.h
EXIT_STREAM = 74  # EX_IOERR in sysexits.h
EXIT_TEMPORARY = 75  # EX_TEMPFAIL in sysexits.h
EXIT_CONFIG = 78  # EX_CONFIG in sysexits.h
EXIT_SIGNAL = 128  # plus the number of the signal that ended a command, as shells report it
EXIT_INTERRUPTED = 130  # by SIGINT


class Parser(argparse.ArgumentParser):
    """
    The argument parser of a command, or of the program itself. Call `parse` instead of `parse_args`.

    Args:
        command: The command's name; empty for the program itself.
        description: The text at the top of --help.
        examples: The descriptions of the examples, by the arguments of each example.
        statuses: The meanings of the exit statuses; those for wrong usage and failed streams are added.
        commands: The commands of the program by name; None for a command's own parser.

    Attributes:
        examples, statuses: The examples and the exit statuses in --help, which the manual pages repeat.
    """

    def __init__(
        self,
        command: str,
        description: str,
        *,
        examples: Mapping[str, str],
        statuses: Mapping[int, str],
        commands: Mapping[str, Command] | None = None,
    ) -> None:
        program = f"{PROGRAM} {command}".rstrip()
        self._commands = commands or {}
        self.examples = examples
        statuses = {EXIT_USAGE: "wrong usage", EXIT_STREAM: "standard input or output failed", **statuses}
        self.statuses = statuses
        blocks = [
            _block("examples", ((f"{program} {call}".rstrip(), what) for call, what in examples.items())),
            _block("exit status", ((str(status), what) for status, what in sorted(statuses.items()))),
        ]
        usage = None
        if commands:
            usage = f"{program} [options]\n       {program} COMMAND …"
            calls = ((name, row.summary, f"{program} {name} {row.example}") for name, row in commands.items())
            blocks.insert(0, _block(f"commands (see `{program} COMMAND --help`)", calls))
        super().__init__(
            prog=program,
            usage=usage,
            description=description,
            epilog="\n\n".join(blocks),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse the arguments, with options at any position. Exit after an error or --help."""
        options, unknown = self.parse_known_intermixed_args(arguments)
        if unknown:
            self.error(self._explain(unknown))
        for name, value in vars(options).items():
            source = name.partition("_")[0]
            if name.startswith(("mock_", "replay_")) and value is not None and not getattr(options, source):
                self.error(f"--{name.replace('_', '-')} needs --{source}")
        return options

    def add_simulation_options(
        self, description: str, strangers: int, *, has_speed: bool = True
    ) -> argparse._ArgumentGroup:
        """Add the options of the simulated radio; return their group. `strangers` is the default shown in --help."""
        group = self.add_argument_group("simulated radio", description)
        source = group.add_mutually_exclusive_group()
        source.add_argument("--mock", action="store_true", help="simulate the radio")
        source.add_argument(
            "--replay",
            metavar="FILE",
            type=file_name,
            help="replay a capture once: btsnoop (of `capture`, btmon, Android) or text",
        )
        if has_speed:
            group.add_argument(
                "--replay-speed",
                metavar="X",
                type=number_between(float, 0.1, 1000),
                help="play X seconds of the capture per second, 0.1 to 1000 (default: 1)",
            )
        group.add_argument(
            "--mock-seed", metavar="N", type=int, help="random seed; the same seed gives the same packets"
        )
        group.add_argument(
            "--mock-strangers",
            metavar="N",
            type=number_between(int, 0, 10_000),
            help=f"number of unknown devices in range (default: {strangers})",
        )
        return group

    def error(self, message: str) -> NoReturn:
        """Print the error and a reference to --help, one line each, instead of argparse's long usage; then exit."""
        print(f"{self.prog}: error: {one_line(message)}", file=sys.stderr)
        print(f"`{self.prog} --help` shows the options, with examples.", file=sys.stderr)
        sys.exit(EXIT_USAGE)

    def _explain(self, unknown: Sequence[str]) -> str:
        """Return an error message with a suggestion, but without the values of options, which may be bindkeys."""
        for word in unknown:
            if word in self._commands:
                return f"the command comes first, then its options: `{self.prog} {word} …`"
        name = unknown[0].partition("=")[0]
        if name.startswith("-"):
            options = [string for action in self._actions for string in action.option_strings]
            return f"unknown option {name}{_suggestion(name, options)}"
        if not self._commands:
            return self._explain_argument(name)
        if set(name) <= set("0123456789abcdefABCDEF:- ") and "decode" in self._commands:
            return f"to decode a payload, use `{self.prog} decode …`"
        if name.lower().endswith((".yaml", ".yml")):
            return f"to name a configuration, use `{self.prog} --config {name}`"
        all_commands = f"; the commands are {', '.join(sorted(self._commands))}"
        return f"unknown command {name}{_suggestion(name, self._commands) or all_commands}"

    def _explain_argument(self, argument: str) -> str:
        """Return an error message about an argument that a command does not take; it may be a bindkey."""
        if argument.lower().endswith((".yaml", ".yml")) and "--config" in self._option_string_actions:
            return f"unexpected argument {argument}; did you mean --config {argument}?"
        taken = " and ".join(str(action.metavar or action.dest) for action in self._get_positional_actions())
        apart = f"apart from {taken}, " if taken else ""
        return f"unexpected argument: {apart}this command takes options only"


def file_name(text: str) -> str:
    """Return the name of a file. An empty name, for example from an unset shell variable, is an error."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return text


def number_between(kind: Callable[[str], Number], least: float, most: float) -> Callable[[str], Number]:
    """Return an argument type that accepts a number from `least` to `most`; `kind` is int or float."""

    def convert(text: str) -> Number:
        with suppress(ValueError):
            value = kind(text)
            if least <= value <= most:
                return value
        number = "a whole number" if isinstance(kind("0"), int) else "a number"
        raise argparse.ArgumentTypeError(f"{text} is not {number} between {least:g} and {most:g}")

    return convert


def endpoint(text: str) -> Endpoint:
    """Return the endpoint that an argument names; see endpoint_of. Raises ArgumentTypeError."""
    try:
        return endpoint_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _suggestion(word: str, known: Iterable[str]) -> str:
    # difflib is needed only for an error.
    from difflib import get_close_matches

    close = get_close_matches(word, list(known), 1)
    return f"; did you mean {close[0]}?" if close else ""


def _block(title: str, rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join([f"{title}:", *(f"  {line}" for line in columns(list(rows)))])
