"""Wires the service together: the scans, the HTTP server, systemd's watchdog, and an orderly shutdown."""

import asyncio
import errno
import logging
import os

from ble_exporter.config.app_config import AppConfig
from ble_exporter.errors import ConfigError, ExporterError
from ble_exporter.exporter.app import create_app
from ble_exporter.exporter.connections import HttpServer
from ble_exporter.exporter.http_errors import HttpErrors
from ble_exporter.metrics.process_metrics import ProcessMetrics
from ble_exporter.scanner.radio import Radio
from ble_exporter.service.replay_state import state_folder
from ble_exporter.service.scan_cycle import ScanCycle
from ble_exporter.service.systemd import STOPPING, Notifier, feed_watchdog
from ble_exporter.tasks import Tasks

# Time limits for stopping the scan and for open HTTP requests, so that the process ends within a second of SIGTERM.
_STOP_SCAN_S = 0.6
_STOP_HTTP_S = 0.2


async def serve(config: AppConfig, radio: Radio, log: logging.Logger, stop: asyncio.Event) -> None:
    """
    Scan, and serve the readings, until `stop` is set.

    Raises a ScannerError if a scan fails; a ConfigError if the port can't be used, or the library for decryption is
    missing.
    """
    with Notifier(log) as notifier:
        cycle = ScanCycle(config, radio, log, notifier=notifier, state_folder=state_folder())
        process = ProcessMetrics(cycle.counts.clock)
        collectors = {"readings": cycle.readings, "exporter": cycle.counts, "process": process}
        errors = HttpErrors(log, cycle.counts.http_errors)
        app = create_app(config, cycle.tracker, collectors, cycle.liveness, cycle.status, errors=errors)
        server = HttpServer(app, errors, _STOP_HTTP_S)
        try:
            await _run(config, cycle, server, stop, notifier=notifier, log=log)
        finally:
            cycle.replay_state.save()
            await server.close()


async def _run(
    config: AppConfig,
    cycle: ScanCycle,
    server: HttpServer,
    stop: asyncio.Event,
    *,
    notifier: Notifier,
    log: logging.Logger,
) -> None:
    async with Tasks(cancel_again_s=_STOP_SCAN_S) as tasks:
        tasks.start(feed_watchdog(notifier, cycle.liveness.stalled, log))
        tasks.start(cycle.replay_state.keep())
        await _listen(server, config, log)
        try:
            await tasks.wait(tasks.start(cycle.run()), tasks.start(stop.wait()))
        finally:
            notifier.notify(STOPPING)
        log.info("stopping")
        try:
            await tasks.end()
        except ExporterError as error:
            # When the machine shuts down, Bluetooth may stop first, which is not a failure of this program.
            log.warning("while stopping: %s", error)


async def _listen(server: HttpServer, config: AppConfig, log: logging.Logger) -> None:
    address, port = config.listen_address, config.listen_port
    try:
        await server.listen(address, port)
    except OSError as error:
        raise listen_error(error, address, port) from error
    shown = f"[{address}]" if address and ":" in address else address or "localhost"
    url = f"http://{shown}:{port}"
    everywhere = "" if address else "; on every address of this machine"
    log.info("serving on %s/metrics for Prometheus, and on %s for people%s", url, url, everywhere)


def listen_error(error: OSError, address: str | None, port: int) -> ConfigError:
    """Return the error, with a hint, for a server that can't listen on an address (None: every address) and a port."""
    if error.errno == errno.EADDRINUSE:
        hint = "end the program that uses it (`ss -ltnp` shows it), or set another port"
        return ConfigError(f"port {port} is in use", hint, key="listen_port")
    if error.errno == errno.EACCES:
        return ConfigError(f"this user may not listen on port {port}", "set a port above 1023", key="listen_port")
    # Since Python 3.13, asyncio's error for an address that it can't bind to has no errno.
    if error.errno in (errno.EADDRNOTAVAIL, None):
        problem, hint = f"{address} is not an address of this machine", "`ip address` shows its addresses"
    else:
        problem, hint = f"can't listen on {address} ({os.strerror(error.errno)})", "`ip address` shows others"
    return ConfigError(problem, hint, key="listen_address")
