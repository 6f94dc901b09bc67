"""
The Bluetooth stack, as the system bus shows it: which adapters there are, and that nothing of it goes away.

bleak keeps the radio scanning, and says nothing when bluetoothd dies, the adapter is unplugged or switched off, or
D-Bus itself ends. Each of these is a signal on the bus, or the end of the connection: it is heard here.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, InvalidAddressError
from dbus_fast.service import ServiceInterface

from ble_exporter.errors import ScannerError
from ble_exporter.scanner import hints
from ble_exporter.tasks import Tasks, within
from ble_exporter.utils import one_line

_BLUEZ = "org.bluez"
_ADAPTER = "org.bluez.Adapter1"
_DEVICE = "org.bluez.Device1"
_MONITORS = "org.bluez.AdvertisementMonitorManager1"
_BUS = "org.freedesktop.DBus"
_OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_MONITOR_PATH = "/ble_exporter/monitor"
_SYSFS = Path("/sys/class/bluetooth")

_RULES = (
    f"type='signal',sender='{_BUS}',member='NameOwnerChanged',arg0='{_BLUEZ}'",
    f"type='signal',sender='{_BLUEZ}',member='InterfacesRemoved'",
    f"type='signal',sender='{_BLUEZ}',member='PropertiesChanged',arg0='{_ADAPTER}'",
)

# For all that is asked before a scan, together: bluetoothd answers in milliseconds, but may first have to be started.
_ANSWER_TIMEOUT_S = 10.0

# It takes 20 ms.
_ACTIVATION_TIMEOUT_S = 1.0

# A bluetoothd that is stopped says first that the adapter is off, then that it is gone, and then goes itself; one that
# is unplugged is off first, too. By then all has been said, and the gravest of it is the cause of the rest.
# Several pauses: on a machine that was held up one may be over before anybody has spoken.
_ALL_IS_SAID_S = (0.1,) * 5
_CAUSES = (hints.WENT_AWAY, hints.UNPLUGGED, hints.SWITCHED_OFF)

ServiceData = Mapping[str, bytes]


class Adapter(NamedTuple):
    """
    An adapter, as bluetoothd knows it.

    Attributes:
        name: "hci0".
        is_powered: Whether it is switched on.
        can_scan: Whether it is one for Low Energy.
        can_monitor: Whether bluetoothd offers advertisement monitors on it, without which there is no passive scan.
        is_discovering: Whether somebody has it scan actively.
    """

    name: str
    is_powered: bool
    can_scan: bool
    can_monitor: bool
    is_discovering: bool = False


class BusError(ScannerError):
    """
    What was asked over D-Bus was refused, or not answered.

    Attributes:
        name: D-Bus's name of the error.
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(hints.of_dbus_error(name, text))
        self.name = name


class Stack:
    """
    The Bluetooth stack, over a connection to the system bus of its own. Made by `connected`.

    Attributes:
        kept: Of each device that bluetoothd knew when the adapter was chosen, by its D-Bus path: the service data that
            it kept.
        passing: Those that were neither paired nor connected, by the same paths.
    """

    def __init__(self, bus: MessageBus, deadline: float) -> None:
        self.kept: dict[str, ServiceData] = {}
        self.passing: set[str] = set()
        self._bus = bus
        self._deadline = deadline
        self._adapter = ""
        self._problems: set[str] = set()
        self._has_failed = asyncio.Event()
        self._is_monitoring = asyncio.Event()
        bus.add_message_handler(self._on_message)

    @property
    def is_connected(self) -> bool:
        """Whether the system bus still listens."""
        return bool(self._bus.connected)

    async def choose(self, wanted: str | None) -> Adapter:
        """
        Return the adapter to scan with; from now on it is watched.

        Args:
            wanted: Its name; None takes the first, by number, that is powered.

        Raises:
            ScannerError: It is not there, can't scan, or is powered off or blocked; or bluetoothd is not running.
        """
        for rule in _RULES:
            await self.call_bus("AddMatch", rule)
        # After the rules, so that what changes meanwhile is heard.
        adapters = await self.adapters()
        if not adapters:
            raise ScannerError(hints.NO_ADAPTER)
        if wanted is not None and wanted not in adapters:
            raise ScannerError(f"adapter {wanted}: {hints.missing(list(adapters))}")
        candidates = [adapters[wanted]] if wanted is not None else list(adapters.values())
        able = [adapter for adapter in candidates if adapter.can_scan]
        if not able:
            raise ScannerError(f"adapter {candidates[0].name}: {hints.CANNOT_SCAN}")
        chosen = next((adapter for adapter in able if adapter.is_powered), able[0])
        if not chosen.is_powered:
            problem = hints.BLOCKED if _is_blocked(chosen.name) else hints.POWERED_OFF
            raise ScannerError(f"adapter {chosen.name}: {problem}")
        self._adapter = chosen.name
        return chosen

    async def adapters(self) -> dict[str, Adapter]:
        """
        Return the adapters by name, in the order of their numbers.

        Raises:
            BusError: bluetoothd is not running, does not answer, or not to this user.
        """
        reply = await self._call(Message(_BLUEZ, "/", _OBJECT_MANAGER, "GetManagedObjects"))
        return self._adapters(reply.body[0])

    async def call_bus(self, member: str, *arguments: str) -> Message:
        """Call a method of the bus itself; return its answer. Raises BusError."""
        path, signature = "/org/freedesktop/DBus", "s" * len(arguments)
        return await self._call(Message(_BUS, path, _BUS, member, signature=signature, body=list(arguments)))

    async def forget(self, device: str) -> None:
        """Have bluetoothd forget a device, by its path, until it is heard again. Raises BusError."""
        self.kept.pop(device, None)
        path = device.rpartition("/")[0]
        await self._call(Message(_BLUEZ, path, _ADAPTER, "RemoveDevice", signature="o", body=[device]))

    async def register(self, monitor: ServiceInterface) -> str | None:
        """
        Have bluetoothd serve an advertisement monitor on the chosen adapter, until the connection ends.

        Args:
            monitor: An org.bluez.AdvertisementMonitor1.

        Returns:
            Why it does not, in words; None if it does.
        """
        call = Message(
            _BLUEZ, f"/org/bluez/{self._adapter}", _MONITORS, "RegisterMonitor", signature="o", body=[_MONITOR_PATH]
        )
        try:
            await self._call(call)
        except ScannerError as error:
            return str(error)
        # Only now: bluetoothd looks for what appears after it was told where to look.
        self._bus.export(_MONITOR_PATH, monitor)
        with suppress(asyncio.TimeoutError):
            await within(min(_ACTIVATION_TIMEOUT_S, self._left_s()), self._is_monitoring.wait())
        return None if self._is_monitoring.is_set() else "without a reason"

    async def watch(self) -> None:
        """
        Wait until scanning can no longer work.

        Raises:
            ScannerError: Always: bluetoothd, the adapter or D-Bus went away, or the adapter was switched off.
        """
        async with Tasks() as tasks:
            disconnected = tasks.start(self._disconnection())
            await tasks.wait(disconnected, tasks.start(self._has_failed.wait()))
            for pause_s in _ALL_IS_SAID_S:
                await tasks.wait(disconnected, timeout_s=pause_s)
            raise ScannerError(f"adapter {self._adapter}: {self._cause(disconnected.done())}")

    async def _disconnection(self) -> None:
        """Wait until the connection to the system bus has ended, however it did."""
        with suppress(Exception):
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # it has no annotations

    def _cause(self, is_disconnected: bool) -> str:
        """Return the problem that explains the others."""
        if is_disconnected:
            return hints.DBUS_WENT_AWAY
        cause = next(problem for problem in _CAUSES if problem in self._problems)
        return hints.BLOCKED if cause == hints.SWITCHED_OFF and _is_blocked(self._adapter) else cause

    def _adapters(self, objects: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Adapter]:
        """Return the adapters by name, in the order of their numbers."""
        devices = {path: interfaces[_DEVICE] for path, interfaces in objects.items() if _DEVICE in interfaces}
        self.kept = {
            path: {uuid: bytes(data.value) for uuid, data in device["ServiceData"].value.items()}
            for path, device in devices.items()
            if "ServiceData" in device
        }
        in_use = ("Paired", "Connected")
        self.passing = {path for path, it in devices.items() if not any(key in it and it[key].value for key in in_use)}
        adapters = []
        for path, interfaces in objects.items():
            if _ADAPTER in interfaces:
                properties = {name: variant.value for name, variant in interfaces[_ADAPTER].items()}
                can_scan = "central" in properties.get("Roles", ["central"])
                name, is_powered = path.rpartition("/")[2], bool(properties["Powered"])
                is_discovering = bool(properties.get("Discovering"))
                adapters.append(Adapter(name, is_powered, can_scan, _MONITORS in interfaces, is_discovering))
        return {adapter.name: adapter for adapter in sorted(adapters, key=lambda one: (len(one.name), one.name))}

    async def _call(self, message: Message) -> Message:
        try:
            reply = await within(self._left_s(), self._bus.call(message))
        except asyncio.TimeoutError:
            raise BusError("org.freedesktop.DBus.Error.NoReply", "") from None
        except (OSError, EOFError) as error:
            raise ScannerError(hints.no_dbus(one_line(error))) from error
        if reply.message_type is MessageType.ERROR:
            raise BusError(reply.error_name or "an error", one_line(" ".join(map(str, reply.body))))
        return reply

    def _left_s(self) -> float:
        return max(0.0, self._deadline - asyncio.get_running_loop().time())

    def _on_message(self, message: Message) -> None:
        if message.message_type is MessageType.METHOD_CALL and message.member == "Activate":
            self._is_monitoring.set()
        if message.message_type is MessageType.SIGNAL:
            problem = self._problem(message.member or "", message.path or "", message.body)
            if problem is not None:
                self._problems.add(problem)
                self._has_failed.set()

    def _problem(self, member: str, path: str, body: list[Any]) -> str | None:
        """Return what a signal means for the scan, where it means anything."""
        adapter_path = f"/org/bluez/{self._adapter}"
        if member == "NameOwnerChanged":
            name, old_owner, _new_owner = body
            return hints.WENT_AWAY if name == _BLUEZ and old_owner else None
        if member == "InterfacesRemoved":
            removed_path, interfaces = body
            return hints.UNPLUGGED if removed_path == adapter_path and _ADAPTER in interfaces else None
        if member == "PropertiesChanged" and path == adapter_path and body[0] == _ADAPTER:
            powered = body[1].get("Powered")
            return hints.SWITCHED_OFF if powered is not None and not powered.value else None
        return None


@asynccontextmanager
async def connected() -> AsyncIterator[Stack]:
    """
    Connect to the system bus, for as long as the block lasts.

    Raises:
        ScannerError: There is no system bus, or it does not let this user in.
    """
    deadline = asyncio.get_running_loop().time() + _ANSWER_TIMEOUT_S
    try:
        bus = MessageBus(bus_type=BusType.SYSTEM)
        await within(_ANSWER_TIMEOUT_S, bus.connect())
    except (AuthError, InvalidAddressError, OSError, EOFError, asyncio.TimeoutError) as error:
        raise ScannerError(hints.no_dbus(one_line(error) or type(error).__name__)) from error
    try:
        yield Stack(bus, deadline)
    finally:
        bus.disconnect()


def _is_blocked(adapter: str) -> bool:
    """Whether rfkill blocks an adapter, by software or by a switch; bluetoothd 5.66 does not tell."""
    return any(
        flag.read_text().strip() == "1"
        for kind in ("soft", "hard")
        for flag in (_SYSFS / adapter).glob(f"rfkill*/{kind}")
    )
