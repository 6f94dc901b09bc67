"""The entry point: signals and exit statuses."""

import argparse
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ble_exporter import __version__
from ble_exporter.cli import COMMANDS, run
from ble_exporter.cli.options import parse
from ble_exporter.cli.parser import (
    EXIT_BLUETOOTH,
    EXIT_CONFIG,
    EXIT_FAILURE,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_SIGNAL,
    EXIT_STREAM,
    EXIT_TEMPORARY,
)
from ble_exporter.errors import ConfigError, ExporterError, PortError, StreamError
from ble_exporter.system.port import TELEMETRY_PATH, WebOptions
from ble_exporter.system.signals import on_end
from ble_exporter.system.streams import discard, guard_standard_streams
from ble_exporter.utils import number_of

if TYPE_CHECKING:
    import asyncio

    from ble_exporter.config.app_config import AppConfig
    from ble_exporter.logger.log_format import LogFormat
    from ble_exporter.scanner import Radio
    from ble_exporter.scanner.build import RadioBuilder

__all__ = ["EXIT_BLUETOOTH", "EXIT_CONFIG", "main"]


class _Signals:
    """
    Handlers of SIGTERM, SIGINT and SIGHUP for the lifetime of the process.

    Before the service runs, SIGTERM and SIGINT end the program immediately: its imports take most of a second on a Pi.
    While the service runs, these signals stop it. Afterwards they are ignored, because the program is ending anyway.

    SIGHUP reloads the configuration, as soon as the service runs.
    """

    def __init__(self) -> None:
        self._stop: Callable[[], object] = self._exit
        self._hang_up: Callable[[], object] = self._note_hang_up
        self._has_hung_up = False

    def install(self) -> None:
        """Replace the default handlers."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: self._stop())
        signal.signal(signal.SIGHUP, lambda _number, _frame: self._hang_up())

    @contextmanager
    def handled(
        self, loop: "asyncio.AbstractEventLoop", stop: "asyncio.Event", reload: "asyncio.Event"
    ) -> Iterator[None]:
        """During the block, set `stop` on SIGTERM and SIGINT, and `reload` on SIGHUP."""
        self._stop = lambda: loop.call_soon_threadsafe(stop.set)
        self._hang_up = lambda: loop.call_soon_threadsafe(reload.set)
        if self._has_hung_up:
            reload.set()
        try:
            yield
        finally:
            self._ignore()

    def _note_hang_up(self) -> None:
        """Remember the signal until the service runs."""
        self._has_hung_up = True

    def _exit(self) -> None:
        self._ignore()
        sys.exit(EXIT_OK)

    def _ignore(self) -> None:
        # SIG_IGN makes the kernel ignore the signals. A Python handler would not do: the interpreter drops it at exit.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)


def main(arguments: Sequence[str] | None = None, build: "RadioBuilder | None" = None) -> int:
    """Run the program, by default with this process's arguments and with `build_radio`; return the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    is_command = bool(arguments) and arguments[0] in COMMANDS
    try:
        guard_standard_streams(needs_output=is_command)
        try:
            if is_command:
                with on_end(_end_now):
                    return _command(arguments[0], arguments[1:])
            signals = _Signals()
            signals.install()
            # By default, logging prints a traceback whenever a log call has a bug.
            logging.raiseExceptions = False
            return _serve(parse(arguments), signals, build)
        finally:
            # A failure can be reported here, but no longer at the exit of the interpreter.
            _flush_output()
    except StreamError as error:
        discard(sys.stdout)
        return _failed(error)


def _flush_output() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has closed the pipe, as `head` does.
        discard(sys.stdout)


def _end_now(number: int) -> None:
    """End the program with the exit status for a signal, which the first process of a container ignores by default."""
    os._exit(EXIT_SIGNAL + number)


def _serve(options: argparse.Namespace, signals: _Signals, build: "RadioBuilder | None") -> int:
    # Everything that --help does not need is imported late, because a Pi reads each module from its SD card.
    from ble_exporter.logger import STANDARD_ERROR, get_logger
    from ble_exporter.logger.log_format import fields_of

    # If the log goes to standard error, a logged error is already there, and need not be printed at the end.
    log_is_shown = False
    try:
        config = _load(options)
        if options.telemetry_path != TELEMETRY_PATH or options.web_config:
            from ble_exporter.exporter.app import check_options

            check_options(config, _web_options(options))
        if options.config_check:
            _print_checked(options.config, config)
            return EXIT_OK
        log = get_logger(config, options.log_format)
        log_is_shown = config.log_file == STANDARD_ERROR
        try:
            _run(options, config, log, signals, build)
        except ExporterError as error:
            log.error("%s", error, extra=fields_of(error))  # noqa: TRY400 - a user needs the text, not a traceback
            raise
        except Exception:
            log.exception("unexpected error")
            if log_is_shown:
                return EXIT_FAILURE
            raise
    except ExporterError as error:
        return _failed(error, "text" if options.config_check else options.log_format, is_logged=log_is_shown)
    return EXIT_OK


def _load(options: argparse.Namespace) -> "AppConfig":
    """Return the configuration for these options. Raises a ConfigError if it is invalid or unusable on this machine."""
    from ble_exporter.config.app_config import load_config
    from ble_exporter.formats.ciphers import ciphers_of

    config = load_config(options.config)
    # The ciphers are not used here: if a bindkey is set, but the library is missing, the call raises a ConfigError.
    ciphers_of(config.keys)
    config = replace(config, log_level=options.log_level or config.log_level)
    if options.replay and not config.is_continuous:
        # Scans follow the machine's clock, but a capture follows the clock of the replay. With pauses between the
        # scans, the speed would decide which packets are received.
        config = replace(config, scan_duration_seconds=config.scan_interval_seconds)
    if options.listen:
        config = replace(config, listen_address=options.listen[0].address, listen_port=options.listen[0].port)
    # The simulated radio sends no encrypted packets.
    return replace(config, keys={}) if options.mock and not options.config_check else config


def _web_options(options: argparse.Namespace) -> WebOptions:
    listen, path, most = tuple(options.listen or ()), options.telemetry_path, options.most_requests
    return WebOptions(listen, path, most, options.web_config, is_activated=options.is_activated)


def _command(name: str, arguments: Sequence[str]) -> int:
    try:
        return run(name, arguments)
    except BrokenPipeError:
        # The reader has closed the pipe, as `head` does.
        discard(sys.stdout)
        return EXIT_OK
    except StreamError:
        raise
    except ExporterError as error:
        return _failed(error)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _failed(error: ExporterError, log_format: "LogFormat" = "text", *, is_logged: bool = False) -> int:
    from ble_exporter.logger.log_format import error_line

    if not is_logged:
        for part in error.parts if isinstance(error, ConfigError) else [error]:
            print(error_line(log_format, part), file=sys.stderr)
    statuses = ((PortError, EXIT_TEMPORARY), (ConfigError, EXIT_CONFIG), (StreamError, EXIT_STREAM))
    return next((status for kind, status in statuses if isinstance(error, kind)), EXIT_BLUETOOTH)


def _print_checked(path: str, config: "AppConfig") -> None:
    from ble_exporter.config.app_config import warnings_of

    for warning in warnings_of(config):
        print("ble-exporter: warning:", warning, file=sys.stderr)
    devices = number_of(len(config.devices), "device")
    keys = f" ({len(config.keys)} with a key)" if config.keys else ""
    print(
        f"{config.backup or path}: ok: {devices}{keys}, a scan of {config.scan_duration_seconds:g} s every "
        f"{config.scan_interval_seconds:g} s, port {config.listen_port}"
    )


def _run(
    options: argparse.Namespace,
    config: "AppConfig",
    log: logging.Logger,
    signals: _Signals,
    build: "RadioBuilder | None",
) -> None:
    # Imported here to keep --config.check fast: importing bleak and aiohttp takes most of a second on a Pi.
    import asyncio

    from ble_exporter.device.clock import fast_clock
    from ble_exporter.service import ReloadSource, forwarded, serve

    _log_start(options, config, log)
    speed = options.replay_speed or 1.0
    radio, web = _radio(options, config, speed, build), _web_options(options)
    clock = None if speed == 1 else fast_clock(speed)

    async def until_stopped() -> None:
        stop, requested = asyncio.Event(), asyncio.Event()
        source = ReloadSource(lambda: _load(options), requested, is_served=options.enable_lifecycle)
        with signals.handled(asyncio.get_running_loop(), stop, requested):
            await serve(config, radio, log, stop, reload_from=source, web=web, clock=clock)

    # Imported objects stay in memory. The garbage collector would take 30 ms each time it traversed them.
    gc.freeze()
    with forwarded(log):
        asyncio.run(until_stopped())
    log.info("stopped")


def _log_start(options: argparse.Namespace, config: "AppConfig", log: logging.Logger) -> None:
    from ble_exporter.config.app_config import warnings_of

    devices = number_of(len(config.devices), "device")
    log.info("ble-exporter %s starts with %s, for %s", __version__, options.config, devices)
    for warning in warnings_of(config):
        log.warning("%s", warning)
    if options.mock and config.key_files:
        log.info("the simulated radio sends no encrypted packets, so the bindkeys are not used")
    if options.replay:
        log.info("the capture is played without pauses between the scans, whatever the configuration says")


def _radio(options: argparse.Namespace, config: "AppConfig", speed: float, build: "RadioBuilder | None") -> "Radio":
    from ble_exporter.scanner import RadioSettings, build_radio

    simulation = None
    if options.mock:
        from ble_exporter.scanner import Simulation

        loss, strangers = options.mock_loss or 0.0, options.mock_strangers or 0
        simulation = Simulation(tuple(config.devices), options.mock_seed, loss, strangers, options.mock_order or "abab")
    return (build or build_radio)(
        RadioSettings.from_config(config)._replace(catches_up=True),
        replay=options.replay,
        replay_speed=speed,
        simulation=simulation,
    )


if __name__ == "__main__":
    sys.exit(main())
