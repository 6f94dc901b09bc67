"""`ble-exporter discover`: finds the sensors in range, and adds those that the user chooses to the configuration."""

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
from typing import TYPE_CHECKING

from ble_exporter.cli.discover.choice import Refusal, ask_bindkeys, ask_name, choose_devices, resolve_requests
from ble_exporter.cli.discover.discovered import DiscoveredDevice, Discovery
from ble_exporter.cli.discover.display import Display, LiveTable, NewSensorLines
from ble_exporter.cli.discover.listen import listen
from ble_exporter.cli.discover.options import DEFAULT_CONFIG, EXIT_NOT_ADDED, MOCK_STRANGERS, parse
from ble_exporter.cli.discover.report import added_document, discovery_document, report_lines
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

# Returned for an answer that is not valid text: neither a number nor a name nor a bindkey contains it.
_INVALID_ANSWER = "\x00"

# A pipe has no width, and its reader can scroll.
_PIPE_WIDTH = 200

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
        ConfigError: A file that the arguments name can't be used.
        ScannerError: Bluetooth is not available, or stopped working.
        KeyboardInterrupt: Ctrl-C at a question.
    """
    options = parse(arguments)
    try:
        return _discover(options, build)
    except BrokenPipeError:
        # The reader has gone, as with `| head`; without this, Python would complain when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_NOT_ADDED if options.add else EXIT_OK


def _discover(options: argparse.Namespace, build: "RadioBuilder | None") -> int:
    config = _config(options)
    configured = config.devices if config else {}
    discovery = Discovery(time.monotonic, _ciphers(config))
    display = _display(options, configured)
    if not isinstance(display, LiveTable):
        _note(f"listening for {options.seconds:g} s")
    try:
        listened_s = asyncio.run(listen(_radio(options, config, build), discovery, options.seconds, display))
    except ScannerError:
        # Show what was heard before the error.
        if discovery.sensors() and not options.json:
            _print_report(options, discovery, configured)
        raise
    return _Selection(options, discovery, configured).run(listened_s)


class _Selection:
    """Reports what was heard, asks which sensors to add, and adds them to the file."""

    def __init__(self, options: argparse.Namespace, discovery: Discovery, configured: Mapping[str, str]) -> None:
        self._options = options
        self._discovery = discovery
        self._configured = configured
        self._candidates = [sensor for sensor in discovery.sensors() if sensor.address not in configured]
        # A closed stream is None.
        at_terminal = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
        self._can_ask = bool(options.write) and not options.json and at_terminal

    def run(self, listened_s: float) -> int:
        options = self._options
        asks = self._can_ask and not options.add and bool(self._candidates)
        if not options.json:
            numbers = {sensor.address: number for number, sensor in enumerate(self._candidates, 1)}
            _print_report(options, self._discovery, self._configured, numbers if asks else None)
        try:
            added, refused = self._select(asks=asks)
        except KeyboardInterrupt:
            print()
            _note(f"{options.write}: nothing is written")
            raise
        if added:
            add_devices(options.write, added)
        if options.json:
            document = discovery_document(self._discovery, self._configured, listened_s, lists_others=options.all)
            document |= added_document(added, refused) if options.write else {}
            write(sys.stdout, json.dumps(document, indent=2) + "\n")
        if options.write:
            self._note_outcome(added, refused)
        return EXIT_NOT_ADDED if options.add and refused else EXIT_OK

    def _select(self, *, asks: bool) -> tuple[list[NewDevice], list[Refusal]]:
        chosen: list[tuple[DiscoveredDevice, str]] = []
        refused: list[Refusal] = []
        if self._options.add:
            chosen, refused = resolve_requests(self._options.add, self._discovery.sensors(), self._configured)
        try:
            chosen = self._ask_devices() if asks else chosen
        except EOFError:
            # Ctrl-D: none.
            print()
        added, without_key = ask_bindkeys(chosen, _ask_hidden if self._can_ask else None, print)
        return added, refused + without_key

    def _ask_devices(self) -> list[tuple[DiscoveredDevice, str]]:
        print()
        _discard_typed()
        taken = set(self._configured.values())
        chosen = []
        for sensor in choose_devices(self._candidates, _ask, print):
            name = ask_name(sensor, taken, _ask, print)
            taken.add(name)
            chosen.append((sensor, name))
        return chosen

    def _note_outcome(self, added: Sequence[NewDevice], refused: Sequence[Refusal]) -> None:
        path = self._options.write
        for refusal in refused:
            _note(f"not added: {refusal.address}: {refusal.reason}")
        for device in added:
            _note(f'{path}: added {device.address} as "{device.name}"')
        if any(device.bindkey for device in added):
            _note(f"{path}: holds a bindkey, so only its owner and its group can read it")
        if added:
            _note(f"run it: ble-exporter --config {path}")
        elif self._candidates and not self._can_ask and not self._options.add:
            _note(f"{path}: nothing is written: there is no terminal for questions; choose with --add ADDRESS=NAME")
        else:
            _note(f"{path}: nothing is written")


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
        _note(f"warning: configured devices are not marked: {error}")
        return None


def _ciphers(config: AppConfig | None) -> Mapping[str, Cipher]:
    try:
        return ciphers_of(config.keys if config else {})
    except ConfigError as error:
        _note(f"warning: encrypted packets are not read: {error}")
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
    # Always actively: a device sends its name only when it is asked.
    return (build or build_radio)(
        RadioSettings(adapters), replay=options.replay, simulation=simulation if options.mock else None
    )


def _display(options: argparse.Namespace, configured: Mapping[str, str]) -> Display | None:
    if options.json:
        return None
    return (LiveTable if Painter(sys.stdout).is_live else NewSensorLines)(sys.stdout, configured)


def _print_report(
    options: argparse.Namespace,
    discovery: Discovery,
    configured: Mapping[str, str],
    numbers: Mapping[str, int] | None = None,
) -> None:
    paint = Painter(sys.stdout)
    max_width = shutil.get_terminal_size().columns if paint.is_live else _PIPE_WIDTH
    for line in report_lines(discovery, configured, max_width, lists_others=options.all, numbers=numbers):
        write(sys.stdout, paint(line.text, line.style) + "\n")


def _ask(question: str) -> str:
    with suppress(UnicodeDecodeError):
        return input(question)
    return _INVALID_ANSWER


def _ask_hidden(question: str) -> str:
    try:
        return getpass.getpass(question)
    except UnicodeDecodeError:
        return _INVALID_ANSWER
    except EOFError:
        # As Enter: the other chosen sensors are still added.
        print()
        return ""


def _discard_typed() -> None:
    """Discard what was typed while listening: it answers no question."""
    import termios

    termios.tcflush(sys.stdin, termios.TCIFLUSH)


def _note(text: str) -> None:
    """Print on standard error: standard output is for programs."""
    print(one_line(text), file=sys.stderr, flush=True)
