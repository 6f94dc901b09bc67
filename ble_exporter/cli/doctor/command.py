"""`ble-exporter doctor`: checks everything that can prevent readings, and prints commands that fix the failures."""

import logging
import sys
from collections.abc import Sequence

from ble_exporter.cli.parser import EXIT_FAILURE, EXIT_OK, Parser, endpoint, number_between
from ble_exporter.system.port import LISTEN_OPTION

_DESCRIPTION = "Check everything that can prevent readings, and print commands that fix the failures."
_EXAMPLES = {
    "--config config.yaml": "check everything, and listen for 10 s",
    "--config config.yaml --seconds 30": "listen longer, for sensors that send rarely",
    "--config config.yaml --mock": "check everything except Bluetooth",
    "--config config.yaml --json": "print the results as JSON",
}
_STATUSES = {EXIT_OK: "no failures; there may be warnings", EXIT_FAILURE: "at least one failure"}


def main(arguments: Sequence[str]) -> int:
    """Run all checks, and print each result as soon as it is known; return the exit status."""
    options = build_parser().parse(arguments)
    # Imported here to keep --help fast: importing bleak takes most of a second on a Raspberry Pi.
    from ble_exporter.cli.doctor.check import CheckContext
    from ble_exporter.cli.doctor.run import run

    # Suppress the radio's warnings, which are for the service: without a handler, logging prints warnings to stderr.
    logging.getLogger("ble_exporter").addHandler(logging.NullHandler())
    endpoints = tuple(options.listen or ())
    context = CheckContext(options.config, options.seconds, is_mock=options.mock, endpoints=endpoints)
    return run(context, sys.stdout, as_json=options.json)


def build_parser() -> Parser:
    """Return the parser of the arguments."""
    parser = Parser("doctor", _DESCRIPTION, examples=_EXAMPLES, statuses=_STATUSES)
    parser.add_argument(
        "--config", "--config.file", metavar="FILE", default="config.yaml", help="configuration (default: %(default)s)"
    )
    parser.add_argument(
        LISTEN_OPTION,
        dest="listen",
        metavar="ADDRESS:PORT",
        action="append",
        type=endpoint,
        help="check this port, if the service is started with this option; repeatable",
    )
    parser.add_argument(
        "--seconds",
        metavar="N",
        type=number_between(float, 0, 3600),
        default=10.0,
        help="seconds to listen, 0 to 3600 (default: %(default)g); 0 skips the check of the sensors",
    )
    parser.add_argument("--mock", action="store_true", help="simulate the radio; its packets are not encrypted")
    parser.add_argument("--json", action="store_true", help="print one JSON document at the end")
    return parser
