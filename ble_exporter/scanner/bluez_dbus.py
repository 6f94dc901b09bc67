"""
BlueZ on the system bus: its adapters and devices, and requests to bluetoothd.

bleak has its own connection, over which it starts and stops scans, and receives advertisements.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

from dbus_fast import BusType, Message, MessageType, Variant, unpack_variants
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, InvalidAddressError
from dbus_fast.service import ServiceInterface

from ble_exporter.errors import ScannerError
from ble_exporter.scanner import hints
from ble_exporter.tasks import within
from ble_exporter.utils import one_line

BUS = "org.freedesktop.DBus"
BLUEZ = "org.bluez"
ADAPTER = "org.bluez.Adapter1"
_DEVICE = "org.bluez.Device1"
_MONITORS = "org.bluez.AdvertisementMonitorManager1"
_OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_MONITOR_PATH = "/ble_exporter/monitor"

# The total timeout of all requests before a scan. bluetoothd answers in milliseconds, but D-Bus may have to start it
# first.
ANSWER_TIMEOUT_S = 10.0
# For requests whose callers set their own timeouts.
_NO_TIMEOUT = 3600.0
# The timeout for the activation of an advertisement monitor, which usually takes 20 ms.
_ACTIVATION_TIMEOUT_S = 1.0

ServiceData = Mapping[str, bytes]


class Adapter(NamedTuple):
    """An adapter, as reported by bluetoothd."""

    name: str  # "hci0"
    is_powered: bool
    can_scan: bool  # it supports Low Energy
    can_monitor: bool  # bluetoothd offers advertisement monitors on it; a passive scan needs one
    is_discovering: bool = False  # it is scanning actively, for this or another program
    can_match: bool = False  # its controller, not bluetoothd, compares advertisements with the monitors' patterns


class BusError(ScannerError):
    """A D-Bus request was refused, or not answered; `name` is the name of the D-Bus error."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(*hints.dbus_error(name, text))
        self.name = name


class Bluez:
    """
    A connection to bluetoothd over the system bus, made by `connect`.

    bluetoothd must answer every request before a scan by `deadline`, in seconds of the event loop's clock, and activate
    an advertisement monitor within `activation_timeout_s`. A request that is refused or not answered in time raises a
    BusError; if the connection fails, it raises another ScannerError.

    Attributes:
        cached_data: The service data that bluetoothd has cached, by the device's D-Bus path; set by `adapters`.
        unused_devices: D-Bus paths of the devices that are neither paired nor connected; set by `adapters`.
        connected_devices: D-Bus paths of the connected devices; set by `adapters`.
    """

    def __init__(self, bus: MessageBus, deadline: float, activation_timeout_s: float) -> None:
        self.cached_data: dict[str, ServiceData] = {}
        self.unused_devices: set[str] = set()
        self.connected_devices: set[str] = set()
        self._bus = bus
        self._deadline = deadline
        self._activation_timeout_s = activation_timeout_s

    @property
    def is_connected(self) -> bool:
        """Whether the connection is still open."""
        return bool(self._bus.connected)

    async def wait_for_disconnect(self) -> None:
        """Wait until the connection has ended, for whatever reason."""
        with suppress(Exception):
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # the method has no annotations

    def add_message_handler(self, handler: Callable[[Message], None]) -> None:
        """Call the handler with every message received."""
        self._bus.add_message_handler(handler)

    async def adapters(self) -> dict[str, Adapter]:
        """Return the adapters by name, in the order of their numbers. Raises ScannerError."""
        reply = await self._call(Message(BLUEZ, "/", _OBJECT_MANAGER, "GetManagedObjects"))
        objects: dict[str, dict[str, dict[str, Any]]] = unpack_variants(reply.body[0])
        devices = {path: interfaces[_DEVICE] for path, interfaces in objects.items() if _DEVICE in interfaces}
        self.cached_data = {path: it["ServiceData"] for path, it in devices.items() if "ServiceData" in it}
        self.unused_devices = {
            path for path, device in devices.items() if not (device.get("Paired") or device.get("Connected"))
        }
        self.connected_devices = {path for path, device in devices.items() if device.get("Connected")}
        adapters = [
            Adapter(
                name=path.rpartition("/")[2],
                is_powered=interfaces[ADAPTER]["Powered"],
                can_scan="central" in interfaces[ADAPTER].get("Roles", ["central"]),
                can_monitor=_MONITORS in interfaces,
                is_discovering=interfaces[ADAPTER].get("Discovering", False),
                can_match="controller-patterns" in interfaces.get(_MONITORS, {}).get("SupportedFeatures", []),
            )
            for path, interfaces in objects.items()
            if ADAPTER in interfaces
        ]
        return {adapter.name: adapter for adapter in sorted(adapters, key=lambda one: (len(one.name), one.name))}

    async def call_bus(self, member: str, *arguments: str) -> Message:
        """Call a method of the bus itself; return the reply. Raises ScannerError."""
        path, signature = "/org/freedesktop/DBus", "s" * len(arguments)
        return await self._call(Message(BUS, path, BUS, member, signature=signature, body=list(arguments)))

    async def forget(self, device: str, timeout_s: float | None = None) -> None:
        """
        Make bluetoothd forget the device at a D-Bus path until it hears the device again. Raises ScannerError.

        During a scan, `timeout_s` must replace the deadline, which is only for requests before a scan.
        """
        self.cached_data.pop(device, None)
        path = device.rpartition("/")[0]
        await self._call(Message(BLUEZ, path, ADAPTER, "RemoveDevice", signature="o", body=[device]), timeout_s)

    async def start_discovery(self, adapter: str, *, least_dbm: int, service: str | None) -> None:
        """
        Make bluetoothd scan until `stop_discovery` or the end of the connection.

        bluetoothd then reports only devices with an RSSI of at least `least_dbm` and, if `service` is given, with this
        service UUID. Raises ScannerError.
        """
        path = f"/org/bluez/{adapter}"
        filters = {
            "Transport": Variant("s", "le"),
            "RSSI": Variant("n", least_dbm),
            **({"UUIDs": Variant("as", [service])} if service else {}),
        }
        body = [filters]
        await self._call(Message(BLUEZ, path, ADAPTER, "SetDiscoveryFilter", signature="a{sv}", body=body), _NO_TIMEOUT)
        await self._call(Message(BLUEZ, path, ADAPTER, "StartDiscovery"), _NO_TIMEOUT)

    async def stop_discovery(self, adapter: str) -> None:
        """Make bluetoothd stop scanning for this program. Raises ScannerError."""
        await self._call(Message(BLUEZ, f"/org/bluez/{adapter}", ADAPTER, "StopDiscovery"), _NO_TIMEOUT)

    async def set_powered(self, adapter: str, *, is_on: bool, timeout_s: float) -> None:
        """Make bluetoothd power an adapter on or off. Raises ScannerError."""
        path, body = f"/org/bluez/{adapter}", [ADAPTER, "Powered", Variant("b", is_on)]
        await self._call(Message(BLUEZ, path, _PROPERTIES, "Set", signature="ssv", body=body), timeout_s)

    async def register(self, monitor: ServiceInterface, adapter: str) -> str | None:
        """
        Register an org.bluez.AdvertisementMonitor1 on an adapter, until the connection ends.

        Returns:
            Why the monitor is not active: the text of the error, or "no reason given" if bluetoothd did not activate it
            in time. None if it is active.
        """
        path, body = f"/org/bluez/{adapter}", [_MONITOR_PATH]
        is_active = asyncio.Event()

        def note_activation(message: Message) -> None:
            if message.message_type is MessageType.METHOD_CALL and message.member == "Activate":
                is_active.set()

        self._bus.add_message_handler(note_activation)
        try:
            await self._call(Message(BLUEZ, path, _MONITORS, "RegisterMonitor", signature="o", body=body))
        except ScannerError as error:
            return str(error)
        # bluetoothd accepts a monitor only if the monitor appears after the registration of its path.
        self._bus.export(_MONITOR_PATH, monitor)
        with suppress(asyncio.TimeoutError):
            await within(min(self._activation_timeout_s, self._left_s()), is_active.wait())
        return None if is_active.is_set() else "no reason given"

    async def _call(self, message: Message, timeout_s: float | None = None) -> Message:
        try:
            reply = await within(self._left_s() if timeout_s is None else timeout_s, self._bus.call(message))
        except asyncio.TimeoutError:
            raise BusError("org.freedesktop.DBus.Error.NoReply", "") from None
        except (OSError, EOFError) as error:
            raise ScannerError(*hints.no_dbus(error)) from error
        if reply.message_type is MessageType.ERROR:
            raise BusError(reply.error_name or "an error", one_line(" ".join(map(str, reply.body))))
        return reply

    def _left_s(self) -> float:
        return max(0.0, self._deadline - asyncio.get_running_loop().time())


@asynccontextmanager
async def connect(activation_timeout_s: float = _ACTIVATION_TIMEOUT_S) -> AsyncIterator[Bluez]:
    """Connect to the system bus during the block. Raises ScannerError if the bus can't be reached."""
    deadline = asyncio.get_running_loop().time() + ANSWER_TIMEOUT_S
    try:
        bus = MessageBus(bus_type=BusType.SYSTEM)
        await within(ANSWER_TIMEOUT_S, bus.connect())
    except (AuthError, InvalidAddressError, OSError, EOFError, asyncio.TimeoutError) as error:
        raise ScannerError(*hints.no_dbus(error)) from error
    try:
        yield Bluez(bus, deadline, activation_timeout_s)
    finally:
        bus.disconnect()
