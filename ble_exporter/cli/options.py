"""The options of the service, and `ble-exporter --help`."""

import argparse
from collections.abc import Sequence

from ble_exporter import __version__
from ble_exporter.cli import COMMANDS
from ble_exporter.cli.parser import (
    EXIT_BLUETOOTH,
    EXIT_CONFIG,
    EXIT_FAILURE,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_TEMPORARY,
    Parser,
    number_between,
)

# With a higher loss, most scans would receive nothing.
_MAX_LOSS = 0.99

_DESCRIPTION = "Export the readings of Bluetooth thermometers (BTHome, pvvx, ATC1441, MiBeacon) to Prometheus."
_EXAMPLES = {
    "--config config.yaml": "run with this machine's Bluetooth adapter",
    "--config config.yaml --config.check": "check the configuration and exit",
    "--config config.yaml --mock": "run with a simulated radio, without hardware or root",
    "--replay home.capture": "run with recorded packets",
}
_STATUSES = {
    EXIT_OK: "ended by SIGTERM or SIGINT, or no error found",
    EXIT_FAILURE: "unexpected error, with a traceback; for a command, see its --help",
    EXIT_BLUETOOTH: "Bluetooth is not available, or failed",
    EXIT_TEMPORARY: "the port could not be opened for two minutes",
    EXIT_CONFIG: "the configuration can't be used",
    EXIT_INTERRUPTED: "a command was interrupted (Ctrl-C)",
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the options of the service. Exit after an error, --help or --version."""
    parser = Parser("", _DESCRIPTION, examples=_EXAMPLES, statuses=_STATUSES, commands=COMMANDS)
    parser.add_argument("--config", metavar="FILE", default="config.yaml", help="configuration (default: %(default)s)")
    parser.add_argument(
        "--config.check", dest="config_check", action="store_true", help="check the configuration and exit"
    )
    parser.add_argument(
        "--web.enable-lifecycle",
        dest="enable_lifecycle",
        action="store_true",
        help="let anybody who reaches the port reload the configuration: POST /-/reload (SIGHUP always reloads it)",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    simulated = parser.add_simulation_options(
        "Simulate every configured device and the packets of its firmware, without Bluetooth.", strangers=0
    )
    simulated.add_argument(
        "--mock-loss",
        metavar="P",
        type=number_between(float, 0, _MAX_LOSS),
        help=f"fraction of packets lost, 0 to {_MAX_LOSS} (default: 0)",
    )
    simulated.add_argument(
        "--mock-order",
        choices=("abab", "aaab"),
        help="packet order of the firmware: abab since v5.1_2 (default), aaab before",
    )
    return parser.parse(arguments)
