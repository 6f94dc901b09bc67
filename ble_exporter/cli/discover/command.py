"""`ble-exporter discover`: finds the sensors in reach, and adds those that its user chooses to the configuration."""

import argparse
import asyncio
import getpass
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ble_exporter.cli.discover.choice import Refusal, chosen, granted, named, with_keys
from ble_exporter.cli.discover.discovered import Sender, Survey
from ble_exporter.cli.discover.display import Announcements, Display, LiveTable, Silence
from ble_exporter.cli.discover.listen import listen
from ble_exporter.cli.discover.options import DEFAULT_CONFIG, EXIT_NOT_ADDED, MOCK_STRANGERS, parse
from ble_exporter.cli.discover.report import document, outcome, report
from ble_exporter.cli.parser import EXIT_OK
from ble_exporter.cli.terminal import Painter, write
from ble_exporter.config.app_config import AppConfig, load_config
from ble_exporter.config.editor import NewDevice, add_devices, check_can_add
from ble_exporter.errors import ConfigError, ScannerError
from ble_exporter.formats.ciphers import ciphers_of
from ble_exporter.formats.decoded import Cipher
from ble_exporter.utils import one_line

if TYPE_CHECKING:
    from ble_exporter.scanner import Radio
    from ble_exporter.scanner.build import RadioBuilder

# Stands for an answer that is no text: no number, no name and no key has it.
_NO_TEXT = "\x00"

# A pipe has no width; what is read there later has none either.
_WIDTH_OF_A_PIPE = 200

_MOCK_SENSORS = ("A4:C1:38:5C:E2:07", "A4:C1:38:00:00:01", "A4:C1:38:7B:10:9F")
_MOCK_LOCKED = ("A4:C1:38:D0:33:4A",)
_MOCK_BREATH_S = 8.0


def main(arguments: Sequence[str], build: "RadioBuilder | None" = None) -> int:
    """
    Run the command.

    Args:
        arguments: Those behind the command's name.
        build: Builds the radio; by default build_radio.

    Returns:
        The exit status.

    Raises:
        ConfigError: A file can't be used as it was named.
        ScannerError: Bluetooth is not available, or stopped working.
        KeyboardInterrupt: Ctrl-C, while a question was asked.
    """
    options = parse(arguments)
    try:
        return _discover(options, build)
    except BrokenPipeError:
        # Whoever reads has read enough, as `head` does; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_NOT_ADDED if options.add else EXIT_OK


def _discover(options: argparse.Namespace, build: "RadioBuilder | None") -> int:
    config = _config(options)
    configured = config.devices if config else {}
    survey = Survey(time.monotonic, _ciphers(config))
    display = _display(options, configured)
    if not isinstance(display, LiveTable):
        _tell(f"listening for {options.seconds:g} s")
    try:
        listened_s = asyncio.run(listen(_radio(options, config, build), survey, options.seconds, display))
    except ScannerError:
        # What was heard before that is worth something.
        if survey.sensors() and not options.json:
            _print_report(options, survey, configured)
        raise
    return _Enrolment(options, survey, configured).run(listened_s)


class _Enrolment:
    """From what was heard to what is written: the report, the questions, the file."""

    def __init__(self, options: argparse.Namespace, survey: Survey, configured: Mapping[str, str]) -> None:
        self._options = options
        self._survey = survey
        self._configured = configured
        self._candidates = [sensor for sensor in survey.sensors() if sensor.address not in configured]
        self._can_ask = bool(options.write) and not options.json and _is_terminal(sys.stdin, sys.stdout)

    def run(self, listened_s: float) -> int:
        options = self._options
        asks = self._can_ask and not options.add and bool(self._candidates)
        if not options.json:
            numbers = {sensor.address: number for number, sensor in enumerate(self._candidates, 1)}
            _print_report(options, self._survey, self._configured, numbers if asks else None)
        try:
            added, refused = self._chosen(asks=asks)
        except KeyboardInterrupt:
            _say("")
            _tell(f"{options.write}: nothing is written")
            raise
        if added:
            add_devices(options.write, added)
        if options.json:
            told = document(self._survey, self._configured, listened_s, lists_others=options.all)
            told |= outcome(added, refused) if options.write else {}
            write(sys.stdout, json.dumps(told, indent=2) + "\n")
        if options.write:
            self._tell_of(added, refused)
        return EXIT_NOT_ADDED if options.add and refused else EXIT_OK

    def _chosen(self, *, asks: bool) -> tuple[list[NewDevice], list[Refusal]]:
        meant: list[tuple[Sender, str]] = []
        refused: list[Refusal] = []
        if self._options.add:
            meant, refused = granted(self._options.add, self._survey.sensors(), self._configured)
        try:
            meant = self._asked() if asks else meant
        except EOFError:
            # Ctrl-D is an answer, too: none.
            _say("")
        added, without_key = with_keys(meant, _ask_hidden if self._can_ask else None, _say)
        return added, refused + without_key

    def _asked(self) -> list[tuple[Sender, str]]:
        _say("")
        _forget_what_was_typed()
        taken = set(self._configured.values())
        meant = []
        for sensor in chosen(self._candidates, _ask, _say):
            name = named(sensor, taken, _ask, _say)
            taken.add(name)
            meant.append((sensor, name))
        return meant

    def _tell_of(self, added: Sequence[NewDevice], refused: Sequence[Refusal]) -> None:
        path = self._options.write
        for refusal in refused:
            _tell(f"not added: {refusal.address}: {refusal.reason}")
        for addition in added:
            _tell(f'{path}: added {addition.address} as "{addition.name}"')
        if any(addition.bindkey for addition in added):
            _tell(f"{path}: holds a bindkey, and nobody but its owner and its group can read it")
        if added:
            _tell(f"run it: ble-exporter --config {path}")
        elif self._candidates and not self._can_ask and not self._options.add:
            _tell(f"{path}: nothing is written: nobody can be asked here; choose with --add ADDRESS=NAME")
        else:
            _tell(f"{path}: nothing is written")


def _config(options: argparse.Namespace) -> AppConfig | None:
    if options.write:
        return check_can_add(options.write)
    if options.config:
        return load_config(options.config)
    if not Path(DEFAULT_CONFIG).exists():
        return None
    try:
        return load_config(DEFAULT_CONFIG)
    except ConfigError as error:
        _tell(f"warning: what is configured is not known: {error}")
        return None


def _ciphers(config: AppConfig | None) -> Mapping[str, Cipher]:
    try:
        return ciphers_of(config.keys if config else {})
    except ConfigError as error:
        _tell(f"warning: what is encrypted is not read: {error}")
        return {}


def _radio(options: argparse.Namespace, config: AppConfig | None, build: "RadioBuilder | None") -> "Radio":
    # Imported here, so that --help answers at once: bleak takes most of a second on a Pi.
    from ble_exporter.scanner import RadioSettings, Simulation, build_radio

    strangers = MOCK_STRANGERS if options.mock_strangers is None else options.mock_strangers
    sensors = dict.fromkeys([*_MOCK_SENSORS, *(config.devices if config else ())])
    simulation = Simulation(
        tuple(sensors), options.mock_seed, strangers=strangers, encrypted=_MOCK_LOCKED, breath_at_s=_MOCK_BREATH_S
    )
    adapters = (options.adapter,) if options.adapter else config.adapters[:1] if config else ()
    # Not passively, whatever is configured: only who is asked says a name.
    return (build or build_radio)(
        RadioSettings(adapters), replay=options.replay, simulation=simulation if options.mock else None
    )


def _display(options: argparse.Namespace, configured: Mapping[str, str]) -> Display:
    if options.json:
        return Silence()
    if Painter(sys.stdout).is_live:
        return LiveTable(sys.stdout, configured)
    return Announcements(sys.stdout, configured)


def _print_report(
    options: argparse.Namespace,
    survey: Survey,
    configured: Mapping[str, str],
    numbers: Mapping[str, int] | None = None,
) -> None:
    paint = Painter(sys.stdout)
    width_there = shutil.get_terminal_size().columns if paint.is_live else _WIDTH_OF_A_PIPE
    for line in report(survey, configured, width_there, lists_others=options.all, numbers=numbers):
        write(sys.stdout, (paint(line.text, line.style) if line.style else line.text) + "\n")


def _is_terminal(*streams: TextIO | None) -> bool:
    """Whether a user is at all of them; a closed one is None."""
    return all(stream is not None and stream.isatty() for stream in streams)


def _ask(question: str) -> str:
    with suppress(UnicodeDecodeError):
        return input(question)
    return _NO_TEXT


def _ask_hidden(question: str) -> str:
    try:
        return getpass.getpass(question)
    except UnicodeDecodeError:
        return _NO_TEXT
    except EOFError:
        # As Enter: what else was chosen is added all the same.
        _say("")
        return ""


def _forget_what_was_typed() -> None:
    """Whoever pressed Enter while it listened has not answered a question that was not yet asked."""
    import termios

    termios.tcflush(sys.stdin, termios.TCIFLUSH)


def _say(text: str) -> None:
    print(text)


def _tell(text: str) -> None:
    """Tell the user, beside what is written for a program."""
    print(one_line(text), file=sys.stderr, flush=True)
