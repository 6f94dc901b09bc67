"""Run `discover`: listen, report the devices, ask which sensors to add, and write the configuration."""

import argparse
import asyncio
import getpass
import json
import shutil
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ble_exporter.cli.discover.choice import Refusal, ask_bindkeys, ask_name, choose_devices, resolve_requests
from ble_exporter.cli.discover.discovered import ConfiguredNames, DiscoveredDevice, Discovery
from ble_exporter.cli.discover.display import Display, LiveTable, NewSensorLines
from ble_exporter.cli.discover.listen import listen
from ble_exporter.cli.discover.report import added_document, discovery_document, report_lines
from ble_exporter.cli.invocation import typed_command
from ble_exporter.cli.listening import MOCK_SENSORS
from ble_exporter.cli.parser import DEFAULT_CONFIG, EXIT_FAILURE, EXIT_OK, MOCK_STRANGERS
from ble_exporter.cli.terminal import Painter, write
from ble_exporter.config.app_config import AppConfig, load_config
from ble_exporter.config.editor import NewDevice, add_devices, check_can_add, yaml_lines
from ble_exporter.device.clock import fast_clock
from ble_exporter.errors import ConfigError, ScannerError
from ble_exporter.formats.ciphers import ciphers_of
from ble_exporter.formats.decoded import Cipher
from ble_exporter.scanner import Radio, RadioSettings, Simulation, build_radio
from ble_exporter.scanner.build import RadioBuilder
from ble_exporter.utils import one_line

# A pipe has no width, and its output can usually be scrolled sideways.
_PIPE_WIDTH = 200

_MOCK_LOCKED = ("A4:C1:38:D0:33:4A",)
_MOCK_BREATH_S = 8.0

# Plays more than 8 hours of a capture in the default time.
_HIGH_SPEED = 1000.0


def run(options: argparse.Namespace, build: RadioBuilder = build_radio) -> int:
    """Listen, report the devices, ask which sensors to add, and add them; return the exit status."""
    config = _config(options)
    configured = config.devices if config else {}
    discovery = Discovery(fast_clock(options.replay_speed or 1.0).now, _ciphers(config))
    listened_s = _listen(options, _radio(options, config, build), discovery, configured)
    candidates = [sensor for sensor in discovery.sensors() if sensor.address not in configured]
    # sys.stdin and sys.stdout are None if they were closed before the start.
    at_terminal = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
    can_ask = bool(options.write) and not options.json and at_terminal
    offered = candidates if can_ask and not options.add else []
    if not options.json:
        _print_report(options, discovery, configured, offered)
    try:
        chosen, refused = resolve_requests(options.add, discovery.sensors(), configured)
        chosen += _ask_devices(offered, configured)
        added, without_key = ask_bindkeys(chosen, _ask_hidden if can_ask else None, print)
    except KeyboardInterrupt:
        print()
        _note(f"{options.write}: nothing was written")
        raise
    refused += without_key
    if added:
        _add(options.write, added)
    if options.json:
        document = discovery_document(discovery, configured, listened_s, lists_others=options.all)
        document |= added_document(added, refused) if options.write else {}
        write(sys.stdout, json.dumps(document, indent=2) + "\n")
    if options.replay and listened_s >= options.seconds:
        more = typed_command("discover", "--replay", options.replay, "--replay-speed", f"{_HIGH_SPEED:g}")
        _note(f"the capture continues after these {options.seconds:g} s; to hear more: {more}, or a longer --seconds")
    if candidates and not (options.write or options.json):
        add = typed_command("discover", "--write", options.config or DEFAULT_CONFIG, *_simulated(options))
        _note(f"to add sensors: {add}")
    if options.write:
        _note_outcome(options, added, refused, lacks_terminal=bool(candidates) and not (can_ask or options.add))
    return EXIT_FAILURE if options.add and refused else EXIT_OK


def _add(path: str, devices: Sequence[NewDevice]) -> None:
    """Add the devices to the file; if that fails, print their lines, so that the user need not enter them again."""
    try:
        add_devices(path, devices)
    except BaseException:
        _note(f"{path}: nothing was written; these are the lines to add below `devices:`")
        if any(device.bindkey for device in devices):
            _note("(they contain a bindkey: clear the screen afterwards)")
        print(yaml_lines(devices), end="", file=sys.stderr, flush=True)
        raise


def _listen(options: argparse.Namespace, radio: Radio, discovery: Discovery, configured: ConfiguredNames) -> float:
    """Listen and show the devices; return the seconds listened. If listening fails, report the devices heard so far."""
    display = Display()
    if not options.json:
        display = (LiveTable if Painter(sys.stdout).is_live else NewSensorLines)(sys.stdout, configured)
    if not isinstance(display, LiveTable):
        _note(f"listening for {options.seconds:g} s")
    try:
        return asyncio.run(listen(radio, discovery, options.seconds, display))
    except ScannerError:
        if discovery.sensors() and not options.json:
            _print_report(options, discovery, configured)
        raise


def _ask_devices(
    candidates: Sequence[DiscoveredDevice], configured: ConfiguredNames
) -> list[tuple[DiscoveredDevice, str]]:
    """Ask which candidates to add, and for their names; return them with their names. Ctrl-D chooses none."""
    if not candidates:
        return []
    print()
    # Discard text that was typed while listening, before there was a question.
    termios.tcflush(sys.stdin, termios.TCIFLUSH)
    taken = set(configured.values())
    chosen = []
    try:
        for sensor in choose_devices(candidates, _ask, print):
            name = ask_name(sensor, taken, _ask, print)
            taken.add(name)
            chosen.append((sensor, name))
    except EOFError:
        print()
        return []
    return chosen


def _note_outcome(
    options: argparse.Namespace, added: Sequence[NewDevice], refused: Sequence[Refusal], *, lacks_terminal: bool
) -> None:
    path = options.write
    for refusal in refused:
        _note(f"not added: {refusal.address}: {refusal.reason}")
    for device in added:
        _note(f'{path}: added {device.address} as "{device.name}"')
    if any(device.bindkey for device in added):
        _note(f"{path}: holds a bindkey, so only its owner and its group can read it")
    if added:
        _note_settings(path, options.adapter)
        _note(f"run the exporter: {typed_command('--config', path, *_simulated(options))}")
    else:
        why = ": there is no terminal for questions; choose with --add ADDRESS=NAME" if lacks_terminal else ""
        _note(f"{path}: nothing was written{why}")


def _note_settings(path: str, adapter: str | None) -> None:
    """Print how the settings of a file differ from the recommended ones, and whether the given adapter is missing."""
    config = load_config(path)
    if adapter and adapter not in config.adapters:
        wanted = f"[{', '.join((*config.adapters, adapter))}]" if config.adapters else adapter
        _note(f"{path}: does not name the adapter {adapter}; to listen with it, set: adapter: {wanted}")
    if config.is_continuous and config.stale_after_seconds is not None:
        return
    differences = []
    if not config.is_continuous:
        scan = f"{config.scan_duration_seconds:g} s of every {config.scan_interval_seconds:g} s"
        differences.append(f"scans only {scan}, which costs less CPU time but leaves gaps in the graphs")
    if config.stale_after_seconds is None:
        differences.append("shows only the values of the latest scan")
    recommended = "scan_interval_seconds: 30, scan_duration_seconds: 30 and stale_after_seconds: auto"
    _note(f"{path}: {' and '.join(differences)}; the recommended settings are {recommended}")


def _simulated(options: argparse.Namespace) -> list[str]:
    """Return the options with which another command simulates the same sensors, or replays the same capture."""
    arguments = ["--mock"] if options.mock else []
    arguments += ["--mock-seed", str(options.mock_seed)] if options.mock_seed is not None else []
    arguments += ["--replay", options.replay] if options.replay else []
    return arguments + (["--replay-speed", f"{options.replay_speed:g}"] if options.replay_speed else [])


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
        for part in error.parts:
            _note(f"warning: configured devices are not marked: {part}")
        return None


def _ciphers(config: AppConfig | None) -> Mapping[str, Cipher]:
    try:
        return ciphers_of(config.keys if config else {})
    except ConfigError as error:
        _note(f"warning: encrypted packets are not decrypted: {error}")
        return {}


def _radio(options: argparse.Namespace, config: AppConfig | None, build: RadioBuilder) -> Radio:
    strangers = MOCK_STRANGERS if options.mock_strangers is None else options.mock_strangers
    sensors = dict.fromkeys([*MOCK_SENSORS, *(config.devices if config else ())])
    simulation = Simulation(
        tuple(sensors), options.mock_seed, strangers=strangers, encrypted=_MOCK_LOCKED, breath_at_s=_MOCK_BREATH_S
    )
    adapters = (options.adapter,) if options.adapter else config.adapters[:1] if config else ()
    # Always use the scan mode `auto`, which scans actively: many devices send their names only in scan responses.
    return build(
        RadioSettings(adapters),
        replay=options.replay,
        replay_speed=options.replay_speed,
        simulation=simulation if options.mock else None,
    )


def _print_report(
    options: argparse.Namespace,
    discovery: Discovery,
    configured: ConfiguredNames,
    offered: Sequence[DiscoveredDevice] = (),
) -> None:
    """Print the report, with a number for each sensor in `offered`, which the user can choose."""
    paint = Painter(sys.stdout)
    max_width = shutil.get_terminal_size().columns if paint.is_live else _PIPE_WIDTH
    numbers = {sensor.address: number for number, sensor in enumerate(offered, 1)}
    for line in report_lines(discovery, configured, max_width, lists_others=options.all, numbers=numbers):
        write(sys.stdout, paint(line.text, line.style) + "\n")


def _ask(question: str, read: Callable[[str], str] = input) -> str:
    try:
        return read(question)
    except UnicodeDecodeError:
        # No valid answer contains this character, so the question is asked again.
        return "\x00"


def _ask_hidden(question: str) -> str:
    try:
        return _ask(question, getpass.getpass)
    except EOFError:
        # Ctrl-D skips this sensor, as Enter does; the other chosen sensors are still added.
        print()
        return ""


def _note(text: str) -> None:
    """Print a note on standard error, because standard output is for the report or the JSON document."""
    print(one_line(text), file=sys.stderr, flush=True)
