"""
The real radio: BlueZ over D-Bus, by bleak.

bleak keeps the radio scanning, and its callbacks are what is heard; `stack_watch` and `watchdog` find out when either
has ended.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Protocol

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakDBusError, BleakError

from ble_exporter.config.app_config import DEFAULT_SILENCE_LIMIT_S, ScanMode
from ble_exporter.errors import ScannerError
from ble_exporter.model import Advertisement
from ble_exporter.scanner import hints
from ble_exporter.scanner.bluez_dbus import Bluez, ServiceData, connect
from ble_exporter.scanner.missed_devices import bleak_manager, forget_missed_devices
from ble_exporter.scanner.radio import Listener
from ble_exporter.scanner.scan_mode import ScanSettings, bleak_options, resolve_scan_mode
from ble_exporter.scanner.session import packets_heard
from ble_exporter.scanner.stack_watch import StackWatch
from ble_exporter.scanner.watchdog import SilenceWatchdog
from ble_exporter.tasks import Tasks, within
from ble_exporter.utils import one_line

# What bleak gives where BlueZ has no RSSI: the callback tells of a device forgotten, not of one heard.
_NOT_HEARD = -127

# BlueZ answers in milliseconds; one that does not in this time is not going to.
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0
# Of a stack that is known to be dead no answer is expected.
_GIVE_UP_TIMEOUT_S = 0.5

_log = logging.getLogger(__name__)


class Scanner(Protocol):
    """What is used of bleak's scanner."""

    async def start(self) -> None:
        """Start to scan."""

    async def stop(self) -> None:
        """Stop it."""


class BleakScannerImpl:
    """
    Scans with a Bluetooth adapter of this machine.

    Args:
        adapter: Its name ("hci0"); None takes the first, by number, that is powered.
        silence_limit_s: How many seconds of listening without any advertisement mean that the controller hangs.
        mode: "active", "passive", or "auto".
        clock: Gives the seconds since the Unix epoch.
        start_stop_lock: Of several radios: only one at a time starts or stops a scan. bleak takes them in turn in any
            case, and one that hangs must not use up the time of the others.
        make_scanner: Makes bleak's scanner.
        connect_to_bluez: Connects to the system bus.
        make_watch: Makes the watch over the stack.

    Attributes:
        adapters: The adapter's name to whether it works; empty until it was chosen.
    """

    def __init__(
        self,
        adapter: str | None = None,
        silence_limit_s: float = DEFAULT_SILENCE_LIMIT_S,
        mode: ScanMode = "auto",
        clock: Callable[[], float] = time.time,
        start_stop_lock: asyncio.Lock | None = None,
        *,
        make_scanner: Callable[..., Scanner] = BleakScanner,
        connect_to_bluez: Callable[[], AbstractAsyncContextManager[Bluez]] = connect,
        make_watch: Callable[[Bluez], StackWatch] = StackWatch,
    ) -> None:
        self.adapters: dict[str, bool] = {}
        self._wanted = adapter
        self._mode = mode
        self._adapter = ""
        self._logged_choice = ""
        self._is_passive = False
        self._watchdog = SilenceWatchdog(silence_limit_s)
        self._clock = clock
        self._start_stop_lock = start_stop_lock or asyncio.Lock()
        self._make_scanner = make_scanner
        self._connect_to_bluez = connect_to_bluez
        self._make_watch = make_watch
        # By a device's D-Bus path: what bleak gave with the last callback, and what bluetoothd had before the scan.
        self._last_data: dict[str, ServiceData | None] = {}
        self._cached_data: dict[str, ServiceData] = {}

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """See Radio."""
        try:
            await self._run(listener, started)
        except ScannerError:
            # The next run must not go on with the silence, or with the service data, of this one.
            self._watchdog.reset()
            self._last_data.clear()
            name = self._adapter or self._wanted
            if name:
                self.adapters[name] = False
            raise

    async def _run(self, listener: Listener, started: Callable[[], None]) -> None:
        bug: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def heard(device: BLEDevice, data: AdvertisementData) -> None:
            if data.rssi == _NOT_HEARD:
                return
            self._watchdog.note_heard()
            try:
                if listener.wants(device.address):
                    listener.handle(self._advertisement(device, data))
            except Exception as error:  # bleak swallows what a callback raises; a bug must not pass in silence
                if not bug.done():
                    bug.set_exception(error)

        async with self._connect_to_bluez() as bluez:
            watch = self._make_watch(bluez)
            settings = await self._prepare(bluez, watch)
            options = bleak_options(self._adapter, settings)
            scanner = self._make_scanner(heard, scanning_mode=settings.mode, bluez=options)
            async with self._scanning(scanner, bluez), Tasks() as tasks:
                self.adapters[self._adapter] = True
                started()
                tasks.start(_raised(bug))
                tasks.start(watch.run())
                tasks.start(self._watchdog.run(self._adapter, only_thermometers=self._is_passive))
                await tasks.wait()

    async def scan(self, duration_s: float) -> list[tuple[str, bytes]]:
        """See AbstractScanner."""
        return await packets_heard(self, duration_s)

    async def _prepare(self, bluez: Bluez, watch: StackWatch) -> ScanSettings:
        """Choose the adapter and how to scan, and have bleak and bluetoothd know the same devices."""
        manager = await bleak_manager()
        adapter = await watch.choose(self._wanted)
        if adapter.name != self._adapter:
            # The adapter that was chosen before is gone, or powered off.
            self.adapters.clear()
            self._adapter = adapter.name
        if manager is not None:
            await forget_missed_devices(manager, bluez, adapter.name)
        settings = await resolve_scan_mode(self._mode, adapter, bluez)
        self._log_choice(f"{adapter.name}, {settings.description}")
        self._cached_data = dict(bluez.cached_data)
        self._is_passive = settings.mode == "passive"
        return settings

    def _log_choice(self, choice: str) -> None:
        """Log what was chosen, where that is news."""
        if choice != self._logged_choice:
            _log.info("scanning with %s", choice)
            self._logged_choice = choice

    def _advertisement(self, device: BLEDevice, data: AdvertisementData) -> Advertisement:
        """
        Return what this very packet carried.

        A callback is not a packet: BlueZ keeps a device's service data, and bleak gives it again with whatever else is
        heard, a name for example. bleak keeps the properties as D-Bus sent them, so the packet had service data if, and
        only if, the object that holds it is another one than at the device's last callback. At the first callback of a
        scan it may also be what bluetoothd heard in somebody else's scan, meanwhile or long ago.

        In a passive scan BlueZ adds the service data of one UUID to that of the others, which the device sent before it
        was set to another format, and reports all of it. Then the packet had what differs from before.
        """
        path, properties = data.platform_data
        current = properties.get("ServiceData")
        before = self._last_data.get(path)
        self._last_data[path] = current
        cached = self._cached_data.pop(path, None)
        is_old = current is before or (cached is not None and current == cached != before)
        service_data = {} if is_old else data.service_data
        if self._is_passive and len(service_data) > 1:
            known = cached or before or {}
            service_data = {uuid: it for uuid, it in service_data.items() if known.get(uuid) != it} or service_data
        name = data.local_name or ""
        return Advertisement(device.address, service_data, self._clock(), data.rssi, self._adapter, name)

    @asynccontextmanager
    async def _scanning(self, scanner: Scanner, bluez: Bluez) -> AsyncIterator[None]:
        """Keep the radio scanning for as long as the block lasts, which a cancellation or an error ends."""
        try:
            async with self._start_stop_lock:
                await within(START_TIMEOUT_S, scanner.start())
        except asyncio.TimeoutError:
            raise self._error(hints.hanging(f"the scan did not start within {START_TIMEOUT_S:g} s")) from None
        except (BleakError, OSError, EOFError) as error:
            raise self._start_error(error) from error
        try:
            yield
        except ScannerError:
            # What is known to be dead need not be stopped; where somebody still listens, bleak may tidy up.
            if bluez.is_connected:
                with suppress(ScannerError):
                    await self._stop(scanner, _GIVE_UP_TIMEOUT_S)
            raise
        except BaseException:
            await self._stop(scanner, STOP_TIMEOUT_S)
            raise

    async def _stop(self, scanner: Scanner, timeout_s: float) -> None:
        try:
            async with self._start_stop_lock:
                await within(timeout_s, scanner.stop())
        except asyncio.TimeoutError:
            raise self._error(hints.hanging(f"the scan did not stop within {timeout_s:g} s")) from None
        except (BleakError, OSError, EOFError) as error:
            raise self._error(hints.failed_scan(_words_of(error))) from error

    def _start_error(self, error: Exception) -> ScannerError:
        """Return what an error at the start of a scan means."""
        if isinstance(error, BleakDBusError):
            return self._error(hints.dbus_error(error.dbus_error, error.dbus_error_details or ""))
        if isinstance(error, BleakError):
            return self._error(hints.Problem(_words_of(error)))
        return ScannerError(*hints.no_dbus(_words_of(error)))

    def _error(self, problem: hints.Problem) -> ScannerError:
        return ScannerError(*problem, adapter=self._adapter)


async def _raised(error: asyncio.Future[None]) -> None:
    """Raise the error that a callback sets."""
    # Not awaited itself: a cancellation would cancel it, and an error that comes then would be lost.
    await asyncio.wait({error})
    error.result()


def _words_of(error: BaseException) -> str:
    return one_line(error) or type(error).__name__
