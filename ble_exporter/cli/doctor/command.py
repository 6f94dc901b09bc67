"""`ble-exporter doctor`: checks everything that can prevent readings, and prints the commands that fix it."""

import argparse
import logging
import sys
from collections.abc import Sequence

from ble_exporter.cli.parser import EXIT_FAILURE, EXIT_OK, Parser, number_between

_DESCRIPTION = "Check everything that can prevent readings. Each failure is followed by the command that fixes it."
_EXAMPLES = {
    "--config config.yaml": "check everything, and listen for 10 s",
    "--config config.yaml --seconds 30": "hear sensors that send rarely",
    "--config config.yaml --mock": "without Bluetooth: check the rest",
    "--config config.yaml --json": "for a program",
}
_STATUSES = {EXIT_OK: "no failure; there may be warnings", EXIT_FAILURE: "at least one failure"}


def main(arguments: Sequence[str]) -> int:
    """Run all checks, and print each result as it comes; return the exit status."""
    options = _parse(arguments)
    # Imported here, so that --help answers at once: bleak takes most of a second on a Pi.
    from ble_exporter.cli.doctor.check import CheckContext
    from ble_exporter.cli.doctor.run import run

    # The radio logs for the service. Without a handler, logging prints warnings to stderr.
    logging.getLogger("ble_exporter").addHandler(logging.NullHandler())
    context = CheckContext(options.config, options.seconds, is_mock=options.mock)
    return run(context, sys.stdout, as_json=options.json)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser("doctor", _DESCRIPTION, examples=_EXAMPLES, statuses=_STATUSES)
    parser.add_argument("--config", metavar="FILE", default="config.yaml", help="configuration (default: %(default)s)")
    parser.add_argument(
        "--seconds",
        metavar="N",
        type=number_between(float, 0, 3600),
        default=10.0,
        help="how long to listen; 0 skips that (default: %(default)g)",
    )
    parser.add_argument("--mock", action="store_true", help="simulate the radio; it sends nothing encrypted")
    parser.add_argument("--json", action="store_true", help="print one JSON document at the end")
    return parser.parse(arguments)
