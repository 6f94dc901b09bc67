"""
The ear that needs no capability: BlueZ reports each device's properties over D-Bus, and bleak receives these reports.

bleak keeps the adapter scanning, and calls a function for each report.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

from bleak import BleakScanner
from bleak.backends.bluezdbus.manager import BlueZManager
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakDBusError, BleakError

from ble_exporter.config.app_config import DEFAULT_SILENCE_LIMIT_S, ScanMode
from ble_exporter.errors import ScannerError
from ble_exporter.model import Advertisement
from ble_exporter.scanner import hints
from ble_exporter.scanner.bluez_dbus import Adapter, Bluez, ServiceData, connect
from ble_exporter.scanner.bluez_radio import BluezRadio
from ble_exporter.scanner.ear import Hearing
from ble_exporter.scanner.impostors import Impostors
from ble_exporter.scanner.missed_devices import bleak_manager, forget_missed_devices
from ble_exporter.scanner.scan_mode import ScanSettings, bleak_options, resolve_scan_mode
from ble_exporter.scanner.stack_watch import StackWatch
from ble_exporter.tasks import Tasks

# bleak reports this RSSI if BlueZ reports none. Then no packet has arrived: BlueZ no longer hears the device.
_NOT_HEARD = -127


class BleakScannerImpl(BluezRadio):
    """The radio with bleak's ear. Tests replace the keyword arguments; `BluezRadio` describes the others."""

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
        async def make_ear() -> BleakEar:
            return BleakEar(make_scanner)

        super().__init__(
            make_ear,
            adapter,
            silence_limit_s,
            mode,
            start_stop_lock,
            connect_to_bluez=connect_to_bluez,
            make_watch=make_watch,
        )


class BleakEar:
    """Hears with bleak, as described in `Ear`."""

    def __init__(self, make_scanner: Callable[..., BleakScanner] = BleakScanner) -> None:
        self.is_passive = self.only_thermometers = False
        self._make_scanner = make_scanner
        # D-Bus path of a device to its data in bleak's last callback.
        self._last: dict[str, tuple[ServiceData | None, object]] = {}
        # D-Bus path of a device to the service data that bluetoothd had before this run.
        self._cached_data: dict[str, ServiceData] = {}
        # These are set by each run.
        self._manager: BlueZManager | None = None
        self._bluez: Bluez
        self._adapter: str
        self._settings: ScanSettings
        self._hearing: Hearing
        self._scanner: BleakScanner
        self._bug: asyncio.Future[None]
        self._impostors: Impostors

    async def connect(self) -> None:
        """Make bleak read bluetoothd's devices before the radio does: `prepare` finds those that bleak has missed."""
        self._manager = await bleak_manager()

    async def prepare(self, bluez: Bluez, adapter: Adapter, mode: ScanMode, hearing: Hearing) -> str:
        """Resolve the scan mode; make bluetoothd forget the devices that bleak has missed."""
        self._bluez, self._adapter, self._hearing = bluez, adapter.name, hearing
        self._bug = asyncio.get_running_loop().create_future()
        self._impostors = Impostors()
        if self._manager is not None:
            await forget_missed_devices(self._manager, bluez, adapter.name)
        self._settings = await resolve_scan_mode(mode, adapter, bluez)
        self._cached_data = dict(bluez.cached_data)
        self.is_passive = self.only_thermometers = self._settings.mode == "passive"
        return self._settings.description

    async def start(self, *, ignores_patterns: bool = False) -> None:
        """Start a bleak scanner."""
        options = bleak_options(self._adapter, self._settings, ignores_patterns=ignores_patterns)
        self._scanner = self._make_scanner(self._heard, scanning_mode=self._settings.mode, bluez=options)
        try:
            await self._scanner.start()
        except BleakDBusError as error:
            problem = hints.dbus_error(error.dbus_error, error.dbus_error_details or "")
            raise ScannerError(*problem) from error
        except BleakError as error:
            raise ScannerError(hints.text_of(error)) from error
        except (OSError, EOFError) as error:
            raise ScannerError(*hints.no_dbus(error)) from error

    async def stop(self) -> None:
        """Stop the scanner that was started last."""
        try:
            await self._scanner.stop()
        except (BleakError, OSError, EOFError) as error:
            problem = hints.failed_scan(error)
            if isinstance(error, BleakDBusError):
                problem = problem._replace(symptom=hints.dbus_error(error.dbus_error, "").symptom)
            raise ScannerError(*problem) from error

    async def run(self) -> None:
        """Remove impostors; raise any error of the callback, because bleak suppresses it."""
        async with Tasks() as tasks:
            tasks.start(self._impostors.run(self._bluez))
            tasks.start(_raised(self._bug))
            await tasks.wait()

    def catch_up(self) -> None:
        """Do nothing: the advertisements are delivered when they arrive."""

    def forget(self) -> None:
        """Forget the devices' data."""
        self._last.clear()

    def _heard(self, device: BLEDevice, data: AdvertisementData) -> None:
        if data.rssi == _NOT_HEARD:
            return
        hearing = self._hearing
        hearing.note_heard()
        try:
            listener = hearing.listener
            if listener.wants(device.address) and listener.handle(self._advertisement(device, data)) is False:
                self._impostors.note(*data.platform_data)
        except Exception as error:  # bleak swallows exceptions of a callback, which would hide a bug
            if not self._bug.done():
                self._bug.set_exception(error)

    def _advertisement(self, device: BLEDevice, data: AdvertisementData) -> Advertisement:
        """
        Return the advertisement of a callback, without data that the packet did not contain.

        BlueZ caches a device's service data and manufacturer data, and bleak repeats them in every callback, even
        in one for a new name. bleak replaces the object of a property only when D-Bus sends the property. So the
        packet contained the data of a property if and only if the object differs from that in the device's last
        callback. In the first callback of a scan, the data may also come from another program's scan, at the same time
        or long ago.

        In a passive scan, BlueZ merges new service data with older service data of other UUIDs, which the device sent
        before it was set to another format, and reports all of it. In this case, the packet contained only the service
        data that has changed.
        """
        path, properties = data.platform_data
        current, manufacturer = properties.get("ServiceData"), properties.get("ManufacturerData")
        before, manufacturer_before = self._last.get(path, (None, None))
        self._last[path] = (current, manufacturer)
        cached = self._cached_data.pop(path, None)
        is_old = current is before or (cached is not None and current == cached != before)
        service_data = {} if is_old else data.service_data
        if self.is_passive and len(service_data) > 1:
            known: Mapping[str, bytes] = cached or before or {}
            service_data = {uuid: it for uuid, it in service_data.items() if known.get(uuid) != it} or service_data
        return Advertisement(
            device.address,
            service_data,
            data.rssi,
            self._adapter,
            data.local_name or "",
            properties.get("AddressType", ""),
            {} if manufacturer is manufacturer_before else data.manufacturer_data,
        )


async def _raised(error: asyncio.Future[None]) -> None:
    """Wait until the callback sets an error, and raise it."""
    # Awaiting the future itself would cancel it with this task, and an error set afterwards would be lost.
    await asyncio.wait({error})
    error.result()
