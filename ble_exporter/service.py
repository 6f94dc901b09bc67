"""
The service: scan, decode, keep, serve. The one place where tasks are started and ended.

An advertisement goes straight down, once: the scanner delivers it to Pipeline.handle, a plain synchronous call that
ends in the store of readings. A scrape reads the store.
"""

import asyncio
import errno
import logging
import os
import time
from collections.abc import Callable, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from ble_exporter.config import AppConfig
from ble_exporter.errors import ConfigError, DecodeError, RejectReason, ScannerError
from ble_exporter.exporter import StatusTracker, create_app
from ble_exporter.metrics import Readings
from ble_exporter.model import Advertisement, Reading
from ble_exporter.parser import decode
from ble_exporter.scanner.listening import AbstractScanner, run_for
from ble_exporter.self_metrics import SelfMetrics

# On SIGTERM all is over within a second: so long a scan may take to stop, and so long a request to end.
_STOP_SCAN_S = 0.6
_STOP_HTTP_S = 0.2


class Pipeline:
    """
    The way of one advertisement: known device? sound? then into the store, and counted in any case.

    Args:
        devices: Address (upper case) to name of the configured devices.
        readings: The store.
        counts: Where each advertisement is counted.
        log: Where devices and rejections are logged.
    """

    def __init__(
        self, devices: Mapping[str, str], readings: Readings, counts: SelfMetrics, log: logging.Logger
    ) -> None:
        self._devices = {address.upper(): name for address, name in devices.items()}
        self._readings = readings
        self._counts = counts
        self._log = log
        self._met: set[str] = set()
        self._rejected: set[tuple[str, RejectReason]] = set()

    def handle(self, advertisement: Advertisement) -> None:
        """Take in one advertisement."""
        counts = self._counts
        counts.received += 1
        device = self._devices.get(advertisement.address)
        if device is None:
            counts.unknown_device += 1
            return
        try:
            reading = decode(advertisement, device)
        except DecodeError as error:
            counts.rejected[error.reason] += 1
            self._log_rejection(advertisement, device, error)
            return
        counts.decoded += 1
        self._readings.update(reading)
        if device not in self._met:
            self._met.add(device)
            self._log.info("heard %s (%s) for the first time: %s", device, advertisement.address, _in_words(reading))

    def _log_rejection(self, advertisement: Advertisement, device: str, error: DecodeError) -> None:
        # Once for each device and reason: a sensor that is set up wrongly sends 35,000 packets a day.
        known = (device, error.reason) in self._rejected
        self._rejected.add((device, error.reason))
        self._log.log(
            logging.DEBUG if known else logging.WARNING,
            "rejected an advertisement of %s (%s): %s: %s",
            device,
            advertisement.address,
            error.reason,
            error,
        )


def _in_words(reading: Reading) -> str:
    values = [f"{name} {value:g}" for name, value in reading.measurements.items()]
    return ", ".join([*values, f"RSSI {reading.rssi} dBm"])


class ScanCycle:
    """
    The scans: one each interval, on the monotonic clock, so that they do not drift.

    Args:
        config: Interval, duration, and the devices to miss.
        scanner: The radio.
        log: Where each scan is logged.
        clock: Gives the seconds since the Unix epoch.
    """

    def __init__(
        self,
        config: AppConfig,
        scanner: AbstractScanner,
        log: logging.Logger,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.readings = Readings()
        self.counts = SelfMetrics()
        self.tracker = StatusTracker(config.scan_interval_seconds, config.scan_duration_seconds)
        self._config = config
        self._scanner = scanner
        self._pipeline = Pipeline(config.devices, self.readings, self.counts, log)
        self._log = log
        self._clock = clock

    async def run(self) -> None:
        """
        Scan until cancelled.

        Raises:
            ScannerError: A scan failed.
        """
        now = asyncio.get_running_loop().time
        due = now()
        while True:
            await self._scan()
            # A scan that took longer than the interval is followed by the next at once.
            due = max(due + self._config.scan_interval_seconds, now())
            await asyncio.sleep(due - now())

    async def _scan(self) -> None:
        now = asyncio.get_running_loop().time
        counts, began = self.counts, now()
        received, unknown = counts.received, counts.unknown_device
        counts.scans += 1
        self.readings.begin_scan()
        try:
            await run_for(self._scanner, self._pipeline.handle, self._config.scan_duration_seconds)
        except ScannerError:
            counts.scan_failures += 1
            raise
        heard = self.readings.end_scan()
        counts.last_scan_timestamp = self._clock()
        counts.last_scan_duration = now() - began
        self.tracker.last_scan_timestamp = int(counts.last_scan_timestamp)
        self.tracker.devices_seen = len(heard)
        missed = [name for name in self._config.devices.values() if name not in heard]
        self._log.info(
            "scan %d: heard %d of %d devices%s; %d advertisements, %d of them from unknown devices",
            counts.scans,
            len(heard),
            len(self._config.devices),
            f", not {', '.join(missed)}" if missed else "",
            counts.received - received,
            counts.unknown_device - unknown,
        )


async def serve(config: AppConfig, scanner: AbstractScanner, log: logging.Logger, stop: asyncio.Event) -> None:
    """
    Scan, and serve the readings, until `stop` is set.

    Raises:
        ConfigError: The port can't be listened on.
        ScannerError: A scan failed.
    """
    cycle = ScanCycle(config, scanner, log)
    collectors = {"readings": cycle.readings, "exporter": cycle.counts, "process": _process_metrics()}
    app = create_app(config, cycle.tracker, collectors)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_HTTP_S)
    await runner.setup()
    try:
        await _listen(runner, config, log)
        scanning = asyncio.ensure_future(cycle.run())
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait({scanning, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if scanning.done():
            scanning.result()
        log.info("stopping")
        scanning.cancel()
        await asyncio.wait({scanning}, timeout=_STOP_SCAN_S)
        if scanning.done() and not scanning.cancelled():
            # At the machine's shutdown Bluetooth may have gone before us: no failure of ours.
            log.warning("while stopping: %s", scanning.exception())
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, config: AppConfig, log: logging.Logger) -> None:
    address, port = config.listen_address, config.listen_port
    try:
        await web.TCPSite(runner, address, port).start()
    except OSError as error:
        # asyncio of Python 3.13 says that it could bind to no address without an errno.
        if error.errno in (errno.EADDRNOTAVAIL, None):
            problem = f"listen_address: {address} is not an address of this machine: `ip address` shows those"
        elif error.errno == errno.EACCES:
            problem = f"listen_port: this user may not listen on port {port}: set one above 1023"
        else:
            problem = (
                f"listen_port: port {port} can't be listened on ({os.strerror(error.errno)}): end the program "
                "that uses it (`ss -ltnp` shows it), or set another port"
            )
        raise ConfigError(problem) from error
    shown = f"[{address}]" if address and ":" in address else address or "localhost"
    log.info("serving on http://%s:%d/metrics", shown, port)


def _process_metrics() -> CollectorRegistry:
    """Return the usual metrics of a Python process: CPU, memory, file descriptors, garbage collection."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
