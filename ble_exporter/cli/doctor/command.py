"""`ble-exporter doctor`: what stands between the user and readings, and the command that mends it."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TextIO

from ble_exporter.cli.doctor import bluetooth, configuration, machine, sensors
from ble_exporter.cli.doctor.check import Examination, Finding, Level
from ble_exporter.cli.parser import EXIT_OK, EXIT_USAGE, Parser
from ble_exporter.cli.terminal import Painter, Style
from ble_exporter.utils import number_of, one_line

if TYPE_CHECKING:
    from ble_exporter.config.app_config import AppConfig
    from ble_exporter.scanner import Radio

EXIT_FAILED = 1

_SECONDS = 10.0
_MOST_SECONDS = 3600.0

_DESCRIPTION = "Look at what stands between you and readings. Each failure is followed by the command that mends it."
_EXAMPLES = {
    "--config config.yaml": "look at everything, and listen for 10 s",
    "--config config.yaml --seconds 30": "hear sensors that send rarely",
    "--config config.yaml --mock": "without Bluetooth: look at the rest",
    "--config config.yaml --json": "for a program",
}
_STATUSES = {
    EXIT_OK: "nothing fails; there may be warnings",
    EXIT_FAILED: "something fails",
    EXIT_USAGE: "wrong usage",
}

_STYLES: dict[Level, Style] = {"ok": "green", "warn": "yellow", "fail": "red", "skip": "dim"}


class Check(NamedTuple):
    """
    A row of CHECKS.

    Attributes:
        name: For `--json`, and for the checks that need it.
        title: What a skipped one is called.
        find: Does it.
        needs: Checks without whose success it can't be made.
        is_of_radio: Whether it has no meaning for a simulated radio.
    """

    name: str
    title: str
    find: Callable[[Examination], Iterable[Finding]]
    needs: tuple[str, ...] = ()
    is_of_radio: bool = False


CHECKS = (
    Check("user", "user", machine.user),
    Check("config", "configuration", configuration.config),
    Check("keys", "keys", configuration.key_files, ("config",)),
    Check("log", "log", machine.log, ("config",)),
    Check("port", "port", configuration.port, ("config",)),
    Check("clock", "clock", machine.clock),
    Check("rfkill", "rfkill", bluetooth.rfkill, is_of_radio=True),
    Check("dbus", "D-Bus", bluetooth.dbus, is_of_radio=True),
    Check("bluetoothd", "bluetoothd", bluetooth.bluetoothd, ("dbus",), is_of_radio=True),
    Check("adapter", "adapter", bluetooth.adapters, ("bluetoothd", "rfkill"), is_of_radio=True),
    Check("scan_mode", "scan_mode", bluetooth.monitors, ("adapter",), is_of_radio=True),
    Check("others", "other programs that scan", bluetooth.other_scanner, ("adapter",), is_of_radio=True),
    Check("sensors", "sensors", sensors.sensors, ("config", "adapter", "scan_mode")),
)


def main(arguments: Sequence[str]) -> int:
    """
    Look at everything, and tell of each as it is looked at.

    Returns:
        EXIT_FAILED where anything fails.
    """
    options = _parse(arguments)
    # The radio's log is for the service; and without a handler Python would print what is grave.
    logging.getLogger("ble_exporter").addHandler(logging.NullHandler())
    make_radio = simulated_radio if options.mock else real_radio
    examination = Examination(options.config, options.seconds, make_radio, is_mock=options.mock)
    return run(examination, sys.stdout, as_json=options.json)


def run(examination: Examination, stream: TextIO, *, as_json: bool = False) -> int:
    """
    Make every check.

    Args:
        examination: What to look at.
        stream: Where it is told.
        as_json: Tell it in one document, at the end.

    Returns:
        The exit status.
    """
    tell = _Teller(stream)
    if not as_json:
        examination.note = tell.note
    found: list[tuple[str, Finding]] = []
    for name, finding in findings(examination):
        found.append((name, finding))
        if not as_json:
            tell.finding(finding)
    words = one_line(summary(found, examination))
    tell.line(json.dumps(_document(found, words), indent=2) if as_json else f"\n{words}")
    return EXIT_FAILED if any(finding.level == "fail" for _, finding in found) else EXIT_OK


def findings(examination: Examination) -> Iterator[tuple[str, Finding]]:
    """Yield what each check finds, with its name."""
    without: set[str] = set()
    for check in CHECKS:
        if examination.is_mock and check.is_of_radio:
            continue
        obstacles = [need for need in check.needs if need in without]
        if obstacles:
            without.add(check.name)
            title = next(other.title for other in CHECKS if other.name == obstacles[0])
            yield check.name, Finding("skip", f"{check.title}: can't be looked at before {title} is in order")
        elif check.name == "sensors" and not examination.seconds:
            yield check.name, Finding("skip", "sensors: not listened to (--seconds 0)")
        else:
            for finding in _made(check, examination):
                if finding.level == "fail":
                    without.add(check.name)
                yield check.name, finding


def _made(check: Check, examination: Examination) -> Iterator[Finding]:
    try:
        yield from check.find(examination)
    except Exception as error:  # whatever this machine has in store, the other checks are worth making
        what = one_line(error)[:200]
        yield Finding("fail", f"{check.title}: this check broke: {type(error).__name__}: {what}; please report it")


def summary(found: Sequence[tuple[str, Finding]], examination: Examination) -> str:
    """Return all of it in one line; `found` has the names of the checks, too."""
    total = len(examination.config.devices) if examination.config else 0
    heard = (
        "no sensor was listened to" if examination.heard is None else f"{examination.heard} of {total} sensors heard"
    )
    counts = []
    for level, word in (("fail", "failure"), ("warn", "warning")):
        number = sum(finding.level == level for _, finding in found)
        if number:
            counts.append(number_of(number, word))
    failures = [pair for pair in found if pair[1].level == "fail"]
    if failures:
        failed = next((pair for pair in failures if not pair[1].takes_bluetooth), failures[0])
        title = next(check.title for check in CHECKS if check.name == failed[0])
        return f"{', '.join(counts)}; the first to mend is {title}: {failed[1].remedy or failed[1].text}"
    return f"{', '.join(counts)}; {heard}" if counts else f"all is well: {heard}"


def _document(found: Sequence[tuple[str, Finding]], words: str) -> dict[str, object]:
    levels = [finding.level for _, finding in found]
    return {
        "failures": levels.count("fail"),
        "warnings": levels.count("warn"),
        "summary": words,
        "checks": [
            {"check": name, "level": finding.level, "text": finding.text, "remedy": finding.remedy or None}
            for name, finding in found
        ],
    }


class _Teller:
    """Writes lines, whatever the stream can't show, and for as long as anybody reads them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._paint = Painter(stream)
        self._encoding = stream.encoding or "utf-8"
        self._arrow = "→" if self._printable("→") == "→" else "->"
        self._is_read = True

    def finding(self, finding: Finding) -> None:
        level = self._paint(f"{finding.level:<4}", _STYLES[finding.level])
        self.line(f"{level} {one_line(finding.text)}")
        # A command is right to the letter, or it is none.
        if finding.remedy.isprintable() and finding.remedy and finding.level != "ok":
            self.line(f"     {self._arrow} {self._paint(finding.remedy, 'bold')}")

    def note(self, text: str) -> None:
        """Tell a user who waits what for."""
        if self._paint.is_live:
            self.line(self._paint(f"     {text}", "dim"))

    def line(self, text: str) -> None:
        if self._is_read:
            try:
                print(self._printable(text), file=self._stream, flush=True)
            except OSError:
                # As behind `| head`: what the exit status says is still worth finding out.
                self._is_read = False
                with suppress(OSError, ValueError):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def _printable(self, text: str) -> str:
        return text.encode(self._encoding, "backslashreplace").decode(self._encoding)


def real_radio(config: "AppConfig") -> "Radio":
    """Return what the service would listen with."""
    from ble_exporter.scanner import get_scanner

    return get_scanner(
        adapters=config.adapters,
        mode=config.scan_mode,
        silence_limit_s=config.silence_limit_seconds,
        goes_on=config.on_adapter_failure == "continue",
    )


def simulated_radio(config: "AppConfig") -> "Radio":
    """Return what plays each device of the configuration."""
    from ble_exporter.scanner import MockScanner
    from ble_exporter.scanner.simulation import House

    return MockScanner(air=House(tuple(config.devices)).transmissions())


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser("doctor", _DESCRIPTION, examples=_EXAMPLES, statuses=_STATUSES)
    parser.add_argument("--config", metavar="FILE", default="config.yaml", help="configuration (default: %(default)s)")
    parser.add_argument(
        "--seconds",
        metavar="N",
        type=_seconds,
        default=_SECONDS,
        help="how long to listen; 0 does not (default: %(default)g)",
    )
    parser.add_argument("--mock", action="store_true", help="simulate the radio; it sends nothing encrypted")
    parser.add_argument("--json", action="store_true", help="tell it in one JSON document, at the end")
    return parser.parse(arguments)


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 0 <= float(text) <= _MOST_SECONDS:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is not between 0 and {_MOST_SECONDS:g}")
