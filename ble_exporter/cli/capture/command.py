"""`ble-exporter capture`: the options."""

import argparse
from collections.abc import Sequence

from ble_exporter.cli.parser import (
    DEFAULT_CONFIG,
    EXIT_BLUETOOTH,
    EXIT_CONFIG,
    EXIT_FAILURE,
    EXIT_OK,
    MOCK_STRANGERS,
    Parser,
    file_name,
    number_between,
)
from ble_exporter.config.devices import ADDRESS
from ble_exporter.system.files import MAX_FILE_BYTES

_DEFAULT_SECONDS = 60.0

_DESCRIPTION = """\
Record the received advertisements as btsnoop, which btmon, Wireshark and --replay read: to attach
them to a bug report, or to replay them in a test. FILE also contains other people's devices nearby,
with their addresses and names. For a public bug report, leave these devices out with
--only-configured or --only; with --replay, these options also remove them from an existing capture
of this program or of btmon. Keys are never recorded."""
_EXAMPLES = {
    "all.btsnoop": "record for a minute",
    "bug.btsnoop --only-configured": "leave out other devices",
    "bug.btsnoop --replay all.btsnoop --only-configured": "remove other devices",
    "home.btsnoop --replay home.capture": "convert a text capture",
    "try.btsnoop --mock --seconds 5": "simulate the hardware",
}
_STATUSES = {
    EXIT_OK: "success, even if Ctrl-C, SIGTERM or the size has ended the capture",
    EXIT_FAILURE: "nothing was recorded",
    EXIT_BLUETOOTH: "Bluetooth is not available, or failed",
    EXIT_CONFIG: "the configuration or the replayed capture can't be used, or FILE can't be written",
}


def main(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status. Raises an ExporterError on a failure."""
    options = parse(arguments)
    # Imported here to keep --help fast: importing bleak takes most of a second on a Raspberry Pi.
    from ble_exporter.cli.capture.run import run

    return run(options)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments. Exit after an error or --help."""
    parser = build_parser()
    options = parser.parse(arguments)
    if options.replay and options.seconds is not None:
        parser.error("--seconds is not for --replay, which reads the whole capture")
    if options.adapter is not None and (options.replay or options.mock):
        parser.error("--adapter is for the real radio, not for --replay or --mock")
    if options.seconds is None:
        options.seconds = _DEFAULT_SECONDS
    return options


def build_parser() -> Parser:
    """Return the parser of the arguments."""
    parser = Parser("capture", _DESCRIPTION, examples=_EXAMPLES, statuses=_STATUSES)
    parser.add_argument(
        "file", metavar="FILE", type=_new_file, help="the file to write; without --force, it must not exist"
    )
    parser.add_argument("--force", action="store_true", help="overwrite FILE")
    _add_limits(parser)
    _add_selection(parser)
    parser.add_argument(
        "--config",
        metavar="FILE",
        help=f"configuration with the devices, the adapters and the ear (default: {DEFAULT_CONFIG}, if it exists)",
    )
    parser.add_argument("--adapter", metavar="NAME", help="Bluetooth adapter (default: the configuration's)")
    parser.add_simulation_options(
        "Instead of listening: simulated packets, or those of another capture, without its pauses.",
        MOCK_STRANGERS,
        has_speed=False,
    )
    return parser


def _add_limits(parser: Parser) -> None:
    parser.add_argument(
        "--seconds",
        metavar="N",
        type=number_between(float, 1, 604_800),
        help=f"seconds to record, 1 to 604800 (default: {_DEFAULT_SECONDS:g}); Ctrl-C ends earlier",
    )
    most_mb = MAX_FILE_BYTES / 1e6
    parser.add_argument(
        "--megabytes",
        metavar="N",
        type=number_between(float, 0.001, most_mb),
        default=most_mb,
        help="end when FILE has this size; default and maximum: %(default)g, the most that the exporter can replay",
    )


def _add_selection(parser: Parser) -> None:
    parser.add_argument(
        "--only-configured",
        action="store_true",
        help="record only the devices in the configuration",
    )
    parser.add_argument(
        "--only",
        metavar="ADDRESS",
        type=_address,
        action="append",
        default=[],
        help="record only this device; can be repeated, and combined with --only-configured",
    )


def _new_file(text: str) -> str:
    if text == "-":
        raise argparse.ArgumentTypeError("a capture can't be written to standard output; name a file")
    return file_name(text)


def _address(text: str) -> str:
    if not ADDRESS.fullmatch(text.upper()):
        raise argparse.ArgumentTypeError(f"{text} is not a Bluetooth address; an example: A4:C1:38:00:00:01")
    return text.upper()
