"""
Chooses the adapter to scan with, and watches the Bluetooth stack during the scan.

bleak reports nothing when bluetoothd dies, the adapter is unplugged or powered off, or D-Bus itself ends. Each of these
failures causes a signal on the bus, or ends the connection.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from dbus_fast import Message, MessageType

from ble_exporter.errors import ScannerError
from ble_exporter.scanner import hints
from ble_exporter.scanner.bluez_dbus import ADAPTER, BLUEZ, BUS, Adapter, Bluez
from ble_exporter.scanner.inspection import blocking
from ble_exporter.tasks import Tasks, within

_RULES = (
    f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{BLUEZ}'",
    f"type='signal',sender='{BLUEZ}',member='InterfacesRemoved'",
    f"type='signal',sender='{BLUEZ}',member='PropertiesChanged',arg0='{ADAPTER}'",
)

# When bluetoothd stops, it first reports that the adapter is off, then that the adapter is gone, and then leaves the
# bus; an unplugged adapter is also first reported as off. After these pauses, all signals have arrived, and the most
# serious problem is the cause of the others. On a stalled machine, a single long pause could end before any signal is
# read.
_PAUSES_S = (0.1,) * 5
# A scan counts as ended when bluetoothd's Discovering has been false for this long. It may be false for a moment when
# another program changes the discovery. While the kernel restarts a scan, every 11 s, it stays true.
IDLE_S = 2.0

# The possible causes, from the most to the least serious.
_CAUSES = (hints.WENT_AWAY, hints.UNPLUGGED, hints.SWITCHED_OFF)


class StackWatch:
    """
    Chooses the adapter, and watches it, bluetoothd and D-Bus; in an active scan, also whether bluetoothd still scans.

    After the first signal, it waits `pauses_s` (in seconds) for the signals that show the cause. `root` is the folder
    that contains /sys.
    """

    def __init__(self, bluez: Bluez, root: Path = Path("/"), pauses_s: Sequence[float] = _PAUSES_S) -> None:
        self._bluez = bluez
        self._root = root
        self._pauses_s = pauses_s
        self._adapter = ""
        self._problems: set[hints.Problem] = set()
        self._has_failed = asyncio.Event()
        self._is_idle, self._is_discovering = asyncio.Event(), asyncio.Event()
        bluez.add_message_handler(self._on_message)

    async def choose(self, wanted: str | None) -> Adapter:
        """
        Return the adapter to scan with, and watch it from now on; None selects the powered one with the lowest number.

        Raises:
            ScannerError: The adapter does not exist, can't scan, or is powered off or blocked; or bluetoothd is not
                running.
        """
        for rule in _RULES:
            await self._bluez.call_bus("AddMatch", rule)
        # The adapters are read after the rules are set, so that no change is missed in between.
        adapters = await self._bluez.adapters()
        if not adapters:
            raise ScannerError(*hints.NO_ADAPTER)
        if wanted is not None and wanted not in adapters:
            raise ScannerError(*hints.missing(list(adapters)), adapter=wanted)
        candidates = [adapters[wanted]] if wanted is not None else list(adapters.values())
        able = [adapter for adapter in candidates if adapter.can_scan]
        others = [adapter.name for adapter in adapters.values() if adapter.can_scan and adapter.is_powered]
        if not able:
            raise ScannerError(*hints.or_another_adapter(hints.CANNOT_SCAN, others), adapter=candidates[0].name)
        chosen = next((adapter for adapter in able if adapter.is_powered), able[0])
        if not chosen.is_powered:
            problem = hints.BLOCKED if self._is_blocked(chosen.name) else hints.POWERED_OFF
            raise ScannerError(*hints.or_another_adapter(problem, others), adapter=chosen.name)
        self._adapter = chosen.name
        return chosen

    async def wait_until_idle(self) -> None:
        """Wait until bluetoothd has not scanned actively for IDLE_S seconds, for this or any other program."""
        while True:
            await self._is_idle.wait()
            try:
                await within(IDLE_S, self._is_discovering.wait())
            except asyncio.TimeoutError:
                return

    async def run(self) -> None:
        """Wait until bluetoothd, the adapter or D-Bus fails, and raise a ScannerError that names the cause."""
        async with Tasks() as tasks:
            disconnected = tasks.start(self._bluez.wait_for_disconnect())
            await tasks.wait(disconnected, tasks.start(self._has_failed.wait()))
            for pause_s in self._pauses_s:
                await tasks.wait(disconnected, timeout_s=pause_s)
            causes = (problem for problem in _CAUSES if problem in self._problems)
            cause = hints.DBUS_WENT_AWAY if disconnected.done() else next(causes)
            if cause == hints.SWITCHED_OFF and self._is_blocked(self._adapter):
                cause = hints.BLOCKED
            raise ScannerError(*cause, adapter=self._adapter)

    def _note_discovering(self, is_discovering: bool) -> None:
        changed, other = self._is_discovering, self._is_idle
        if not is_discovering:
            changed, other = other, changed
        changed.set()
        other.clear()

    def _on_message(self, message: Message) -> None:
        problem = self._problem(message) if message.message_type is MessageType.SIGNAL else None
        if problem is not None:
            self._problems.add(problem)
            self._has_failed.set()

    def _problem(self, signal: Message) -> hints.Problem | None:
        """Return the problem that a signal reports; None if it reports none."""
        adapter_path = f"/org/bluez/{self._adapter}"
        match signal.member, signal.body:
            case "NameOwnerChanged", [name, old_owner, _] if name == BLUEZ and old_owner:
                return hints.WENT_AWAY
            case "InterfacesRemoved", [path, interfaces] if path == adapter_path and ADAPTER in interfaces:
                return hints.UNPLUGGED
            case "PropertiesChanged", [interface, properties, _] if signal.path == adapter_path:
                if interface == ADAPTER and "Discovering" in properties:
                    self._note_discovering(properties["Discovering"].value)
                if interface == ADAPTER and "Powered" in properties and not properties["Powered"].value:
                    return hints.SWITCHED_OFF
        return None

    def _is_blocked(self, adapter: str) -> bool:
        """Return whether rfkill blocks an adapter, in software or hardware; bluetoothd 5.66 does not report this."""
        return any(switch.device == adapter for switch in blocking(self._root))
