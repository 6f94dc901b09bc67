"""
What the program can do beside running: each command is a module here, with a row in COMMANDS.

A module's `main` takes the arguments behind the command's name and returns the exit status; an ExporterError that it
raises becomes one in ble_exporter.main. It is imported when it is called, so that the service never loads it.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import NamedTuple


class Command(NamedTuple):
    """
    What `ble-exporter --help` says of a command.

    Attributes:
        summary: What it does, in a few words.
        example: The arguments of a call that works.
    """

    summary: str
    example: str


COMMANDS: Mapping[str, Command] = {
    "decode": Command("what each byte of a payload means", "4000b00151028d0a038d11"),
    "discover": Command("find the sensors in reach, and add them to the configuration", "--write config.yaml"),
    "doctor": Command("look at what stands between you and readings", "--config config.yaml"),
}


def run(command: str, arguments: Sequence[str]) -> int:
    """Run one of COMMANDS; return the exit status."""
    main: Callable[[Sequence[str]], int] = import_module(f"{__name__}.{command}.command").main
    return main(arguments)
