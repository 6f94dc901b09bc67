"""
The watch over the Bluetooth stack: which adapter to scan with, and that nothing it needs goes away.

bleak keeps the radio scanning, and says nothing when bluetoothd dies, the adapter is unplugged or switched off, or
D-Bus itself ends. Each of these is a signal on the bus, or the end of the connection: it is heard here.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dbus_fast import Message, MessageType

from ble_exporter.errors import ScannerError
from ble_exporter.scanner import hints
from ble_exporter.scanner.bluez_dbus import ADAPTER, BLUEZ, BUS, Adapter, Bluez
from ble_exporter.tasks import Tasks

SYSFS = Path("/sys/class/bluetooth")

_RULES = (
    f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{BLUEZ}'",
    f"type='signal',sender='{BLUEZ}',member='InterfacesRemoved'",
    f"type='signal',sender='{BLUEZ}',member='PropertiesChanged',arg0='{ADAPTER}'",
)

# A bluetoothd that is stopped says first that the adapter is off, then that it is gone, and then goes itself; one that
# is unplugged is off first, too. After these pauses all has been said, and the gravest problem is the cause of the
# rest. Several pauses: on a machine that was held up one may be over before anybody has spoken.
_PAUSES_S = (0.1,) * 5
_CAUSES = (hints.WENT_AWAY, hints.UNPLUGGED, hints.SWITCHED_OFF)


class StackWatch:
    """
    Chooses the adapter, and watches it, bluetoothd and D-Bus.

    Args:
        bluez: The connection over which it listens.
        sysfs: The folder in which the kernel has the adapters, with their switches of rfkill.
        pauses_s: How many seconds, several times, it waits after the first signal for those that explain it.
    """

    def __init__(self, bluez: Bluez, sysfs: Path = SYSFS, pauses_s: Sequence[float] = _PAUSES_S) -> None:
        self._bluez = bluez
        self._sysfs = sysfs
        self._pauses_s = pauses_s
        self._adapter = ""
        self._problems: set[hints.Problem] = set()
        self._has_failed = asyncio.Event()
        bluez.add_message_handler(self._on_message)

    async def choose(self, wanted: str | None) -> Adapter:
        """
        Return the adapter to scan with; from now on it is watched.

        Args:
            wanted: Its name; None takes the first, by number, that is powered.

        Raises:
            ScannerError: It is not there, can't scan, or is powered off or blocked; or bluetoothd is not running.
        """
        for rule in _RULES:
            await self._bluez.call_bus("AddMatch", rule)
        # After the rules, so that what changes meanwhile is heard.
        adapters = await self._bluez.adapters()
        if not adapters:
            raise ScannerError(*hints.NO_ADAPTER)
        if wanted is not None and wanted not in adapters:
            raise ScannerError(*hints.missing(list(adapters)), adapter=wanted)
        candidates = [adapters[wanted]] if wanted is not None else list(adapters.values())
        able = [adapter for adapter in candidates if adapter.can_scan]
        if not able:
            raise ScannerError(*hints.CANNOT_SCAN, adapter=candidates[0].name)
        chosen = next((adapter for adapter in able if adapter.is_powered), able[0])
        if not chosen.is_powered:
            problem = hints.BLOCKED if self._is_blocked(chosen.name) else hints.POWERED_OFF
            raise ScannerError(*problem, adapter=chosen.name)
        self._adapter = chosen.name
        return chosen

    async def run(self) -> None:
        """
        Wait until scanning can no longer work.

        Raises:
            ScannerError: Always: bluetoothd, the adapter or D-Bus went away, or the adapter was switched off.
        """
        async with Tasks() as tasks:
            disconnected = tasks.start(self._bluez.wait_for_disconnect())
            await tasks.wait(disconnected, tasks.start(self._has_failed.wait()))
            for pause_s in self._pauses_s:
                await tasks.wait(disconnected, timeout_s=pause_s)
            cause = hints.DBUS_WENT_AWAY if disconnected.done() else self._cause()
            raise ScannerError(*cause, adapter=self._adapter)

    def _cause(self) -> hints.Problem:
        """Return the problem that explains the others."""
        cause = next(problem for problem in _CAUSES if problem in self._problems)
        return hints.BLOCKED if cause == hints.SWITCHED_OFF and self._is_blocked(self._adapter) else cause

    def _on_message(self, message: Message) -> None:
        if message.message_type is MessageType.SIGNAL:
            problem = self._problem(message.member or "", message.path or "", message.body)
            if problem is not None:
                self._problems.add(problem)
                self._has_failed.set()

    def _problem(self, member: str, path: str, body: list[Any]) -> hints.Problem | None:
        """Return what a signal means for the scan, where it means anything."""
        adapter_path = f"/org/bluez/{self._adapter}"
        if member == "NameOwnerChanged":
            name, old_owner, _new_owner = body
            return hints.WENT_AWAY if name == BLUEZ and old_owner else None
        if member == "InterfacesRemoved":
            removed_path, interfaces = body
            return hints.UNPLUGGED if removed_path == adapter_path and ADAPTER in interfaces else None
        if member == "PropertiesChanged" and path == adapter_path and body[0] == ADAPTER:
            powered = body[1].get("Powered")
            return hints.SWITCHED_OFF if powered is not None and not powered.value else None
        return None

    def _is_blocked(self, adapter: str) -> bool:
        """Return whether rfkill blocks an adapter, by software or by a switch; bluetoothd 5.66 does not tell."""
        return any(
            flag.read_text().strip() == "1"
            for kind in ("soft", "hard")
            for flag in (self._sysfs / adapter).glob(f"rfkill*/{kind}")
        )
