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
kernel, without bluetoothd, and let its driver start it anew. An optional systemd unit runs this
command when the exporter, with `on_silence: reset`, has given up on an adapter."""
_EXAMPLES = {
    "": "recover the adapter that the exporter has given up on",
    "--dry-run": "show what that would do",
    "--adapter hci0": "recover this adapter",
}
_STATUSES = {
    EXIT_OK: "the adapter was reset, or left alone for a good reason",
    EXIT_FAILURE: "the adapter can't be powered on",
}
REQUEST = Path("/run/ble_exporter/recover")


def main(arguments: Sequence[str]) -> int:
    """Recover an adapter; return the exit status."""
    options = _parse(arguments)
    from ble_exporter.cli.recover.recovery import Recovery, Switchboard
    from ble_exporter.scanner.reset_record import requested_adapter

    def say(text: str) -> None:
        write(sys.stdout, f"{text}\n")

    adapter = options.adapter or requested_adapter(options.request)
    if not adapter:
        say(f"nothing to do: {options.request} names no adapter; --adapter hci0 recovers one without a request")
        return EXIT_OK
    recovery = Recovery(adapter, Switchboard(), say, may_unblock=options.unblock, is_dry_run=options.dry_run)
    return EXIT_OK if recovery.run() else EXIT_FAILURE


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser("recover", _DESCRIPTION, examples=_EXAMPLES, statuses=_STATUSES)
    parser.add_argument("--adapter", metavar="hciN", type=_adapter, help="the adapter, whether or not it was given up")
    parser.add_argument(
        "--request", metavar="FILE", type=Path, default=REQUEST, help="the exporter's request (default: %(default)s)"
    )
    parser.add_argument("--unblock", action="store_true", help="unblock the adapter if rfkill blocks it in software")
    parser.add_argument("--dry-run", action="store_true", help="change nothing; print what would be done")
    return parser.parse(arguments)


def _adapter(text: str) -> str:
    if not re.fullmatch(r"hci\d{1,4}", text):
        raise argparse.ArgumentTypeError(f"{text} is not the name of an adapter, such as hci0")
    return text
