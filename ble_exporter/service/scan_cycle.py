"""The scan cycle: begins and ends each scan, and reports how many devices were heard in it, and which were not."""

import asyncio
import gc
import logging
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from ble_exporter.config import AppConfig
from ble_exporter.device import Device
from ble_exporter.device.clock import Clock
from ble_exporter.device.listening import NOTE_S, Listening
from ble_exporter.device.silences import Silences
from ble_exporter.errors import ScannerError
from ble_exporter.exporter import StatusTracker
from ble_exporter.formats.ciphers import ciphers_of
from ble_exporter.logger import log_losses
from ble_exporter.metrics.device_labels import DeviceLabels
from ble_exporter.metrics.readings import Readings
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.metrics.silence_reasons import SilenceReasons
from ble_exporter.pipeline import Pipeline, build_devices
from ble_exporter.scanner.radio import Radio
from ble_exporter.scanner.session import listening
from ble_exporter.service.replay_state import ReplayState
from ble_exporter.service.scan_log import ScanLog
from ble_exporter.service.systemd import READY, Notifier
from ble_exporter.status.device_status import DeviceStatus
from ble_exporter.status.liveness import Liveness
from ble_exporter.tasks import Tasks, next_tick
from ble_exporter.utils import number_of

# With thousands of devices out of range, longer lines would displace all other lines of the rotated log within minutes.
_MOST_NAMES = 20


class ScanCycle:
    """
    Runs one scan per interval. The scans follow the monotonic clock without drifting.

    `clock` gives the times of readings; the event loop's clock times the scans and the pauses. Without a `notifier`,
    nothing is sent to systemd. `state_folder` is the folder for the replay guards' state; without it, no state is kept.
    Raises a ConfigError if a device has a key, but the library for decryption is not installed.

    Attributes:
        has_started: Whether the radio has begun to listen.
    """

    def __init__(
        self,
        config: AppConfig,
        radio: Radio,
        log: logging.Logger,
        clock: Clock | None = None,
        notifier: Notifier | None = None,
        *,
        state_folder: Path | None = None,
    ) -> None:
        self._clock = clock or Clock()
        self.counts = SelfMetrics(radio.adapters, self._clock, log_losses(log), radio.lost_events, radio.adapter_resets)
        self.counts.has_reloaded = not config.backup
        self.counts.scan_interval_s = config.scan_interval_seconds
        self.replay_state = ReplayState(state_folder, config.keys, self.counts, log, clock=self._clock)
        self.devices = build_devices(config, self._clock.now, self.replay_state.guard)
        self.readings = Readings(self.devices.values(), self._clock)
        self.device_labels = DeviceLabels(self.devices.values())
        self.tracker = StatusTracker(config.scan_interval_seconds, config.scan_duration_seconds, clock=self._clock)
        interval_s = 0.0 if config.is_continuous else config.scan_interval_seconds
        self._pipeline = Pipeline(self.devices, self.counts, log, self._clock.now)
        self._listening = Listening(self._clock.now())
        share = min(1.0, config.scan_duration_seconds / config.scan_interval_seconds)
        silences = Silences(self.devices.values(), self._clock, interval_s, share, self._listening)
        self.silence_reasons = SilenceReasons(silences)
        self.status = DeviceStatus(
            self.devices.values(), self._clock, interval_s, self._pipeline.rejections, silences=silences
        )
        self.liveness = _liveness(config, radio, self.status)
        self._config = config
        self._radio = radio
        self._log = log
        self._scan_log = ScanLog(self.devices.values(), log)
        self._notifier = notifier or Notifier(log, "")
        self.has_started = False
        self._is_over = self._is_listening = False
        self._began = self._began_s = 0.0
        self._received_before = self._unknown_before = 0

    def configure(self, config: AppConfig) -> None:
        """
        Use the devices of another configuration with the same scan and radio settings, without a pause in listening.

        A device whose address is in both configurations keeps everything that was heard from it. Raises a ConfigError
        if a device has a key, but the library for decryption is not installed; then nothing is changed.
        """
        ciphers_of(config.keys)
        self.replay_state.use_keys(config.keys)
        devices = build_devices(config, self._clock.now, self.replay_state.guard, self.devices)
        before = self._config
        for address, device in devices.items():
            if any(one.get(address) != other.get(address) for one, other in _verdicts(before, config)):
                # A refusal or a warning because of the previous key or address type may not apply to the new one.
                device.refusal, device.warnings = None, frozenset()
        # Changed in place, because the pipeline and the status hold references to this dictionary.
        self.devices.clear()
        self.devices.update(devices)
        self._pipeline.devices_changed()
        self.readings.collect_from(devices.values())
        self.device_labels.devices_changed()
        self._config = config

    async def run(self) -> None:
        """Scan until cancelled. Raises ScannerError when a scan fails."""
        async with Tasks() as tasks:
            tasks.start(self._keep_noting_listening())
            try:
                await (self._scan_without_pause() if self._config.is_continuous else self._scan_with_pauses())
            except ScannerError:
                self.counts.scan_failures += 1
                raise

    async def _keep_noting_listening(self) -> None:
        while True:
            self._note_adapters()
            await next_tick(NOTE_S)

    def _note_adapters(self, *, is_listening: bool | None = None) -> None:
        """Note which adapters listen from now on. If `is_listening` is None, only note which adapters work now."""
        if is_listening is not None:
            self._is_listening = is_listening
        works = self._radio.adapters
        adapters = [name for name in works if works[name]] if works else [""]
        self._listening.note(self._clock.now(), adapters if self._is_listening else (), self.counts.unknown_device)

    async def _scan_with_pauses(self) -> None:
        now = asyncio.get_running_loop().time
        due = now()
        while True:
            self._begin_scan()
            async with listening(self._radio, self._pipeline) as wait:
                self._note_listening()
                more_can_come = await wait(self._config.scan_duration_seconds)
                self._note_adapters(is_listening=False)
            self._end_scan(more_can_come)
            # If a scan took longer than the interval, the next one follows immediately.
            due = max(due + self._config.scan_interval_seconds, now())
            await asyncio.sleep(due - now())

    async def _scan_without_pause(self) -> None:
        """Keep the radio listening; each interval counts as a scan, and ends with a summary of the devices heard."""
        now = asyncio.get_running_loop().time
        interval_s = self._config.scan_interval_seconds
        self._begin_scan()
        async with listening(self._radio, self._pipeline) as wait:
            self._note_listening()
            due = now() + interval_s
            while True:
                more_can_come = await wait(due - now())
                self._radio.catch_up()
                self._note_adapters(is_listening=more_can_come)
                self._end_scan(more_can_come)
                if not more_can_come:
                    await asyncio.sleep(due - now())
                self._begin_scan()
                # If the machine has stalled, start a scan of full length: the rest of this interval is too short to
                # hear much.
                due = due + interval_s if now() < due + interval_s / 2 else now() + interval_s

    def _begin_scan(self) -> None:
        self._began = asyncio.get_running_loop().time()
        self._began_s = self._clock.now()
        self._received_before, self._unknown_before = self.counts.received, self.counts.unknown_device
        self.counts.scans += 1

    def _note_listening(self) -> None:
        self._note_adapters(is_listening=True)
        self.liveness.scan_started()
        if not self.has_started:
            self.has_started = True
            self._notifier.notify(READY)

    def _end_scan(self, more_can_come: bool) -> None:
        counts = self.counts
        for device in self.devices.values():
            if device.lifetime.ends_with_scan:
                device.expire_unheard_since(self._began_s)
        devices = self.devices.values()
        missed = [device for device in devices if device.heard_s is None or device.heard_s < self._began_s]
        heard_count = len(devices) - len(missed)
        self.liveness.scan_ended()
        counts.last_scan_s = self.tracker.last_scan_s = self._clock.now()
        counts.last_scan_duration = asyncio.get_running_loop().time() - self._began
        self.tracker.devices_seen = heard_count
        names = [self._name_and_refusal(device) for device in missed[:_MOST_NAMES]]
        if len(missed) > len(names):
            names.append(f"and {len(missed) - len(names)} more")
        received = counts.received - self._received_before
        unknown = counts.unknown_device - self._unknown_before
        without = f", not {', '.join(names)}" if names else ""
        words = (
            f"scan {counts.scans}: heard {heard_count} of {number_of(len(devices), 'device')}{without}; "
            f"{number_of(received, 'advertisement')}, {unknown} of them from unknown devices"
        )
        self._scan_log.scan_ended(words, self._clock.now())
        self._notifier.notify_status(words)
        if counts.scans == 1:
            # The devices' objects stay in memory. A garbage collection that traversed all of them would block the event
            # loop for too long.
            gc.freeze()
        if not more_can_come and not self._is_over:
            self._is_over = True
            self._log.warning("the capture has ended: no more advertisements will be heard")

    def _name_and_refusal(self, device: Device) -> str:
        """Return a device's name and, if an advertisement was rejected in this scan, the reason."""
        reason, refused_s = device.refusal or ("", -math.inf)
        return f"{device.name} (rejected: {reason})" if refused_s >= self._began_s else device.name


def _verdicts(before: AppConfig, after: AppConfig) -> Iterator[tuple[Mapping[str, object], Mapping[str, object]]]:
    """Yield the old and the new values, by address, of each setting that decides whether packets are refused."""
    yield before.keys, after.keys
    yield before.address_types, after.address_types


def _liveness(config: AppConfig, radio: Radio, status: DeviceStatus) -> Liveness:
    return Liveness(
        config.scan_interval_seconds,
        config.scan_duration_seconds,
        radios=max(1, len(config.adapters)),
        doubts=(lambda: radio.silence, status.overdue),
        is_pausing=lambda: radio.is_resetting,
    )
