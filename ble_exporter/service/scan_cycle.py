"""The scans: when each begins and ends, and what it has heard."""

import asyncio
import logging
import time
from collections.abc import Callable

from ble_exporter.config import AppConfig
from ble_exporter.device.replay import Guard
from ble_exporter.errors import ScannerError
from ble_exporter.exporter import StatusTracker
from ble_exporter.formats.ciphers import ciphers_of
from ble_exporter.metrics.readings import Readings
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.pipeline import Pipeline
from ble_exporter.scanner.radio import Radio
from ble_exporter.scanner.session import listening
from ble_exporter.service import systemd
from ble_exporter.status.device_status import Roster
from ble_exporter.status.liveness import Progress


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
