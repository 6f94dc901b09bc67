"""The options of the service, and `ble-exporter --help`."""

import argparse
import re
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
    endpoint,
    file_name,
    number_between,
)
from ble_exporter.system.port import LISTEN_OPTION, MOST_REQUESTS, SOCKET_OPTION, TELEMETRY_PATH

# Copies of LogLevel and LogFormat, because importing their modules would make --help slow; a test compares them.
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_FORMATS = ("text", "logfmt", "json")

# A higher loss would leave hardly any packets.
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
    parser = build_parser()
    options = parser.parse(arguments)
    if options.listen and len(set(options.listen)) < len(options.listen):
        parser.error("--web.listen-address: an address is listed twice")
    if options.listen and options.is_activated:
        parser.error(f"{SOCKET_OPTION} replaces {LISTEN_OPTION}: give one of them")
    return options


def build_parser() -> Parser:
    """Return the parser of the options of the service."""
    parser = Parser("", _DESCRIPTION, examples=_EXAMPLES, statuses=_STATUSES, commands=COMMANDS)
    parser.add_argument(
        "--config", "--config.file", metavar="FILE", default="config.yaml", help="configuration (default: %(default)s)"
    )
    parser.add_argument(
        "--config.check", dest="config_check", action="store_true", help="check the configuration and exit"
    )
    _add_server_options(parser)
    _add_log_options(parser)
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
    return parser


def _add_server_options(parser: Parser) -> None:
    server = parser.add_argument_group("HTTP server")
    _add_port_options(server)
    server.add_argument(
        "--web.telemetry-path",
        dest="telemetry_path",
        metavar="PATH",
        type=_path,
        default=TELEMETRY_PATH,
        help="path of the metrics (default: %(default)s)",
    )
    server.add_argument(
        "--web.max-requests",
        dest="most_requests",
        metavar="N",
        type=number_between(int, 1, 32),
        default=MOST_REQUESTS,
        help="how many scrapes may wait for an answer at once; others get 503 (default: %(default)s)",
    )
    server.add_argument(
        "--web.config.file",
        dest="web_config",
        metavar="FILE",
        type=file_name,
        help="TLS, passwords and headers, in the format of Prometheus' exporters (docs/security.md)",
    )
    server.add_argument(
        "--web.enable-lifecycle",
        dest="enable_lifecycle",
        action="store_true",
        help="let anybody who reaches the port reload the configuration: POST /-/reload (SIGHUP always reloads it)",
    )


def _add_port_options(server: "argparse._ArgumentGroup") -> None:
    server.add_argument(
        LISTEN_OPTION,
        dest="listen",
        metavar="ADDRESS:PORT",
        action="append",
        type=endpoint,
        help="listen here, in place of listen_address and listen_port: :8000, 127.0.0.1:8000, [::1]:8000; repeatable",
    )
    server.add_argument(
        SOCKET_OPTION,
        dest="is_activated",
        action="store_true",
        help="take the listening sockets from systemd, in place of listen_address and listen_port (docs/systemd.md)",
    )


def _add_log_options(parser: Parser) -> None:
    log = parser.add_argument_group("log")
    log.add_argument(
        "--log.level",
        dest="log_level",
        metavar="LEVEL",
        type=str.upper,
        choices=LOG_LEVELS,
        help="DEBUG, INFO, WARNING or ERROR, in place of log_level",
    )
    log.add_argument(
        "--log.format",
        dest="log_format",
        choices=LOG_FORMATS,
        default="text",
        help="text (default), logfmt or json; the last two have fields for device, address, adapter and reason",
    )


def _path(text: str) -> str:
    if re.fullmatch(r"(/[\w.-]+)+", text, re.ASCII) is None or text.startswith("/-/"):
        raise argparse.ArgumentTypeError(f"{text} can't be the path of the metrics; an example: {TELEMETRY_PATH}")
    return text
