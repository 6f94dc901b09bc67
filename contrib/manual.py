"""
Write the manual pages and the shell completions, from the parsers of the program.

`make manual` runs it; it needs the packages of requirements-docs.lock. The files are in the repository, because users
install the exporter from there; tests/test_manual.py compares them with the parsers. The program itself does not
load this module.
"""

import argparse
import re
from collections.abc import Iterable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path

from ble_exporter.cli import COMMANDS, options
from ble_exporter.cli.parser import PROGRAM, Parser

CONTRIB = Path(__file__).resolve().parent
COMPLETIONS = {"bash": f"{PROGRAM}.bash", "zsh": f"_{PROGRAM}", "fish": f"{PROGRAM}.fish"}
_ORIGIN = "Written by `make manual` from the parser of the program; docs/commands.md says how to install it."
_SUMMARY = "export the readings of Bluetooth thermometers to Prometheus"
_ADAPTERS = "ls /sys/class/bluetooth 2>/dev/null | grep -v :"  # hci0:64 is a connection, not an adapter


def parsers() -> dict[str, Parser]:
    """Return the parser of each command by name; that of the service has the empty name."""
    commands = {name: import_module(f"ble_exporter.cli.{name}.command").build_parser() for name in COMMANDS}
    return {"": options.build_parser(), **commands}


def files() -> dict[Path, str]:
    """Return the content of each generated file."""
    pages = {CONTRIB / "man" / f"{_page_name(name)}.1": _page(name, parser) for name, parser in parsers().items()}
    return pages | {CONTRIB / "completion" / file: _completion(shell) for shell, file in COMPLETIONS.items()}


def _page_name(command: str) -> str:
    return f"{PROGRAM}-{command}".rstrip("-")


def _page(command: str, parser: Parser) -> str:
    from argparse_manpage.manpage import Manpage

    # The width of the terminal must have no effect.
    parser.formatter_class = partial(argparse.RawDescriptionHelpFormatter, width=100)
    positional = [str(action.metavar) for action in parser._get_positional_actions()]
    words = [r"[\fIoptions\fR]", *(rf"\fI{word}\fR" for word in positional)]
    program = _roff(parser.prog)
    synopsis = f".B {program}\n{' '.join(words)}"
    if not command:
        synopsis += f"\n.br\n.B {program}\n\\fICOMMAND\\fR [\\fIoptions\\fR]"
    parser.epilog = None  # its examples and statuses have sections of their own
    page = Manpage(parser)
    page.prog, page.source, page.manual, page.date = _page_name(command), PROGRAM, "User Commands", ""
    page.description = COMMANDS[command].summary if command else _SUMMARY
    page.add_section("synopsis", "=", synopsis)
    if not command:
        rows = ((rf"{_roff(PROGRAM)} {name}", _roff(row.summary)) for name, row in COMMANDS.items())
        page.add_section("commands", "=", _terms(rows))
    examples = ((f"{parser.prog} {call}".rstrip(), what) for call, what in parser.examples.items())
    page.add_section("examples", "=", _terms((_roff(call), _roff(what)) for call, what in examples))
    statuses = sorted(parser.statuses.items())
    page.add_section("exit status", "=", _terms((str(status), _roff(what)) for status, what in statuses))
    others = sorted({_page_name(name) for name in ("", *COMMANDS)} - {_page_name(command)})
    page.add_section("see also", "=", "\n".join(f".BR {_roff(other)} (1)" for other in others))
    return rf".\" {_ORIGIN}" + f"\n{page}"


def _terms(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f".TP\n\\fB{term}\\fR\n{text}" for term, text in rows)


def _roff(text: str) -> str:
    return text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")


def _completion(shell: str) -> str:
    import shtab

    program = _with_subcommands(parsers())
    for name, parser in {"": program, **_commands_of(program)}.items():
        # Shells that show descriptions show only the first line of this text.
        parser.description = COMMANDS[name].summary if name else _SUMMARY
        for action in parser._actions:
            if action.metavar == "FILE":
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif "--adapter" in action.option_strings:
                action.complete = shtab.cmd(_ADAPTERS)  # type: ignore[attr-defined]
            elif isinstance(action.metavar, str):
                # zsh would run what follows a colon.
                action.metavar = action.metavar.partition(":")[0]
    text: str = shtab.complete(program, shell=shell)
    return (
        re.sub(r"^# AUTOMATICALLY.*\n(?:#.*\n)*", f"# {_ORIGIN}\n", text, count=1, flags=re.MULTILINE).rstrip() + "\n"
    )


def _with_subcommands(by_name: Mapping[str, Parser]) -> argparse.ArgumentParser:
    """Return the parser of the service, with those of the commands as subcommands."""
    program = by_name[""]
    commands = program.add_subparsers(
        metavar="COMMAND",
        parser_class=lambda prog, **_: by_name[prog.split()[-1]],  # type: ignore[call-overload] # any callable works
    )
    for name, row in COMMANDS.items():
        commands.add_parser(name, help=row.summary)
    return program


def _commands_of(program: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    (commands,) = (action for action in program._actions if isinstance(action, argparse._SubParsersAction))
    choices: Mapping[str, argparse.ArgumentParser] = commands.choices
    return choices


def main() -> None:
    """Write all files."""
    for path, content in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
