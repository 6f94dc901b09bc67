"""Run the checks of `doctor`, and print the results."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TextIO

from ble_exporter.cli.doctor import bluetooth, configuration, machine, sensors
from ble_exporter.cli.doctor.check import CheckContext, CheckResult, Level
from ble_exporter.cli.parser import EXIT_FAILURE, EXIT_OK
from ble_exporter.cli.terminal import Painter, Style, write
from ble_exporter.system.streams import discard
from ble_exporter.utils import number_of, one_line

_STYLES: dict[Level, Style] = {"ok": "green", "warn": "yellow", "fail": "red", "skip": "dim"}


class Check(NamedTuple):
    """One check of `doctor`."""

    name: str  # in the JSON document, and in `needs` of other checks
    title: str  # in the text output
    run: Callable[[CheckContext], Iterable[CheckResult]]
    needs: tuple[str, ...] = ()  # the checks that must not fail or be skipped before this one
    is_of_radio: bool = False  # whether this check is pointless with a simulated radio


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
    Check("ear", "ear", bluetooth.check_ear, ("adapter",), is_of_radio=True),
    Check("others", "other programs that scan", bluetooth.check_other_scanners, ("adapter",), is_of_radio=True),
    Check("sensors", "sensors", sensors.check_sensors, ("config", "adapter", "scan_mode", "ear")),
)
_TITLES = {check.name: check.title for check in CHECKS}


def run(context: CheckContext, stream: TextIO, *, as_json: bool = False) -> int:
    """Run all checks; print each result or, with `as_json`, one JSON document at the end; return the exit status."""
    paint = Painter(stream)
    if paint.is_live and not as_json:
        context.show_progress = lambda text: _print(stream, paint(f"     {text}", "dim"))
    results: list[tuple[str, CheckResult]] = []
    for name, result in _run_checks(context):
        results.append((name, result))
        if not as_json:
            _print_result(stream, result, paint)
    levels = Counter(result.level for _, result in results)
    summary = one_line(_summary(results, levels, context))
    rows = [
        {"check": name, "level": result.level, "text": result.text, "remedy": result.command or None}
        for name, result in results
    ]
    document = {"failures": levels["fail"], "warnings": levels["warn"], "summary": summary, "checks": rows}
    _print(stream, json.dumps(document, indent=2) if as_json else f"\n{summary}")
    return EXIT_FAILURE if levels["fail"] else EXIT_OK


def _run_checks(context: CheckContext) -> Iterator[tuple[str, CheckResult]]:
    """Run each check, but skip it if one of its `needs` failed or was skipped; yield the name with each result."""
    not_ok: set[str] = set()
    for check in CHECKS:
        if context.is_mock and check.is_of_radio:
            continue
        missing = next((need for need in check.needs if need in not_ok), None)
        if missing:
            not_ok.add(check.name)
            yield check.name, CheckResult("skip", f"{check.title}: not checked before {_TITLES[missing]} is in order")
        elif check.name == "sensors" and not context.seconds:
            yield check.name, CheckResult("skip", "sensors: not checked (--seconds 0)")
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
        yield CheckResult(
            "fail", f"{check.title}: this check crashed: {type(error).__name__}: {what}; please report it"
        )


def _summary(results: Sequence[tuple[str, CheckResult]], levels: Counter[Level], context: CheckContext) -> str:
    words: dict[Level, str] = {"fail": "failure", "warn": "warning"}
    counts = ", ".join(number_of(levels[level], word) for level, word in words.items() if levels[level])
    failures = [(name, result) for name, result in results if result.level == "fail"]
    if failures:
        name, first = min(failures, key=lambda failure: failure[1].needs_bluetooth)
        return f"{counts}; fix this first: {_TITLES[name]}: {first.command or first.text}"
    total = len(context.config.devices) if context.config else 0
    heard = "sensors not checked" if context.heard is None else f"{context.heard} of {total} sensors heard"
    return f"{counts}; {heard}" if counts else f"all is well: {heard}"


def _print_result(stream: TextIO, result: CheckResult, paint: Painter) -> None:
    _print(stream, f"{paint(f'{result.level:<4}', _STYLES[result.level])} {one_line(result.text)}")
    # Don't print a command with control characters: with these escaped, it would be another command.
    if result.command.isprintable() and result.command and result.level != "ok":
        arrow = "→" if "→".encode(stream.encoding or "utf-8", "ignore") else "->"
        _print(stream, f"     {arrow} {paint(result.command, 'bold')}")


def _print(stream: TextIO, line: str) -> None:
    try:
        write(stream, f"{line}\n")
    except BrokenPipeError:
        # The reader of the output has exited, as in `| head`; the exit status still matters.
        discard(stream)
