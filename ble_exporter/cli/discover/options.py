"""The options of `ble-exporter discover`."""

import argparse
import re
from collections.abc import Sequence
from contextlib import suppress

from ble_exporter.cli.discover.choice import Wish
from ble_exporter.cli.parser import EXIT_BLUETOOTH, EXIT_CONFIG, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, Parser

EXIT_NOT_ADDED = 1

DEFAULT_CONFIG = "config.yaml"
MOCK_STRANGERS = 8
_DEFAULT_SECONDS = 30.0
_MOST_SECONDS = 3600.0

_ADDRESS = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """
    Parse the arguments behind the command's name.

    Returns:
        seconds (float), write, config, adapter, replay (str, or None), add (list of Wish), all, json, mock (bool),
        mock_seed, mock_strangers (int, or None).

    Raises:
        SystemExit: Wrong usage, or after `--help`.
    """
    parser = Parser(
        "discover",
        "Listen for sensors, show them, and add those that you choose to the configuration.",
        examples={
            "": "show what is in reach",
            "--write config.yaml": "choose, name, add to it",
            "--write config.yaml --add A4:C1:38:00:00:01=bed": "add that, ask nothing",
            "--json --all": "for a program",
            "--mock": "without hardware",
        },
        statuses={
            EXIT_OK: "done, though perhaps nothing was heard, or chosen",
            EXIT_NOT_ADDED: "something that --add named was not added",
            EXIT_USAGE: "wrong usage",
            EXIT_BLUETOOTH: "Bluetooth is not available, or failed",
            EXIT_CONFIG: "the configuration can't be used, or not be written",
            EXIT_INTERRUPTED: "Ctrl-C at a question: nothing is written (while it listens, Ctrl-C means: enough)",
        },
    )
    _add_options(parser)
    options = parser.parse(arguments)
    if options.add and not options.write:
        parser.error("--add goes with --write: name the file that it is added to")
    if options.config and options.write and options.config != options.write:
        parser.error("--config and --write name two files: the one that is written is the one that is read")
    for name in ("seed", "strangers"):
        if getattr(options, f"mock_{name}") is not None and not options.mock:
            parser.error(f"--mock-{name} goes with --mock")
    return options


def _add_options(parser: Parser) -> None:
    parser.add_argument(
        "--seconds",
        metavar="N",
        type=_seconds,
        default=_DEFAULT_SECONDS,
        help=f"how long it listens, 1 to {_MOST_SECONDS:g} (default: %(default)g); Ctrl-C ends it earlier",
    )
    parser.add_argument("--write", metavar="FILE", help="add the sensors that you choose to this configuration")
    parser.add_argument(
        "--add",
        metavar="ADDRESS[=NAME]",
        type=_wish,
        action="append",
        default=[],
        help="with --write: choose this one, and ask nothing but a bindkey; may be repeated",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help=f"whose devices are shown as configured (default: {DEFAULT_CONFIG}, if it is there)",
    )
    parser.add_argument("--all", action="store_true", help="list the other devices, too")
    parser.add_argument("--json", action="store_true", help="one JSON document at the end, and no questions")
    parser.add_argument("--adapter", metavar="NAME", help="the Bluetooth adapter (default: the configuration's first)")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--mock", action="store_true", help="listen to a simulated house")
    source.add_argument("--replay", metavar="FILE", help="listen to a capture file, in its own time")
    parser.add_argument("--mock-seed", metavar="N", type=int, help="the same seed gives the same packets")
    parser.add_argument(
        "--mock-strangers", metavar="N", type=_count, help=f"foreign devices in reach (default: {MOCK_STRANGERS})"
    )


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 1 <= float(text) <= _MOST_SECONDS:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is not between 1 and {_MOST_SECONDS:g}")


def _count(text: str) -> int:
    with suppress(ValueError):
        if 0 <= int(text) <= 10_000:
            return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not between 0 and 10000")


def _wish(text: str) -> Wish:
    address, _, name = text.partition("=")
    if not _ADDRESS.fullmatch(address.upper()):
        raise argparse.ArgumentTypeError(f"{address} is not a Bluetooth address; write A4:C1:38:00:00:01=bedroom")
    return Wish(address.upper(), name.strip())
