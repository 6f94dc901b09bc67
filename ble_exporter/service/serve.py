"""Wires the service together: the scans, the HTTP server, systemd's watchdog, and an orderly shutdown."""

import asyncio
import logging
import socket
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING

from ble_exporter.config.app_config import AppConfig
from ble_exporter.device.clock import Clock
from ble_exporter.errors import ExporterError, PortError
from ble_exporter.exporter.answers import CatchUp
from ble_exporter.exporter.app import create_app
from ble_exporter.exporter.connections import HttpServer
from ble_exporter.exporter.hosts import Hosts
from ble_exporter.exporter.http_errors import HttpErrors
from ble_exporter.metrics.process_metrics import ProcessMetrics
from ble_exporter.scanner.radio import Radio
from ble_exporter.service.reload import Reload, ReloadSource
from ble_exporter.service.replay_state import state_folder
from ble_exporter.service.scan_cycle import ScanCycle
from ble_exporter.service.systemd import STOPPING, Notifier, feed_watchdog
from ble_exporter.system.port import DEFAULT_OPTIONS, LISTEN_OPTION, Endpoint, WebOptions, passed_ports
from ble_exporter.tasks import Tasks
from ble_exporter.utils import in_words

if TYPE_CHECKING:
    from ble_exporter.exporter.web_file import WebFile

# Time limits for stopping the scan and for open HTTP requests, so that the process ends within a second of SIGTERM.
_STOP_SCAN_S = 0.6
_STOP_HTTP_S = 0.2

PATIENCE_S = 120.0
"""How long to retry opening the port, in seconds: an address may be assigned late, or a port released late."""
_TRY_PORT_AGAIN_S = 2.0


async def serve(
    config: AppConfig,
    radio: Radio,
    log: logging.Logger,
    stop: asyncio.Event,
    *,
    clock: Clock | None = None,
    reload_from: ReloadSource | None = None,
    web: WebOptions = DEFAULT_OPTIONS,
    patience_s: float = PATIENCE_S,
) -> None:
    """
    Scan, and serve the readings, until `stop` is set. `clock` gives the times of readings.

    Without `reload_from`, the configuration is never reloaded.

    Raises a ScannerError if a scan fails; a PortError if the port still can't be opened after `patience_s` seconds; a
    ConfigError if it can never be opened, if the web configuration has errors, or if the library for decryption is
    missing.
    """
    passed = passed_ports() if web.is_activated else []
    with Notifier(log) as notifier:
        cycle = ScanCycle(config, radio, log, clock, notifier, state_folder=state_folder())
        source = reload_from or ReloadSource(lambda: config, asyncio.Event())
        reload, server = _build(config, cycle, source, web, notifier=notifier, log=log, catch_up=radio.catch_up)
        try:
            listening = [
                _listen(server, endpoint, web, notifier=notifier, log=log, patience_s=patience_s)
                for endpoint in (
                    [] if passed else web.endpoints or [Endpoint(config.listen_address, config.listen_port)]
                )
            ]
            for opened in passed:
                await server.listen_on(opened)
                if opened.family == socket.AF_UNIX:
                    log.info("serving on unix:%s, for a proxy on this machine", opened.getsockname())
                else:
                    _log_serving(Endpoint(*opened.getsockname()[:2]), web, log, is_encrypted=server.is_encrypted)
            await _run(cycle, [*listening, reload.run()], stop, notifier=notifier, log=log)
        finally:
            cycle.replay_state.save()
            await server.close()


def _build(
    config: AppConfig,
    cycle: ScanCycle,
    source: ReloadSource,
    web: WebOptions,
    *,
    notifier: Notifier,
    log: logging.Logger,
    catch_up: CatchUp,
) -> tuple[Reload, HttpServer]:
    """Return the object that reloads the configuration, and the HTTP server."""
    web_file = None
    if web.config_file:
        # Without a web configuration, its modules would take memory for nothing.
        from ble_exporter.exporter.web_file import WebFile  # noqa: PLC0415

        web_file = WebFile(web.config_file, log)
        source = _also_checking(web_file, source)
    errors, hosts = HttpErrors(log, cycle.counts.http_errors), Hosts(config.allowed_hosts)
    reload = Reload(config, source, cycle=cycle, hosts=hosts, log=log, notifier=notifier)
    collectors = {
        "readings": cycle.readings,
        "silences": cycle.silence_reasons,
        "labels": cycle.device_labels,
        "exporter": cycle.counts,
        "process": ProcessMetrics(cycle.counts.clock),
    }
    app = create_app(
        config,
        cycle.tracker,
        collectors,
        cycle.liveness,
        cycle.status,
        errors=errors,
        hosts=hosts,
        reload=reload.reload if source.is_served else None,
        catch_up=catch_up,
        web_file=web_file,
        options=web,
    )
    return reload, HttpServer(app, errors, _STOP_HTTP_S, web_file=web_file)


def _also_checking(web_file: "WebFile", source: ReloadSource) -> ReloadSource:
    """Return a source whose `load` also raises a ConfigError if the web configuration has errors or needs a restart."""

    def load() -> AppConfig:
        config = source.load()
        web_file.check()
        return config

    return source._replace(load=load)


async def _run(
    cycle: ScanCycle,
    others: Sequence[Coroutine[None, None, None]],
    stop: asyncio.Event,
    *,
    notifier: Notifier,
    log: logging.Logger,
) -> None:
    async with Tasks(cancel_again_s=_STOP_SCAN_S) as tasks:
        tasks.start(feed_watchdog(notifier, cycle.liveness.stalled, log))
        tasks.start(cycle.replay_state.keep())
        # The radio listens even before the port is open, so that the first scrape has readings.
        for other in others:
            tasks.start(other)
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


async def _listen(
    server: HttpServer,
    endpoint: Endpoint,
    web: WebOptions,
    *,
    notifier: Notifier,
    log: logging.Logger,
    patience_s: float,
) -> None:
    """
    Open a port; if that fails, keep trying.

    After `patience_s` seconds without any open port, raise the error.
    """
    address, port = endpoint
    now = asyncio.get_running_loop().time
    deadline = now() + patience_s
    is_waiting = False
    while True:
        try:
            await server.listen(address, port, LISTEN_OPTION if web.endpoints else "")
            break
        except PortError as error:
            if now() >= deadline and not server.ports:
                raise
            if not is_waiting:
                is_waiting = True
                limit = in_words(patience_s)
                what = f"nothing is served yet (trying for up to {limit})"
                if len(web.endpoints) > 1:
                    what = f"port {port} is not served yet (trying, but only for {limit} if no other port is served)"
                log.warning("%s: %s", what, error)
            # The end of a scan replaces this status, so each attempt sets it again.
            notifier.notify_status(f"waiting to serve: {error.problem}")
        # The system does not report when the port can be opened.
        await asyncio.sleep(_TRY_PORT_AGAIN_S)
    _log_serving(endpoint, web, log, is_encrypted=server.is_encrypted)


def _log_serving(endpoint: Endpoint, web: WebOptions, log: logging.Logger, *, is_encrypted: bool) -> None:
    address, port = endpoint
    is_everywhere = address in (None, "::", "0.0.0.0")  # noqa: S104 - compared, not opened
    shown = "localhost" if is_everywhere else f"[{address}]" if ":" in str(address) else address
    url = f"{'https' if is_encrypted else 'http'}://{shown}:{port}"
    family = "IPv4 " if address == "0.0.0.0" else ""  # noqa: S104
    everywhere = f"; on every {family}address of this machine" if is_everywhere else ""
    log.info("serving on %s%s for Prometheus, and on %s for people%s", url, web.telemetry_path, url, everywhere)
