"""`ble-exporter service`: the options, and the output."""

import argparse
import sys
from collections.abc import Sequence

from ble_exporter.cli.invocation import typed_command
from ble_exporter.cli.parser import EXIT_CONFIG, EXIT_FAILURE, EXIT_OK, Parser, file_name
from ble_exporter.cli.service.place import Problem, Program, this_program
from ble_exporter.cli.service.steps import Machine
from ble_exporter.cli.terminal import write
from ble_exporter.errors import ExporterError
from ble_exporter.utils import one_line

_DESCRIPTION = """\
Install the program as the systemd service ble_exporter, or remove that service.

Without --apply, nothing is changed: the command prints what it would write and run. `install`
creates the user ble, /etc/ble_exporter/config.yaml, /opt/ble_exporter/logs and the units, and
starts the service if the configuration lists a sensor; it never changes an existing configuration.
`uninstall` stops the service and removes it, but keeps the configuration, the state and the logs."""
_EXAMPLES = {
    "install": "show what would be done",
    "install --config home.yaml --apply": "install it, and start it",
    "install --replace --apply": "after an upgrade",
    "uninstall --apply": "remove it, but not its data",
}
_STATUSES = {
    EXIT_OK: "done or, without --apply, possible",
    EXIT_FAILURE: "not possible, or a step failed",
    EXIT_CONFIG: "the configuration can't be used",
}


def main(arguments: Sequence[str], machine: Machine | None = None, program: Program | None = None) -> int:
    """Install or remove the service, or print the steps; return the exit status. Raises a ConfigError."""
    options = parse(arguments)
    machine = machine or Machine()
    # Imported here to keep --help fast.
    from ble_exporter.cli.service.plan import installation, removal

    if options.action == "install":
        plan = installation(machine, program or this_program(), options.config, may_replace=options.replace)
    else:
        plan = removal(machine, is_purge=options.purge)
    again = f"sudo {typed_command('service', *arguments, *(() if options.apply else ('--apply',)))}"
    if options.apply and not machine.is_root():
        plan.problems.append(Problem("only root can do this", again))
    if not options.apply:
        for step in plan.steps:
            _say(f"would {step}", *(f"    | {line}".rstrip() for line in step.preview()))
    elif not plan.problems:
        for step in plan.steps:
            try:
                step.do(machine)
            except (OSError, KeyError, ExporterError) as error:
                _complain(
                    Problem(f"can't {step}: {error}", f"the steps above were taken; fix this, then repeat: {again}")
                )
                return EXIT_FAILURE
            _say(f"done: {step}")
    if plan.problems:
        _say(*plan.differences, "nothing was changed")
        _complain(*plan.problems)
        return EXIT_FAILURE
    _say(*plan.notes)
    if not options.apply and plan.steps:
        _say("", f"nothing was changed; to do this: {again}")
    return EXIT_OK


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments. Exit after an error or --help."""
    parser = build_parser()
    options = parser.parse(arguments)
    if options.action == "install" and options.purge:
        parser.error("--purge is an option of uninstall")
    if options.action == "uninstall" and (options.config or options.replace):
        parser.error("--config and --replace are options of install")
    return options


def build_parser() -> Parser:
    """Return the parser of the arguments."""
    parser = Parser("service", _DESCRIPTION, examples=_EXAMPLES, statuses=_STATUSES)
    parser.add_argument("action", metavar="ACTION", choices=("install", "uninstall"), help="install or uninstall")
    parser.add_argument("--apply", action="store_true", help="do it, as root, instead of printing what would be done")
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=file_name,
        help="install: the configuration to begin with (default: one without sensors)",
    )
    parser.add_argument("--replace", action="store_true", help="install: replace an installed unit that differs")
    parser.add_argument(
        "--purge",
        action="store_true",
        help="uninstall: also remove the configuration, the state, the logs and the user",
    )
    return parser


def _say(*lines: str) -> None:
    write(sys.stdout, "".join(f"{line}\n" for line in lines))


def _complain(*problems: Problem) -> None:
    for problem in problems:
        write(sys.stderr, f"ble-exporter service: error: {one_line(problem.text)}; {problem.hint}\n")
