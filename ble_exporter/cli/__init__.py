"""
The commands of the program: each is a package here, with a row in COMMANDS.

`main` in its module `command` takes the arguments after the command's name and returns the exit status. A command is
imported when it is called, so the service never loads it.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import NamedTuple


class Command(NamedTuple):
    """What `ble-exporter --help` says about a command."""

    summary: str
    example: str  # the arguments of a working call


COMMANDS: Mapping[str, Command] = {
    "decode": Command("what each byte of a payload means", "4000b00151028d0a038d11"),
    "discover": Command("find the sensors in range, and add them to the configuration", "--write config.yaml"),
    "doctor": Command("check everything that can prevent readings", "--config config.yaml"),
}


def run(command: str, arguments: Sequence[str]) -> int:
    """Run one of COMMANDS; return the exit status."""
    main: Callable[[Sequence[str]], int] = import_module(f"{__name__}.{command}.command").main
    return main(arguments)
