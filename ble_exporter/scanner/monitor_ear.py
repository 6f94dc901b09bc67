"""
The ear that hears everything: it reads the kernel's monitor channel, while bluetoothd keeps the adapter scanning.

In an active scan, bluetoothd gets a discovery filter that no advertisement passes. Unless another program scans too,
the kernel then reports no advertisement to bluetoothd, and neither bluetoothd nor D-Bus spends time on those that this
program reads from the kernel. A passive scan has no such filter. ADR 31 has the figures.
"""

import asyncio
import logging
import uuid
import weakref
from collections.abc import Callable

from ble_exporter.config.app_config import ScanMode
from ble_exporter.device.clock import seconds_since_boot
from ble_exporter.errors import ScannerError
from ble_exporter.model import Batch
from ble_exporter.scanner import hints
from ble_exporter.scanner.bluez_dbus import Adapter, Bluez
from ble_exporter.scanner.burst_alarm import BurstAlarm
from ble_exporter.scanner.ear import Hearing
from ble_exporter.scanner.monitor_socket import MOST_FRAMES, MonitorSocket, SocketOpener
from ble_exporter.scanner.reception import Reception
from ble_exporter.scanner.scan_mode import resolve_scan_mode

# Waking up takes more CPU time than reading, so packets are read in batches. After a batch with many frames, the next
# pause is shorter, so that the socket's buffer, which has room for 555 frames, does not fill up, even if the machine is
# busy. Before the rate is known, the pause must suit a high rate.
_SHORTER_FROM, _LONGER_BELOW = 128, 64
"""The numbers of frames in a batch from which the next one is shorter, and below which it is longer."""

BATCH_S = 1.0
"""The longest batch, in seconds, if somebody watches the packets arrive."""

LONG_BATCH_S = 5.0
"""The longest batch if `catch_up` ends it when needed. The watchdog's checks wake the process as often."""

_FIRST_BATCH_S = BATCH_S / 4

SHARED_BATCH_S = _FIRST_BATCH_S
"""
The longest batch if several adapters listen.

Each adapter's batch is delivered as a whole, so the copies of a packet are up to a batch apart, with newer packets
between them. The longer the batch, the more copies are mistaken for new packets, and their events counted twice.
"""

_SHORTEST_BATCH_S = BATCH_S / 128

# The maximum number of full reads in one call of `catch_up`, so that a burst of packets can't delay an answer for long.
_MOST_READS = 6

# In dBm: no received signal is this strong.
_TOO_STRONG_DBM = 20

_log = logging.getLogger(__name__)


class MonitorEar:
    """
    Hears with a socket on the monitor channel; see `Ear`.

    Args:
        open_socket: Opens the channel for a controller.
        longest_batch_s: The longest time between two readings, in seconds: one of the constants above.
        boot: Returns monotonic seconds, which include the time during which the machine was asleep.
    """

    only_thermometers = False

    def __init__(
        self,
        open_socket: SocketOpener,
        longest_batch_s: float = BATCH_S,
        boot: Callable[[], float] = seconds_since_boot,
    ) -> None:
        self.is_passive = False
        self._open_socket = open_socket
        self._longest_batch_s = longest_batch_s
        self._boot = boot
        self._names: dict[str, str] = {}
        self._has_lost = False
        # These are set by each run.
        self._bluez: Bluez
        self._adapter: str
        self._hearing: Hearing
        self._has_monitor: bool
        self._reception: Reception
        self._is_running = False
        self._socket: MonitorSocket | None = None
        self._controller = -1
        self._closes_channel: Callable[[], object] | None = None
        self._lost_before = 0
        self._frames = 0
        self._read_at = 0.0

    async def connect(self) -> None:
        """Do nothing: this ear does not read bluetoothd's devices."""

    async def prepare(self, bluez: Bluez, adapter: Adapter, mode: ScanMode, hearing: Hearing) -> str:
        """Open the channel, and resolve the scan mode."""
        self._bluez, self._adapter, self._hearing = bluez, adapter.name, hearing
        try:
            await self._open(int(adapter.name.removeprefix("hci")))
        except OSError as error:
            raise ScannerError(*hints.no_monitor(error)) from error
        self._reception = Reception(adapter.name, hearing.listener, self._names)
        self._read_at = self._boot()
        settings = await resolve_scan_mode(mode, adapter, bluez)
        self.is_passive, self._has_monitor = settings.mode == "passive", settings.has_monitor
        return f"{settings.description}; packets come from the kernel's monitor channel"

    async def start(self, *, ignores_patterns: bool = False) -> None:  # noqa: ARG002 - no filter applies to this ear
        """Make bluetoothd scan actively. A passive scan runs as long as the monitor is registered."""
        if self.is_passive:
            return
        # If the controller is known to filter duplicates by address (the kernel's quirk "strict duplicate filter"), the
        # kernel restarts the scan after each packet with a UUID of bluetoothd's filter (or after any packet, if the
        # filter has no UUID), whatever the packet's RSSI. A restart clears the controller's filter, but also enables
        # it. Without a monitor, only a restart makes the controller report a sender again. With a monitor, the
        # controller's filter is off and must stay off, so a UUID that no sender advertises prevents the restarts.
        service = str(uuid.uuid4()) if self._has_monitor else None
        await self._bluez.start_discovery(self._adapter, least_dbm=_TOO_STRONG_DBM, service=service)

    async def stop(self) -> None:
        """Make bluetoothd stop the active scan, and deliver what was received until then."""
        try:
            if not self.is_passive:
                await self._bluez.stop_discovery(self._adapter)
        finally:
            while self._read():
                pass

    def catch_up(self) -> None:
        """
        Deliver what was received in the current batch; `run` delivers the rest of a burst.

        In a pause between two scans, do nothing: packets of other programs' scans do not count (see `_open`).
        """
        for _ in range(_MOST_READS if self._is_running else 0):
            if not self._read():
                break

    async def run(self) -> None:
        """Deliver the advertisements in batches."""
        assert self._socket is not None  # noqa: S101 - `prepare` has opened it
        alarm = self._socket.alarm
        pause_s = _FIRST_BATCH_S
        self._is_running = True
        try:
            while True:
                is_burst = await self._pause(pause_s, alarm)
                await self._read_all()
                # Frames that `catch_up` has read since the last batch count, too: they are part of the rate.
                frames, self._frames = self._frames, 0
                if is_burst and frames >= MOST_FRAMES:
                    pause_s = _FIRST_BATCH_S
                elif frames >= _SHORTER_FROM:
                    pause_s = max(pause_s / 2, _SHORTEST_BATCH_S)
                elif frames < _LONGER_BELOW:
                    pause_s = min(2 * pause_s, self._longest_batch_s)
        finally:
            self._is_running = False
            alarm.turn_off()

    async def _pause(self, pause_s: float, alarm: BurstAlarm) -> bool:
        """Wait for the end of the batch, or, during a long pause, for a burst of packets; return whether one came."""
        # Waiting for the socket instead would mean waking up for each packet.
        if pause_s > _FIRST_BATCH_S:
            return await alarm.tick_or_burst(pause_s)
        alarm.turn_off()
        # At a high rate, there is always work. A pause that a tick cuts short would say little about the rate.
        await asyncio.sleep(pause_s)
        return False

    def forget(self) -> None:
        """Close the channel."""
        if self._closes_channel is not None:
            self._closes_channel()
        self._socket = None

    async def _open(self, controller: int) -> None:
        """
        Open the channel of a controller, unless it is still open from the last run. Raises OSError.

        The channel is kept from run to run, because the start of a helper takes long.
        """
        if self._socket is not None and self._controller == controller:
            # Discard the packets since the last run: they are from scans of other programs.
            while self._socket.read():
                pass
        else:
            self.forget()
            self._socket = await self._open_socket(controller)
            self._closes_channel = weakref.finalize(self, self._socket.close)
            self._controller = controller
        self._lost_before = self._socket.lost

    async def _read_all(self) -> None:
        """Deliver all advertisements that wait in the socket."""
        while self._read():  # noqa: ASYNC110 - there is more to read, and nothing to wait for
            await asyncio.sleep(0)

    def _read(self) -> bool:
        """Deliver some of the advertisements that wait in the socket; return whether there may be more."""
        if self._socket is None:
            return False
        # No frame is older than the last reading that emptied the buffer, even if the clock was set in the meantime.
        # `boot` counts the time during which the machine was asleep, as the frames' ages do.
        now_s = self._boot()
        oldest_s = now_s - self._read_at
        try:
            frames = self._socket.read()
            self._frames += len(frames)
            is_empty = len(frames) < MOST_FRAMES
            # Frames are lost only if the buffer is full, and emptying a full buffer takes several full reads.
            lost = self._lost_before if is_empty else self._socket.lost
        except OSError as error:
            raise ScannerError(*hints.lost_monitor_channel(error), adapter=self._adapter) from error
        if is_empty:
            self._read_at = now_s
        if lost > self._lost_before:
            self._note_full(lost - self._lost_before)
            self._lost_before = lost
        batch = Batch()
        for event, age_s in frames:
            self._deliver(event, min(max(age_s, 0.0), oldest_s), batch)
        return not is_empty

    def _note_full(self, number: int) -> None:
        self._hearing.note_lost("buffer_full", number)
        level = logging.DEBUG if self._has_lost else logging.WARNING
        _log.log(level, "adapter %s: %s", self._adapter, hints.BUFFER_FULL, extra={"adapter": self._adapter})
        self._has_lost = True

    def _deliver(self, event: bytes, age_s: float, batch: Batch) -> None:
        """Deliver the advertisements in an event."""
        has_reports, fault = self._reception.deliver(event, age_s, batch)
        if fault:
            self._hearing.note_lost("invalid", 1)
            _log.debug("adapter %s: invalid event: %s", self._adapter, fault, extra={"adapter": self._adapter})
        if has_reports:
            self._hearing.note_heard()
