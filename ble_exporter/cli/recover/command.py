"""`ble-exporter recover`: the options, and the output."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ble_exporter.cli.parser import EXIT_FAILURE, EXIT_OK, Parser
from ble_exporter.cli.terminal import write

_DESCRIPTION = """\
Reset a Bluetooth adapter that hangs, by means that only root has: power it off and on in the
kernel, without bluetoothd, and let its driver initialise it again. An optional systemd unit runs
this command when the exporter, with `on_silence: reset`, has given up on an adapter."""
_EXAMPLES = {
    "": "recover the adapters that the exporter has given up on",
    "--dry-run": "show what would be done",
    "--adapter hci0": "recover this adapter",
}
_STATUSES = {
    EXIT_OK: "each adapter was reset, or left alone for a good reason",
    EXIT_FAILURE: "an adapter was not reset, or can't be powered on",
}
RECORD = Path("/run/ble_exporter/adapter_resets.json")


def main(arguments: Sequence[str]) -> int:
    """Recover the adapter given by --adapter, or those that the record says need root; return the exit status."""
    options = build_parser().parse(arguments)
    from ble_exporter.cli.recover.recovery import Recovery, Switchboard
    from ble_exporter.scanner.reset_record import read_resets

    def say(text: str) -> None:
        write(sys.stdout, f"{text}\n")

    if options.adapter:
        adapters = {options.adapter: True}
    else:
        record = read_resets(options.record)
        adapters = {name: record[name].is_off for name in sorted(record) if record[name].needs_root}
    if not adapters:
        say(f"nothing to do: {options.record} has no request for a reset; --adapter hci0 resets an adapter without one")
    done = [
        Recovery(
            adapter,
            Switchboard(),
            say,
            may_power_on=may_power_on,
            may_unblock=options.unblock,
            is_dry_run=options.dry_run,
        ).run()
        for adapter, may_power_on in adapters.items()
    ]
    return EXIT_OK if all(done) else EXIT_FAILURE


def build_parser() -> Parser:
    """Return the parser of the arguments."""
    parser = Parser("recover", _DESCRIPTION, examples=_EXAMPLES, statuses=_STATUSES)
    parser.add_argument(
        "--adapter", metavar="hciN", type=_adapter, help="the adapter, even if the exporter has not given up on it"
    )
    parser.add_argument(
        "--record",
        metavar="FILE",
        type=Path,
        default=RECORD,
        help="the exporter's record of resets (default: %(default)s)",
    )
    parser.add_argument("--unblock", action="store_true", help="unblock the adapter if rfkill blocks it in software")
    parser.add_argument("--dry-run", action="store_true", help="change nothing; print what would be done")
    return parser


def _adapter(text: str) -> str:
    if not re.fullmatch(r"hci\d{1,4}", text):
        raise argparse.ArgumentTypeError(f"{text} is not the name of an adapter, such as hci0")
    return text
