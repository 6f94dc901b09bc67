"""
The service: scan, keep, serve. The one place where tasks are started and ended.

An advertisement goes straight down, once: the radio delivers it to Pipeline.handle, a plain synchronous call that ends
in the store of readings. A scrape reads the store.
"""

import asyncio
import errno
import logging
import os
import time
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from ble_exporter import systemd
from ble_exporter.authenticity import Guard
from ble_exporter.ciphers import ciphers_of
from ble_exporter.config import AppConfig
from ble_exporter.errors import ConfigError, ScannerError
from ble_exporter.exporter import StatusTracker, create_app, http_log
from ble_exporter.metrics import Readings
from ble_exporter.pipeline import Pipeline
from ble_exporter.progress import Progress
from ble_exporter.roster import Roster
from ble_exporter.scanner.listening import Radio, listening
from ble_exporter.self_metrics import SelfMetrics

# On SIGTERM all is over within a second: so long a scan may take to stop, and so long a request to end.
_STOP_SCAN_S = 0.6
_STOP_HTTP_S = 0.2


class ScanCycle:
    """
    The scans: one each interval, on the monotonic clock, so that they do not drift.

    Args:
        config: Interval, duration, and the devices to miss.
        radio: What hears the advertisements.
        log: Where each scan is logged.
        clock: Gives the seconds since the Unix epoch.

    Raises:
        ConfigError: A device has a key, and there is nothing to decrypt with.
    """

    def __init__(
        self,
        config: AppConfig,
        radio: Radio,
        log: logging.Logger,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._is_continuous = config.scan_duration_seconds >= config.scan_interval_seconds
        pause_s = 0.0 if self._is_continuous else config.scan_interval_seconds
        self.readings = Readings(config.stale_after_seconds, _seconds_since_boot, pause_s)
        self.counts = SelfMetrics(radio.adapters)
        self.tracker = StatusTracker(config.scan_interval_seconds, config.scan_duration_seconds)
        self.progress = Progress(
            config.scan_interval_seconds, config.scan_duration_seconds, radios=max(1, len(config.adapters))
        )
        self._config = config
        self._radio = radio
        self.roster = Roster(config.devices, self.readings, _seconds_since_boot, pause_s)
        self._pipeline = Pipeline(
            config.devices,
            self.readings,
            self.counts,
            log,
            ciphers=ciphers_of(config.keys),
            guard=Guard(_seconds_since_boot, pause_s),
            roster=self.roster,
        )
        self._log = log
        self._clock = clock
        self._is_over = False
        self._began = 0.0
        self._received_before = self._unknown_before = 0

    async def run(self) -> None:
        """
        Scan until cancelled.

        Raises:
            ScannerError: A scan failed.
        """
        try:
            await (self._scan_without_pause() if self._is_continuous else self._scan_with_pauses())
        except ScannerError:
            self.counts.scan_failures += 1
            raise

    async def _scan_with_pauses(self) -> None:
        now = asyncio.get_running_loop().time
        due = now()
        while True:
            self._begin_scan()
            async with listening(self._radio, self._pipeline, self._listens) as ear:
                more_can_come = await ear.last(self._config.scan_duration_seconds)
            self._end_scan(more_can_come)
            # A scan that took longer than the interval is followed by the next at once.
            due = max(due + self._config.scan_interval_seconds, now())
            await asyncio.sleep(due - now())

    async def _scan_without_pause(self) -> None:
        """Let the radio listen all the time: a scan is the time from one look at what was heard to the next."""
        now = asyncio.get_running_loop().time
        interval_s = self._config.scan_interval_seconds
        self._begin_scan()
        async with listening(self._radio, self._pipeline, self._listens) as ear:
            due = now() + interval_s
            while True:
                more_can_come = await ear.last(due - now())
                self._end_scan(more_can_come)
                if not more_can_come:
                    await asyncio.sleep(due - now())
                self._begin_scan()
                # Where the machine stood still, a whole scan follows: in a rest of one little could be heard.
                due = due + interval_s if now() < due + interval_s / 2 else now() + interval_s

    def _begin_scan(self) -> None:
        counts = self.counts
        self._began = asyncio.get_running_loop().time()
        self._received_before, self._unknown_before = counts.received, counts.unknown_device
        counts.scans += 1
        self.readings.begin_scan()
        self._pipeline.rejected.clear()

    def _end_scan(self, more_can_come: bool) -> None:
        counts = self.counts
        heard = self.readings.end_scan()
        self.progress.scan_ended()
        counts.last_scan_timestamp = self._clock()
        counts.last_scan_duration = asyncio.get_running_loop().time() - self._began
        self.tracker.last_scan_timestamp = int(counts.last_scan_timestamp)
        self.tracker.devices_seen = len(heard)
        devices = f"heard {len(heard)} of {len(self._config.devices)} devices{self._missed(heard)}"
        received = counts.received - self._received_before
        unknown = counts.unknown_device - self._unknown_before
        words = f"scan {counts.scans}: {devices}; {received} advertisements, {unknown} of them from unknown devices"
        self._log.info("%s", words)
        systemd.notify_status(words)
        if not more_can_come and not self._is_over:
            self._is_over = True
            self._log.warning("the capture is over: nothing more will be heard")

    def _listens(self) -> None:
        self.progress.scan_started()
        if self.counts.scans == 1:
            systemd.notify(systemd.READY)

    def _missed(self, heard: list[str]) -> str:
        """Return the devices that were not heard, in words, and why where that is known."""
        missed = [name for name in self._config.devices.values() if name not in heard]
        rejected = self._pipeline.rejected
        names = [f"{name} (rejected: {rejected[name]})" if name in rejected else name for name in missed]
        return f", not {', '.join(names)}" if names else ""


def _seconds_since_boot() -> float:
    """Return monotonic seconds that go on while the machine sleeps, where it can tell: a value ages then, too."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


async def serve(config: AppConfig, radio: Radio, log: logging.Logger, stop: asyncio.Event) -> None:
    """
    Scan, and serve the readings, until `stop` is set.

    Raises:
        ConfigError: The port can't be listened on, or there is a key and nothing to decrypt with.
        ScannerError: A scan failed.
    """
    cycle = ScanCycle(config, radio, log)
    collectors = {"readings": cycle.readings, "exporter": cycle.counts, "process": _process_metrics()}
    app = create_app(config, cycle.tracker, collectors, cycle.progress, cycle.roster)
    runner = web.AppRunner(app, access_log=None, logger=http_log(log), shutdown_timeout=_STOP_HTTP_S)
    await runner.setup()
    feeding = asyncio.ensure_future(systemd.feed_watchdog(cycle.progress.stalled, log))
    try:
        await _listen(runner, config, log)
        scanning = asyncio.ensure_future(cycle.run())
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait({scanning, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        systemd.notify(systemd.STOPPING)
        if scanning.done():
            scanning.result()
        log.info("stopping")
        scanning.cancel()
        await asyncio.wait({scanning}, timeout=_STOP_SCAN_S)
        if scanning.done() and not scanning.cancelled():
            # At the machine's shutdown Bluetooth may have gone before us: no failure of ours.
            log.warning("while stopping: %s", scanning.exception())
    finally:
        feeding.cancel()
        await runner.cleanup()


async def _listen(runner: web.AppRunner, config: AppConfig, log: logging.Logger) -> None:
    address, port = config.listen_address, config.listen_port
    try:
        await web.TCPSite(runner, address, port).start()
    except OSError as error:
        raise ConfigError(listen_problem(error, address, port)) from error
    shown = f"[{address}]" if address and ":" in address else address or "localhost"
    where = f"http://{shown}:{port}"
    everywhere = "" if address else "; on every address of this machine"
    log.info("serving on %s/metrics for Prometheus, and on %s for people%s", where, where, everywhere)


def listen_problem(error: OSError, address: str | None, port: int) -> str:
    """Return why an address (None is every one) and port can't be listened on, in words, and what is to be done."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"listen_port: port {port} is in use: end the program that uses it (`ss -ltnp` shows it), "
            "or set another port"
        )
    if error.errno == errno.EACCES:
        return f"listen_port: this user may not listen on port {port}: set one above 1023"
    # asyncio of Python 3.13 says without an errno that it could bind to no address.
    if error.errno in (errno.EADDRNOTAVAIL, None):
        return f"listen_address: {address} is not an address of this machine: `ip address` shows those"
    return f"listen_address: {address} can't be listened on ({os.strerror(error.errno)}): `ip address` shows others"


def _process_metrics() -> CollectorRegistry:
    """Return the usual metrics of a Python process: CPU, memory, file descriptors, garbage collection."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
