"""The options of the service, and what `ble-exporter --help` says of it all."""

import argparse
from collections.abc import Sequence
from contextlib import suppress

from ble_exporter import __version__
from ble_exporter.cli import COMMANDS
from ble_exporter.cli.parser import (
    EXIT_BLUETOOTH,
    EXIT_CONFIG,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_USAGE,
    PROGRAM,
    Parser,
)
from ble_exporter.cli.terminal import columns

EXIT_UNEXPECTED = 1

# Of a house that is lost to more than that nothing is heard in any scan.
_MAX_LOSS = 0.99

_DESCRIPTION = (
    "Hear Bluetooth Low Energy thermometers (BTHome, pvvx, ATC1441, MiBeacon) and give their readings to Prometheus."
)
_EXAMPLES = {
    "--config config.yaml": "run, on this machine's Bluetooth adapter",
    "--config config.yaml --config.check": "check the configuration and end",
    "--config config.yaml --mock": "run on a simulated radio: no hardware, no root",
    "--replay house.capture": "run on what was recorded",
}
_STATUSES = {
    EXIT_OK: "ended by SIGTERM or SIGINT, or nothing to complain about",
    EXIT_UNEXPECTED: "unexpected error, with its traceback; of a command, what its own --help says",
    EXIT_USAGE: "wrong usage",
    EXIT_BLUETOOTH: "Bluetooth is not available, or failed",
    EXIT_CONFIG: "the configuration can't be used",
    EXIT_INTERRUPTED: "a command was interrupted (Ctrl-C)",
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """
    Parse the options of the service.

    Raises:
        SystemExit: After `--help` and `--version` of status 0; of 2 where an option is wrong.
    """
    parser = Parser(
        "",
        _DESCRIPTION,
        examples=_EXAMPLES,
        statuses=_STATUSES,
        commands=COMMANDS,
        more=_commands(),
        usage=f"{PROGRAM} [options]\n       {PROGRAM} COMMAND …",
    )
    parser.add_argument("--config", metavar="FILE", default="config.yaml", help="configuration (default: %(default)s)")
    parser.add_argument(
        "--config.check", dest="config_check", action="store_true", help="check the configuration and end"
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    mock = _add_radio(parser)
    options = parser.parse(arguments)
    for action in mock:
        if getattr(options, action.dest) is not None and not options.mock:
            parser.error(f"{action.option_strings[0]} goes with --mock")
    return options


def _commands() -> list[str]:
    """Return what there is beside the service."""
    rows = [[name, command.summary, f"{PROGRAM} {name} {command.example}"] for name, command in COMMANDS.items()]
    title = f"commands (`{PROGRAM} COMMAND --help` tells more):"
    return [title, *(f"  {line.rstrip()}" for line in columns(rows)), ""]


def _add_radio(parser: Parser) -> list[argparse.Action]:
    """Add the options of the simulated radio; return those that need --mock."""
    radio = parser.add_argument_group(
        "simulated radio", "It plays every configured device as the real firmware does, without Bluetooth."
    )
    source = radio.add_mutually_exclusive_group()
    source.add_argument("--mock", action="store_true", help="simulate the radio")
    source.add_argument("--replay", metavar="FILE", help="play a capture file, once, in its own time")
    return [
        radio.add_argument("--mock-seed", metavar="N", type=int, help="the same seed, as 1, gives the same packets"),
        radio.add_argument(
            "--mock-loss",
            metavar="P",
            type=_probability,
            help=f"part of packets lost, 0 to {_MAX_LOSS}, as 0.3 (default: 0)",
        ),
        radio.add_argument(
            "--mock-strangers", metavar="N", type=_count, help="foreign devices in reach, as 20 (default: 0)"
        ),
        radio.add_argument(
            "--mock-order",
            choices=("abab", "aaab"),
            help="packet order of the firmware: abab since v5.1_2 (default), aaab before",
        ),
    ]


def _probability(text: str) -> float:
    with suppress(ValueError):
        if 0 <= float(text) <= _MAX_LOSS:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is not between 0 and {_MAX_LOSS}")


def _count(text: str) -> int:
    with suppress(ValueError):
        if 0 <= int(text) <= 10_000:
            return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not between 0 and 10000")
