"""`ble-exporter discover`: finds the sensors in range, and adds those that the user chooses to the configuration."""

import argparse
import sys
from collections.abc import Sequence

from ble_exporter.cli.discover.choice import DeviceRequest
from ble_exporter.cli.parser import (
    DEFAULT_CONFIG,
    EXIT_BLUETOOTH,
    EXIT_CONFIG,
    EXIT_FAILURE,
    EXIT_INTERRUPTED,
    EXIT_OK,
    MOCK_STRANGERS,
    Parser,
    number_between,
)
from ble_exporter.config.devices import ADDRESS
from ble_exporter.system.streams import discard

_DESCRIPTION = "Find the sensors in range, and add those that you choose to the configuration."
_EXAMPLES = {
    "": "show the sensors in range",
    "--write config.yaml": "choose sensors to add",
    "--write config.yaml --add A4:C1:38:00:00:01=bed": "add this sensor",
    "--json --all": "print all devices as JSON",
    "--mock": "simulate the hardware",
}
_STATUSES = {
    EXIT_OK: "success, even if no sensor was heard or chosen",
    EXIT_FAILURE: "a device named with --add was not added",
    EXIT_BLUETOOTH: "Bluetooth is not available, or failed",
    EXIT_CONFIG: "the configuration can't be used or written",
    EXIT_INTERRUPTED: "Ctrl-C at a question; nothing was written (while listening, Ctrl-C only stops listening)",
}


def main(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status. Raise ExporterError, or KeyboardInterrupt after Ctrl-C at a question."""
    options = parse(arguments)
    # Imported here to keep --help fast: importing bleak takes most of a second on a Raspberry Pi.
    from ble_exporter.cli.discover.run import run

    try:
        return run(options)
    except BrokenPipeError:
        # The reader of standard output has exited, as in `| head`.
        discard(sys.stdout)
        return EXIT_FAILURE if options.add else EXIT_OK


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments, with those of --add as a list of DeviceRequest. Exit after an error or --help."""
    parser = build_parser()
    options = parser.parse(arguments)
    if options.add and not options.write:
        parser.error("--add needs --write, which names the file to add to")
    if options.config and options.write and options.config != options.write:
        parser.error("--config and --write name different files; use --write alone, which reads and writes its file")
    return options


def build_parser() -> Parser:
    """Return the parser of the arguments."""
    parser = Parser("discover", _DESCRIPTION, examples=_EXAMPLES, statuses=_STATUSES)
    parser.add_argument(
        "--seconds",
        metavar="N",
        type=number_between(float, 1, 3600),
        default=30.0,
        help="seconds to listen, 1 to 3600 (default: %(default)g); Ctrl-C stops earlier",
    )
    parser.add_argument("--write", metavar="FILE", help="add the sensors that you choose to this configuration")
    parser.add_argument(
        "--add",
        metavar="ADDRESS[=NAME]",
        type=_device_request,
        action="append",
        default=[],
        help="with --write: add this sensor, and ask only for its bindkey; can be repeated",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help=f"configuration whose devices are marked as configured (default: {DEFAULT_CONFIG}, if it exists)",
    )
    parser.add_argument("--all", action="store_true", help="also list devices that send no known format")
    parser.add_argument("--json", action="store_true", help="print one JSON document at the end; ask no questions")
    parser.add_argument("--adapter", metavar="NAME", help="Bluetooth adapter (default: the configuration's first)")
    parser.add_simulation_options(
        "Simulate four sensors and the configured devices, without Bluetooth.", MOCK_STRANGERS
    )
    return parser


def _device_request(text: str) -> DeviceRequest:
    address, _, name = text.partition("=")
    if not ADDRESS.fullmatch(address.upper()):
        raise argparse.ArgumentTypeError(f"{address} is not a Bluetooth address; an example: A4:C1:38:00:00:01=bedroom")
    return DeviceRequest(address.upper(), name.strip())
