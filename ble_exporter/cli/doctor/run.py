"""`ble-exporter doctor`: checks everything that can prevent readings, and prints the commands that fix it."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TextIO

from ble_exporter.cli.doctor import bluetooth, configuration, machine, sensors
from ble_exporter.cli.doctor.check import CheckContext, CheckResult, Level
from ble_exporter.cli.parser import EXIT_OK, EXIT_USAGE, Parser, number_between
from ble_exporter.cli.terminal import Painter, Style, write
from ble_exporter.utils import number_of, one_line

if TYPE_CHECKING:
    from ble_exporter.config.app_config import AppConfig
    from ble_exporter.scanner import Radio
    from ble_exporter.scanner.build import RadioBuilder

EXIT_FAILED = 1

_DESCRIPTION = "Check everything that can prevent readings. Each failure is followed by the command that fixes it."
_EXAMPLES = {
    "--config config.yaml": "check everything, and listen for 10 s",
    "--config config.yaml --seconds 30": "hear sensors that send rarely",
    "--config config.yaml --mock": "without Bluetooth: check the rest",
    "--config config.yaml --json": "for a program",
}
_STATUSES = {
    EXIT_OK: "no failure; there may be warnings",
    EXIT_FAILED: "at least one failure",
    EXIT_USAGE: "wrong usage",
}

_STYLES: dict[Level, Style] = {"ok": "green", "warn": "yellow", "fail": "red", "skip": "dim"}


class Check(NamedTuple):
    """
    A row of CHECKS.

    Attributes:
        name: In `--json`, and in `needs` of other checks.
        title: In texts for people.
        run: Yields the results.
        needs: The checks that must not have failed before.
        is_of_radio: Whether it makes no sense with a simulated radio.
    """

    name: str
    title: str
    run: Callable[[CheckContext], Iterable[CheckResult]]
    needs: tuple[str, ...] = ()
    is_of_radio: bool = False


CHECKS = (
    Check("user", "user", machine.check_user),
    Check("config", "configuration", configuration.check_config),
    Check("keys", "keys", configuration.check_key_files, ("config",)),
    Check("log", "log", machine.check_log, ("config",)),
    Check("port", "port", configuration.check_port, ("config",)),
    Check("clock", "clock", machine.check_clock),
    Check("rfkill", "rfkill", bluetooth.check_rfkill, is_of_radio=True),
    Check("dbus", "D-Bus", bluetooth.check_dbus, is_of_radio=True),
    Check("bluetoothd", "bluetoothd", bluetooth.check_bluetoothd, ("dbus",), is_of_radio=True),
    Check("adapter", "adapter", bluetooth.check_adapters, ("bluetoothd", "rfkill"), is_of_radio=True),
    Check("scan_mode", "scan_mode", bluetooth.check_scan_mode, ("adapter",), is_of_radio=True),
    Check("others", "other programs that scan", bluetooth.check_other_scanners, ("adapter",), is_of_radio=True),
    Check("sensors", "sensors", sensors.check_sensors, ("config", "adapter", "scan_mode")),
)
_TITLES = {check.name: check.title for check in CHECKS}


def main(arguments: Sequence[str], build: "RadioBuilder | None" = None) -> int:
    """
    Run all checks, and print each result as it comes.

    Args:
        arguments: Those after the name of the command.
        build: Builds the radio; by default build_radio.

    Returns:
        EXIT_FAILED if anything fails.
    """
    options = _parse(arguments)
    # The radio logs for the service. Without a handler, logging prints warnings to stderr.
    logging.getLogger("ble_exporter").addHandler(logging.NullHandler())
    make_radio = radio_maker(build, is_mock=options.mock)
    context = CheckContext(options.config, options.seconds, make_radio, is_mock=options.mock)
    return run(context, sys.stdout, as_json=options.json)


def run(context: CheckContext, stream: TextIO, *, as_json: bool = False) -> int:
    """
    Run all checks.

    Args:
        context: What to check.
        stream: Where to print the results.
        as_json: Print one JSON document at the end instead.

    Returns:
        The exit status.
    """
    printer = _Printer(stream)
    if not as_json:
        context.show_progress = printer.progress
    results: list[tuple[str, CheckResult]] = []
    for name, result in run_checks(context):
        results.append((name, result))
        if not as_json:
            printer.result(result)
    text = one_line(summary(results, context))
    printer.line(json.dumps(_document(results, text), indent=2) if as_json else f"\n{text}")
    return EXIT_FAILED if any(result.level == "fail" for _, result in results) else EXIT_OK


def run_checks(context: CheckContext) -> Iterator[tuple[str, CheckResult]]:
    """Run each check whose needs are met; yield its name with each result."""
    not_ok: set[str] = set()
    for check in CHECKS:
        if context.is_mock and check.is_of_radio:
            continue
        missing = next((need for need in check.needs if need in not_ok), None)
        if missing:
            not_ok.add(check.name)
            yield check.name, CheckResult("skip", f"{check.title}: not checked before {_TITLES[missing]} is in order")
        elif check.name == "sensors" and not context.seconds:
            yield check.name, CheckResult("skip", "sensors: not listened to (--seconds 0)")
        else:
            for result in _run_safely(check, context):
                if result.level == "fail":
                    not_ok.add(check.name)
                yield check.name, result


def _run_safely(check: Check, context: CheckContext) -> Iterator[CheckResult]:
    try:
        yield from check.run(context)
    except Exception as error:  # a bug in one check must not hide the results of the others
        what = one_line(error)[:200]
        yield CheckResult("fail", f"{check.title}: this check broke: {type(error).__name__}: {what}; please report it")


def summary(results: Sequence[tuple[str, CheckResult]], context: CheckContext) -> str:
    """Return all results, each with its check's name, as one sentence."""
    counts = []
    for level, word in (("fail", "failure"), ("warn", "warning")):
        number = sum(result.level == level for _, result in results)
        if number:
            counts.append(number_of(number, word))
    failures = [(name, result) for name, result in results if result.level == "fail"]
    if failures:
        name, first = next((pair for pair in failures if not pair[1].needs_bluetooth), failures[0])
        return f"{', '.join(counts)}; fix this first: {_TITLES[name]}: {first.command or first.text}"
    total = len(context.config.devices) if context.config else 0
    heard = "did not listen to sensors" if context.heard is None else f"{context.heard} of {total} sensors heard"
    return f"{', '.join(counts)}; {heard}" if counts else f"all is well: {heard}"


def _document(results: Sequence[tuple[str, CheckResult]], text: str) -> dict[str, object]:
    levels = [result.level for _, result in results]
    return {
        "failures": levels.count("fail"),
        "warnings": levels.count("warn"),
        "summary": text,
        "checks": [
            {"check": name, "level": result.level, "text": result.text, "remedy": result.command or None}
            for name, result in results
        ],
    }


class _Printer:
    """Prints results, for as long as somebody reads them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._paint = Painter(stream)
        encoding = stream.encoding or "utf-8"
        self._arrow = "->" if "→".encode(encoding, "ignore") == b"" else "→"

    def result(self, result: CheckResult) -> None:
        level = self._paint(f"{result.level:<4}", _STYLES[result.level])
        self.line(f"{level} {one_line(result.text)}")
        # A command with escaped characters would be another command.
        if result.command.isprintable() and result.command and result.level != "ok":
            self.line(f"     {self._arrow} {self._paint(result.command, 'bold')}")

    def progress(self, text: str) -> None:
        """Show a user at a terminal what takes time."""
        if self._paint.is_live:
            self.line(self._paint(f"     {text}", "dim"))

    def line(self, text: str) -> None:
        try:
            write(self._stream, f"{text}\n")
        except OSError:
            # The reader has gone, as with `| head`; the exit status still counts.
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


def radio_maker(build: "RadioBuilder | None" = None, *, is_mock: bool = False) -> "Callable[[AppConfig], Radio]":
    """Return what makes the radio that the service would use, or one that simulates every configured device."""

    def make(config: "AppConfig") -> "Radio":
        from ble_exporter.scanner import RadioSettings, Simulation, build_radio

        simulation = Simulation(tuple(config.devices)) if is_mock else None
        return (build or build_radio)(RadioSettings.from_config(config), simulation=simulation)

    return make


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
