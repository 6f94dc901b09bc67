"""
The real radio: BlueZ over D-Bus, through bleak.

bleak keeps the adapter scanning, and calls a function for each advertisement. It does not report failures of the
Bluetooth stack; `stack_watch` and `watchdog` detect them.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Literal

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakDBusError, BleakError

from ble_exporter.config.app_config import DEFAULT_SILENCE_LIMIT_S, ScanMode
from ble_exporter.errors import ScannerError
from ble_exporter.model import Advertisement
from ble_exporter.scanner import hints
from ble_exporter.scanner.bluez_dbus import Bluez, ServiceData, connect
from ble_exporter.scanner.impostors import Impostors
from ble_exporter.scanner.missed_devices import bleak_manager, forget_missed_devices
from ble_exporter.scanner.radio import Listener
from ble_exporter.scanner.scan_mode import ScanSettings, bleak_options, resolve_scan_mode
from ble_exporter.scanner.session import packets_heard
from ble_exporter.scanner.stack_watch import StackWatch
from ble_exporter.scanner.watchdog import SilenceWatchdog
from ble_exporter.tasks import Tasks, within

# bleak reports this RSSI if BlueZ reports none, because BlueZ has forgotten the device, and not received a packet.
_NOT_HEARD = -127

# BlueZ answers in milliseconds; if it has not answered after this time, it never will.
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0
# A stack that is known to have failed is not expected to answer.
_GIVE_UP_TIMEOUT_S = 0.5

_log = logging.getLogger(__name__)


class BleakScannerImpl:
    """
    Scans with a Bluetooth adapter of this machine.

    Args:
        adapter: The adapter's name ("hci0"); None for the powered adapter with the lowest number.
        silence_limit_s: Seconds of listening without any advertisement, after which the controller counts as hung.
        mode: The configured scan mode.
        start_stop_lock: Shared by several radios, so that only one at a time starts or stops a scan. bleak serialises
            these calls anyway; the lock keeps a call that hangs from using up the timeouts of the other radios.

    Attributes:
        adapters: Whether the adapter works, by its name; empty until an adapter is chosen.
    """

    def __init__(
        self,
        adapter: str | None = None,
        silence_limit_s: float = DEFAULT_SILENCE_LIMIT_S,
        mode: ScanMode = "auto",
        start_stop_lock: asyncio.Lock | None = None,
        *,
        make_scanner: Callable[..., BleakScanner] = BleakScanner,
        connect_to_bluez: Callable[[], AbstractAsyncContextManager[Bluez]] = connect,
        make_watch: Callable[[Bluez], StackWatch] = StackWatch,
    ) -> None:
        self.adapters: dict[str, bool] = {}
        self._wanted = adapter
        self._mode = mode
        self._adapter = adapter or ""
        self._logged_choice = ""
        self._is_passive = False
        self._watchdog = SilenceWatchdog(silence_limit_s)
        self._start_stop_lock = start_stop_lock or asyncio.Lock()
        self._scanner: BleakScanner  # set by each run
        self._logged: set[str] = set()  # the reasons for a new start that were already logged
        self._make_scanner = make_scanner
        self._connect_to_bluez = connect_to_bluez
        self._make_watch = make_watch
        # By the device's D-Bus path: its service data in bleak's last callback, and in bluetoothd before the scan.
        self._last_data: dict[str, ServiceData | None] = {}
        self._cached_data: dict[str, ServiceData] = {}

    @property
    def silence(self) -> str | None:
        """The silence of the adapter, as described in `Radio.silence`."""
        if not self._watchdog.is_long:
            return None
        problem = hints.silent(round(self._watchdog.silent_s), only_thermometers=self._is_passive)
        return f"adapter {self._adapter}: {problem.text}"

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Listen, as described in `Radio.run`."""
        try:
            await self._run(listener, started)
        except ScannerError:
            # The next run must not use the silence or the service data of this run.
            self._watchdog.reset()
            self._last_data.clear()
            if self._adapter:
                self.adapters[self._adapter] = False
            raise

    async def _run(self, listener: Listener, started: Callable[[], None]) -> None:
        bug: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        impostors = Impostors()

        def heard(device: BLEDevice, data: AdvertisementData) -> None:
            if data.rssi == _NOT_HEARD:
                return
            self._watchdog.note_heard()
            try:
                if listener.wants(device.address) and listener.handle(self._advertisement(device, data)) is False:
                    impostors.note(*data.platform_data)
            except Exception as error:  # bleak swallows exceptions of a callback, which would hide a bug
                if not bug.done():
                    bug.set_exception(error)

        async with self._connect_to_bluez() as bluez:
            watch = self._make_watch(bluez)
            settings = await self._prepare(bluez, watch)
            make_scanner = partial(self._make_scanner, heard, scanning_mode=settings.mode)
            self._scanner = make_scanner(bluez=bleak_options(self._adapter, settings))
            async with self._scanning(bluez), Tasks() as tasks:
                self.adapters[self._adapter] = True
                started()
                tasks.start(_raised(bug))
                tasks.start(watch.run())
                tasks.start(impostors.run(bluez))
                if not self._is_passive:
                    options = bleak_options(self._adapter, settings, ignores_patterns=True)
                    tasks.start(self._keep_discovering(watch, partial(make_scanner, bluez=options)))
                tasks.start(self._watchdog.run(self._adapter, only_thermometers=self._is_passive))
                await tasks.wait()

    async def _keep_discovering(self, watch: StackWatch, make_spare: Callable[[], BleakScanner]) -> None:
        """
        Start the active scan again when bluetoothd has ended it, or nothing is heard: other programs can cause both.

        After a long silence, the scan is started with a spare scanner, if bluetoothd accepts its filter. Raises a
        ScannerError if bluetoothd has ended the scan and does not start it again, or ends it again before anything is
        heard.
        """
        heard_before = -1
        while True:
            async with Tasks() as tasks:
                end = tasks.start(watch.wait_until_idle())
                await tasks.wait(end, tasks.start(self._watchdog.wait_for_long_silence()))
                has_ended = end.done()
            if has_ended:
                if self._watchdog.heard_checks == heard_before:
                    raise ScannerError(*hints.ENDED_AGAIN, adapter=self._adapter)
                heard_before = self._watchdog.heard_checks
            why = hints.ENDED if has_ended else hints.LONG_SILENCE
            _log.log(
                logging.DEBUG if why in self._logged else logging.WARNING,
                "adapter %s: %s; the scan is started again",
                self._adapter,
                why,
            )
            self._logged.add(why)
            try:
                await self._start_again(self._scanner if has_ended else make_spare())
            except ScannerError as error:
                if has_ended:
                    raise ScannerError(*hints.not_started_again(error), adapter=self._adapter) from error
                # The controller may hang, which the watchdog reports when the silence has reached its limit.
                _log.debug("%s", error)

    async def _start_again(self, scanner: BleakScanner) -> None:
        """Stop the present scanner and start `scanner`, or the present one again if that fails. Raises ScannerError."""
        present = self._scanner
        with suppress(ScannerError):
            # bluetoothd refuses to stop a scan that it has ended.
            await self._ask("stop", STOP_TIMEOUT_S)
        self._scanner = scanner
        try:
            await self._ask("start", START_TIMEOUT_S)
        except ScannerError:
            if scanner is present:
                raise
            self._scanner = present
            await self._ask("start", START_TIMEOUT_S)

    async def scan(self, duration_s: float) -> list[tuple[str, bytes]]:
        """Listen for `duration_s` seconds; return address and service data of every BTHome packet heard, in order."""
        return await packets_heard(self, duration_s)

    async def _prepare(self, bluez: Bluez, watch: StackWatch) -> ScanSettings:
        """Choose the adapter and the scan mode; make bluetoothd forget the devices that bleak has missed."""
        manager = await bleak_manager()
        adapter = await watch.choose(self._wanted)
        if adapter.name != self._adapter:
            self.adapters.clear()  # the adapter of the last scan is gone, or powered off
            self._adapter = adapter.name
        if manager is not None:
            await forget_missed_devices(manager, bluez, adapter.name)
        settings = await resolve_scan_mode(self._mode, adapter, bluez)
        choice = f"{adapter.name}, {settings.description}"
        if choice != self._logged_choice:
            _log.info("scanning with %s", choice)
            self._logged_choice = choice
        self._cached_data = dict(bluez.cached_data)
        self._is_passive = settings.mode == "passive"
        return settings

    def _advertisement(self, device: BLEDevice, data: AdvertisementData) -> Advertisement:
        """
        Return the advertisement of a callback, without service data that the packet did not contain.

        BlueZ caches a device's service data, and bleak repeats it in every callback, for example for a new name. bleak
        keeps the properties as D-Bus sent them. So the packet contained service data if and only if the service data is
        not the same object as in the device's last callback. In the first callback of a scan, the service data may also
        come from a scan of another program, at the same time or long ago.

        In a passive scan, BlueZ merges new service data with older service data of other UUIDs, which the device sent
        before it was set to another format, and reports all of it. In this case, the packet contained only the service
        data that has changed.
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
        address_type = properties.get("AddressType", "")
        return Advertisement(device.address, service_data, data.rssi, self._adapter, name, address_type)

    @asynccontextmanager
    async def _scanning(self, bluez: Bluez) -> AsyncIterator[None]:
        """Keep bleak scanning until a cancellation or an error ends the block."""
        await self._ask("start", START_TIMEOUT_S)
        try:
            yield
        except ScannerError:
            # After a failure of the stack, the scan has ended anyway; if D-Bus still works, bleak may clean up.
            if bluez.is_connected:
                with suppress(ScannerError):
                    await self._ask("stop", _GIVE_UP_TIMEOUT_S)
            raise
        except BaseException:
            await self._ask("stop", STOP_TIMEOUT_S)
            raise

    async def _ask(self, action: Literal["start", "stop"], timeout_s: float) -> None:
        """Start or stop bleak's scanner. Raises ScannerError."""
        scanner = self._scanner
        try:
            async with self._start_stop_lock:
                await within(timeout_s, scanner.start() if action == "start" else scanner.stop())
        except asyncio.TimeoutError:
            problem = hints.hanging(f"the scan did not {action} within {timeout_s:g} s")
            raise ScannerError(*problem, adapter=self._adapter) from None
        except (BleakError, OSError, EOFError) as error:
            if action == "stop":
                problem = hints.failed_scan(error)
            elif isinstance(error, BleakDBusError):
                problem = hints.dbus_error(error.dbus_error, error.dbus_error_details or "")
            else:
                problem = hints.Problem(hints.text_of(error)) if isinstance(error, BleakError) else hints.no_dbus(error)
            raise ScannerError(*problem, adapter=self._adapter) from error


async def _raised(error: asyncio.Future[None]) -> None:
    """Wait for the error that a callback sets, and raise it."""
    # Awaiting the future itself would cancel it with this task, and an error set afterwards would be lost.
    await asyncio.wait({error})
    error.result()
