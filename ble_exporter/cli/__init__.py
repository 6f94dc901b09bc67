"""
The commands of the program. Each command is a package here, and has a row in COMMANDS.

The function `main` in the package's module `command` takes the arguments after the command's name, and returns the exit
status. The package is imported when the command runs, so the service never loads it.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import NamedTuple


class Command(NamedTuple):
    """The entry of a command in `ble-exporter --help`."""

    summary: str
    example: str  # the arguments of an example that works


COMMANDS: Mapping[str, Command] = {
    "capture": Command("record what is received, for a bug report or btmon", "home.btsnoop"),
    "decode": Command("explain each byte of a payload", "4000b00151028d0a038d11"),
    "discover": Command("find the sensors in range, and add them to the configuration", "--write config.yaml"),
    "doctor": Command("check everything that can prevent readings", "--config config.yaml"),
    "recover": Command("reset a Bluetooth adapter that hangs, as root", "--dry-run"),
    "service": Command("install the program as a systemd service, or remove the service", "install"),
}


def run(command: str, arguments: Sequence[str]) -> int:
    """Run a command, which is a key of COMMANDS; return the exit status."""
    main: Callable[[Sequence[str]], int] = import_module(f"{__name__}.{command}.command").main
    return main(arguments)
