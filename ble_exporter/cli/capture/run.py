"""Run `capture`: listen, or read another capture, and write the file."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from ble_exporter.cli.capture.recording import MOST_SENDERS, Recording
from ble_exporter.cli.invocation import typed_command
from ble_exporter.cli.listening import MOCK_SENSORS, listen_for
from ble_exporter.cli.parser import DEFAULT_CONFIG, EXIT_FAILURE, EXIT_OK, EXIT_SIGNAL, MOCK_STRANGERS
from ble_exporter.cli.shell import quoted
from ble_exporter.cli.terminal import Painter, write
from ble_exporter.config.app_config import AppConfig, load_config
from ble_exporter.device.clock import seconds_since_boot
from ble_exporter.errors import ConfigError
from ble_exporter.model import Advertisement
from ble_exporter.scanner import Radio, RadioSettings, Simulation, build_radio
from ble_exporter.scanner.btsnoop import Record
from ble_exporter.scanner.build import RadioBuilder
from ble_exporter.scanner.capture import MOST_BYTES_OF_A_STREAM, load_events
from ble_exporter.scanner.monitor_socket import MonitorSocket, SocketOpener, open_monitor_socket
from ble_exporter.scanner.report_events import events_of
from ble_exporter.system.signals import on_end
from ble_exporter.utils import number_of, one_line

# The clock counts as set if it has moved this far against the boot clock. NTP causes smaller movements all the time.
_SET_S = 60.0

_AS_REPORTED = "these are the controller's events, with the kernel's timestamps"
_MADE_UP = (
    "note: the events are made up from bluetoothd's reports, in which some packets are missing or merged; with the "
    "capability CAP_NET_RAW, the controller's own events are recorded"
)
_SIMULATED = "note: the events are made up, because no controller was involved"


class Recorder:
    """
    Records the advertising reports that a radio receives.

    The recorder opens the monitor channel for the radio, and records the events on this channel. If the radio does not
    use the channel, the recorder creates events from the advertisements that it receives as a Listener.

    Args:
        recording: The file.
        only: The addresses of the senders that are recorded; None for all.
        open_socket: Opens the monitor channel.
        clock: Returns Unix time in seconds.
        boot: Returns monotonic seconds.

    Attributes:
        has_monitor: Whether the radio uses the monitor channel.
    """

    def __init__(
        self,
        recording: Recording,
        only: Collection[str] | None,
        open_socket: SocketOpener = open_monitor_socket,
        clock: Callable[[], float] = time.time,
        boot: Callable[[], float] = seconds_since_boot,
    ) -> None:
        self.has_monitor = False
        self._recording = recording
        self._only = only
        self._open_socket = open_socket
        self._clock = clock
        self._boot = boot
        self._boot_at = clock() - boot()

    async def open_socket(self, controller: int) -> MonitorSocket:
        """Open the monitor channel, and record what is read from it. Raises OSError."""
        monitor = await self._open_socket(controller)
        monitor.on_event = lambda event, at_us: self._recording.add(event, self._steady(at_us), controller)
        self.has_monitor = True
        return monitor

    def wants(self, address: str) -> bool:
        """Return whether advertisements from this address must be recorded; see Listener."""
        return not self.has_monitor and (self._only is None or address in self._only)

    def handle(self, advertisement: Advertisement) -> None:
        """Record an advertisement; see Listener."""
        number = advertisement.adapter.removeprefix("hci")
        for event in events_of(advertisement):
            at_us = round(advertisement.received_at(self._clock) * 1e6)
            self._recording.add(event, self._steady(at_us), int(number) if number.isdecimal() else 0)

    def _steady(self, at_us: int) -> int:
        """Return the time `at_us` as if the clock had not been set: a replay would otherwise wait for the change."""
        now = self._clock()
        set_by = now - self._boot() - self._boot_at
        # If an event came before the clock was set, its time differs from the current time by about that change.
        is_new = abs(now - at_us / 1e6) < abs(set_by) / 2
        return at_us - round(set_by * 1e6) if is_new and abs(set_by) > _SET_S else at_us


def run(
    options: argparse.Namespace,
    build: RadioBuilder = build_radio,
    open_socket: SocketOpener = open_monitor_socket,
) -> int:
    """Record the received packets, or copy those of another capture; return the exit status."""
    config = _config(options)
    only = {*options.only, *(config.devices if config and options.only_configured else ())}
    events = load_events(options.replay, MOST_BYTES_OF_A_STREAM) if options.replay else None
    with on_end(_raise_exit):
        recording = Recording(
            options.file,
            round(options.megabytes * 1e6),
            only if options.only or options.only_configured else None,
            overwrites=options.force,
        )
        try:
            if events is not None:
                _convert(events, recording)
                note = ""
            else:
                recorder = Recorder(recording, only or None, open_socket)
                _listen(options, _radio(options, config, build, recorder), recorder, recording)
                note = _AS_REPORTED if recorder.has_monitor else _SIMULATED if options.mock else _MADE_UP
        except BaseException:
            recording.close(keeps=events is None, is_whole=False)
            kept = f"{_amount(recording)}, recorded until it failed" if recording.kept_as else "nothing was written"
            _note(f"{recording.kept_as or options.file}: {kept}")
            raise
        # With --replay, an incomplete copy must not replace an existing file, which may be the whole capture.
        recording.close(keeps=events is None or not recording.end or (recording.end == "full" and not options.force))
    return _report(options, recording, note)


def _raise_exit(number: int) -> None:
    """End the program with an exception, so that the file is completed or removed."""
    raise SystemExit(EXIT_SIGNAL + number)


def _convert(events: Iterable[Record], recording: Recording) -> None:
    for event in events:
        recording.add(event.packet, event.at_us, event.controller)
        if recording.end:
            break


def _listen(options: argparse.Namespace, radio: Radio, recorder: Recorder, recording: Recording) -> None:
    """Listen until the time is up, recording ends, or a signal arrives; on a terminal, show the progress."""
    is_live = Painter(sys.stderr).is_live
    if not is_live:
        _note(f"{options.file}: recording for {options.seconds:g} s")

    def show(left_s: float) -> bool:
        if is_live:
            progress = f"{options.file}: {_amount(recording)}; {left_s:.0f} s left; Ctrl-C ends the recording"
            write(sys.stderr, f"\r{one_line(progress)}\x1b[K")
        return not recording.end

    try:
        asyncio.run(listen_for(radio, recorder, options.seconds, show, (signal.SIGINT, signal.SIGTERM)))
    finally:
        if is_live:
            write(sys.stderr, "\r\x1b[K")
    _note_losses(radio)


def _note_losses(radio: Radio) -> None:
    """Print how many events could not be recorded; invalid events are recorded like any other."""
    lost = sum(number for (_adapter, reason), number in radio.lost_events.items() if reason == "buffer_full")
    if lost:
        _note(f"note: {number_of(lost, 'event')} could not be recorded: this machine was too busy")


def _report(options: argparse.Namespace, recording: Recording, note: str) -> int:
    """Say what was recorded; return the exit status."""
    if recording.left_out:
        _note(f"left out: {number_of(recording.left_out, 'packet')} of other devices")
    if recording.damaged:
        damaged = number_of(recording.damaged, "damaged event")
        _note(f"left out, wholly or in part, because the sender is uncertain: {damaged}")
    if recording.end and recording.end != "full":
        effect = "it ends early" if recording.kept_as else "nothing was written"
        if recording.kept_as not in ("", options.file):
            effect = f"it was not replaced; the part that was recorded is in {recording.kept_as}"
        raise ConfigError(f"the file can't be written ({recording.end}): {effect}", path=options.file)
    if recording.end and not recording.kept_as:
        problem = f"nothing was written: the file would exceed its maximum size (--megabytes {options.megabytes:g})"
        raise ConfigError(problem, path=options.file)
    if not recording.packets:
        _note(f"{options.file}: nothing was recorded, so the file was not written")
        return EXIT_FAILURE
    if recording.end:
        _note(f"{options.file}: the file ends early, at its maximum size (--megabytes {options.megabytes:g})")
    write(sys.stdout, f"{one_line(options.file)}: {_amount(recording)}\n")
    if note:
        _note(note)
    if not (options.only or options.only_configured):
        path = Path(options.file)
        whom = ["--only-configured"] if options.config or Path(DEFAULT_CONFIG).exists() else ["--only", "ADDRESS"]
        whom += ["--config", options.config] if options.config else []
        public = str(path.with_name(f"public-{path.name}"))
        command = typed_command("capture", public, "--replay", options.file, *whom)
        _note(
            f"note: the file has the addresses and names of all devices in range; to leave out other devices: {command}"
        )
    discover = typed_command("discover", "--replay", options.file)
    _note(f"to read it: btmon -r {quoted(options.file)}, Wireshark, or {discover}")
    return EXIT_OK


def _amount(recording: Recording) -> str:
    senders = len(recording.senders)
    more = "more than " if senders >= MOST_SENDERS else ""
    size = f"{recording.size / 1000:.0f} kB" if recording.size >= 1000 else number_of(recording.size, "byte")
    return f"{number_of(recording.packets, 'packet')} of {more}{number_of(senders, 'device')}, {size}"


def _config(options: argparse.Namespace) -> AppConfig | None:
    if options.config or options.only_configured or Path(DEFAULT_CONFIG).exists():
        return load_config(options.config or DEFAULT_CONFIG)
    return None


def _radio(options: argparse.Namespace, config: AppConfig | None, build: RadioBuilder, recorder: Recorder) -> Radio:
    strangers = MOCK_STRANGERS if options.mock_strangers is None else options.mock_strangers
    sensors = tuple(config.devices) if config else MOCK_SENSORS
    simulation = Simulation(sensors, options.mock_seed, strangers=strangers) if options.mock else None
    settings = RadioSettings.from_config(config)._replace(resets=False) if config else RadioSettings()
    if options.adapter:
        settings = settings._replace(adapters=(options.adapter,))
    return build(settings, simulation=simulation, open_socket=recorder.open_socket)


def _note(text: str) -> None:
    print(one_line(text), file=sys.stderr, flush=True)
