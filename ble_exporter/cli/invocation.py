"""Builds the command that runs this program again, in the form that the user typed."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from ble_exporter.cli.parser import PROGRAM
from ble_exporter.cli.shell import command_line


def typed_command(
    *arguments: str, argv: Sequence[str] | None = None, orig_argv: Sequence[str] | None = None, find: str | None = None
) -> str:
    """
    Return a command line that runs the program with other arguments in the same folder and shell.

    Args:
        arguments: The arguments after the program.
        argv: `sys.argv`; by default, that of this process.
        orig_argv: `sys.orig_argv`; by default, that of this process.
        find: The path at which a shell finds the program, or an empty string; by default, PATH is searched.
    """
    argv = sys.argv if argv is None else argv
    typed = list(sys.orig_argv if orig_argv is None else orig_argv)
    # All words before the program's arguments: the interpreter with its options, and a script or `-m` with a module.
    started = typed[: len(typed) - len(argv) + 1]
    if Path(argv[0]).name == PROGRAM:
        found = shutil.which(PROGRAM) if find is None else find
        # argv[0] is the path that the shell has found, not the name that the user typed.
        is_found = bool(found) and Path(found or "").resolve() == Path(argv[0]).resolve()
        program = [PROGRAM if is_found else argv[0]]
    elif "-m" in started and started[-1].partition(".")[0] == "ble_exporter":
        program = started
    else:
        program = [PROGRAM]
    return command_line(*program, *arguments)
