"""
The real radio: BlueZ over D-Bus, by bleak.

Three jobs that change apart: bleak keeps the radio scanning, its callbacks are what is heard, and `stack` and `silence`
watch that all of it is alive.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakDBusError, BleakError

from ble_exporter.config.app_config import DEFAULT_SILENCE_LIMIT_S, ScanMode
from ble_exporter.errors import ScannerError
from ble_exporter.model import Advertisement
from ble_exporter.scanner import hints, missed_devices, scan_mode
from ble_exporter.scanner.bluez_dbus import ServiceData, Stack, connected
from ble_exporter.scanner.radio import Listener
from ble_exporter.scanner.session import packets_heard
from ble_exporter.scanner.watchdog import Silence
from ble_exporter.tasks import Tasks, within
from ble_exporter.utils import one_line

# What bleak gives where BlueZ has no RSSI: the callback tells of a device forgotten, not of one heard.
_NOT_HEARD = -127

# BlueZ answers in milliseconds; one that does not in this time is not going to.
_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 5.0
# With a stack that is known to be dead nobody waits so long.
_GIVE_UP_TIMEOUT_S = 0.5

_log = logging.getLogger(__name__)


class BleakScannerImpl:
    """
    Scans with a Bluetooth adapter of this machine.

    Args:
        adapter: Its name ("hci0"); None takes the first, by number, that is powered.
        silence_limit_s: How many seconds of listening without any advertisement mean that the controller hangs.
        mode: "active", "passive", or "auto".
        clock: Gives the seconds since the Unix epoch.
        turn: Of several radios: only one at a time starts or stops a scan. bleak takes them in turn in any case, and
            one that hangs must not use up the time of the others.

    Attributes:
        adapters: The adapter's name to whether it works; empty until it was chosen.
    """

    def __init__(
        self,
        adapter: str | None = None,
        silence_limit_s: float = DEFAULT_SILENCE_LIMIT_S,
        mode: ScanMode = "auto",
        clock: Callable[[], float] = time.time,
        turn: asyncio.Lock | None = None,
    ) -> None:
        self.adapters: dict[str, bool] = {}
        self._wanted = adapter
        self._mode = mode
        self._adapter = ""
        self._choice = ""
        self._adds_up = False
        self._silence = Silence(silence_limit_s)
        self._clock = clock
        self._turn = turn or asyncio.Lock()
        self._last_said: dict[str, ServiceData | None] = {}
        self._kept: dict[str, ServiceData] = {}

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """See Radio."""
        try:
            await self._run(listener, started)
        except ScannerError:
            # Whoever tries again must not take up the silence, or what was said, where this run left off.
            self._silence.begin_anew()
            self._last_said.clear()
            name = self._adapter or self._wanted
            if name:
                self.adapters[name] = False
            raise

    async def _run(self, listener: Listener, started: Callable[[], None]) -> None:
        bug: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def heard(device: BLEDevice, data: AdvertisementData) -> None:
            if data.rssi == _NOT_HEARD:
                return
            self._silence.end()
            try:
                if listener.wants(device.address):
                    listener.handle(self._advertisement(device, data))
            except Exception as error:  # bleak swallows what a callback raises; a bug must not pass in silence
                if not bug.done():
                    bug.set_exception(error)

        async with connected() as stack:
            manager = await missed_devices.let_bleak_ask()
            adapter = await stack.choose(self._wanted)
            if adapter.name != self._adapter:
                # One that is no longer there, or no longer powered, was chosen before.
                self.adapters.clear()
                self._adapter = adapter.name
            if manager is not None:
                await missed_devices.have_told_again(manager, stack, adapter.name)
            way = await scan_mode.settle(self._mode, adapter, stack)
            self._tell(f"{adapter.name}, {way.words}")
            self._kept = dict(stack.kept)
            self._adds_up = way.mode == "passive"
            scanner = BleakScanner(heard, scanning_mode=way.mode, bluez=scan_mode.options(adapter.name, way))
            async with self._scanning(scanner, stack), Tasks() as tasks:
                self.adapters[adapter.name] = True
                started()
                tasks.start(_raised(bug))
                tasks.start(stack.watch())
                tasks.start(self._silence.watch(adapter.name, only_thermometers=way.mode == "passive"))
                await tasks.wait()

    async def scan(self, duration_s: float) -> list[tuple[str, bytes]]:
        """See AbstractScanner."""
        return await packets_heard(self, duration_s)

    def _tell(self, choice: str) -> None:
        """Log what was chosen, where that is news."""
        if choice != self._choice:
            _log.info("scanning with %s", choice)
            self._choice = choice

    def _advertisement(self, device: BLEDevice, data: AdvertisementData) -> Advertisement:
        """
        Return what this very packet said.

        A callback is not a packet: BlueZ keeps a device's service data, and bleak gives it again with whatever else is
        heard, a name for example. bleak keeps the properties as D-Bus sent them, so the packet had service data if, and
        only if, the object that holds it is another one than at the device's last callback. At the first callback of a
        scan that may also be what bluetoothd was told by somebody else's scan, meanwhile or long ago.

        In a passive scan BlueZ adds the service data of one UUID to that of the others, which the device sent before it
        was set to another format, and tells of all: then the packet had that which is not as it was.
        """
        path, properties = data.platform_data
        said = properties.get("ServiceData")
        before = self._last_said.get(path)
        self._last_said[path] = said
        kept = self._kept.pop(path, None)
        is_old = said is before or (kept is not None and said == kept != before)
        service_data = {} if is_old else data.service_data
        if self._adds_up and len(service_data) > 1:
            known = kept or before or {}
            service_data = {uuid: it for uuid, it in service_data.items() if known.get(uuid) != it} or service_data
        name = data.local_name or ""
        return Advertisement(device.address, service_data, self._clock(), data.rssi, self._adapter, name)

    @asynccontextmanager
    async def _scanning(self, scanner: BleakScanner, stack: Stack) -> AsyncIterator[None]:
        """Keep the radio scanning for as long as the block lasts, which a cancellation or an error ends."""
        try:
            async with self._turn:
                await within(_START_TIMEOUT_S, scanner.start())
        except asyncio.TimeoutError:
            raise self._failed(f"the scan did not start within {_START_TIMEOUT_S:g} s: {hints.RESET}") from None
        except (BleakError, OSError, EOFError) as error:
            raise self._explained(error) from error
        try:
            yield
        except ScannerError:
            # What is known to be dead need not be stopped; where somebody still listens, bleak may tidy up.
            if stack.is_connected:
                with suppress(ScannerError):
                    await self._stop(scanner, _GIVE_UP_TIMEOUT_S)
            raise
        except BaseException:
            await self._stop(scanner, _STOP_TIMEOUT_S)
            raise

    async def _stop(self, scanner: BleakScanner, timeout_s: float) -> None:
        try:
            async with self._turn:
                await within(timeout_s, scanner.stop())
        except asyncio.TimeoutError:
            raise self._failed(f"the scan did not stop within {timeout_s:g} s: {hints.RESET}") from None
        except (BleakError, OSError, EOFError) as error:
            raise self._failed(f"Bluetooth failed during the scan ({_said(error)}): {hints.LOGS}") from error

    def _explained(self, error: Exception) -> ScannerError:
        """Say what an error at the start of a scan means, and what mends it."""
        if isinstance(error, BleakDBusError):
            return self._failed(hints.of_dbus_error(error.dbus_error, error.dbus_error_details or ""))
        if isinstance(error, BleakError):
            return self._failed(_said(error))
        return ScannerError(hints.no_dbus(_said(error)))

    def _failed(self, problem: str) -> ScannerError:
        return ScannerError(f"adapter {self._adapter}: {problem}")


async def _raised(error: asyncio.Future[None]) -> None:
    """Raise the error that a callback sets."""
    # Not awaited itself: a cancellation would cancel it, and an error that comes then would be lost.
    await asyncio.wait({error})
    error.result()


def _said(error: BaseException) -> str:
    return one_line(error) or type(error).__name__
