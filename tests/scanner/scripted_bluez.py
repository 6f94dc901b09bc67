"""
A D-Bus system bus with a scripted bluetoothd, in the test process; bleak and StackWatch use both like the real ones.

The scripted bluetoothd answers as bluetoothd 5.66 does; the scenarios of tests/rig test the same cases on the real one.
No dbus-daemon is needed: the bus is a socket that sends every signal to every client.
"""

import asyncio
import io
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast._private.unmarshaller import Unmarshaller

ADAPTER, DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"
MONITOR, MONITORS = "org.bluez.AdvertisementMonitor1", "org.bluez.AdvertisementMonitorManager1"
OBJECT_MANAGER, PROPERTIES = "org.freedesktop.DBus.ObjectManager", "org.freedesktop.DBus.Properties"
BUS = "org.freedesktop.DBus"
Properties = dict[str, Variant]


def adapter_properties(*, powered: bool = True, roles: tuple[str, ...] = ("central", "peripheral")) -> Properties:
    """Return the D-Bus properties that bluetoothd reports for an adapter."""
    return {
        "Address": Variant("s", "00:1A:7D:DA:71:01"),
        "Powered": Variant("b", powered),
        "Discovering": Variant("b", False),
        "Roles": Variant("as", list(roles)),
        "UUIDs": Variant("as", []),
    }


class ScriptedBluez:
    """
    The bus and its bluetoothd.

    `calls`, `discovery_filters`, `patterns`, `discovering` and `powered` record what clients do; tests set the others.

    Attributes:
        objects: The result of GetManagedObjects.
        errors: Maps a method that must fail to the error's name and text.
        unanswered: Maps a method that must not be answered to an event, which is set when the method is called.
        calls: The called methods, each with the path of its object.
        discovery_filters: The conditions of each discovery filter that was accepted.
        activates: Whether bluetoothd activates advertisement monitors.
        patterns: The patterns of each monitor that a client has exported.
        monitor_features: The SupportedFeatures that bluetoothd reports for advertisement monitors.
        processes: Maps the name of each connection on the bus to its process id; 0 means that it has just ended.
        appearing: Maps addresses to service data: one device appears after each answer to GetManagedObjects, as may
            happen while another program scans.
        states: Additional properties of each device that appears.
        discovering: Set by the start of a scan; cleared by StopDiscovery, and by a change of an adapter's power.
        refused_filters: The keys of discovery filters that this bluetoothd does not know.
        powered: Each state (True: on) to which a client has tried to set an adapter's power.
        refused_powers: The states to which bluetoothd can't set an adapter's power.
        cured_by_power_cycle: Whether StartDiscovery and StopDiscovery succeed after a change of an adapter's power.
    """

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Properties]] = {"/org/bluez/hci0": {ADAPTER: adapter_properties()}}
        self.errors: dict[str, tuple[str, str]] = {}
        self.unanswered: dict[str, asyncio.Event] = {}
        self.calls: list[tuple[str, str]] = []
        self.discovery_filters: list[dict[str, Any]] = []
        self.activates = True
        self.patterns: list[list[tuple[int, int, bytes]]] = []
        self.monitor_features: list[str] = []
        self.processes: dict[str, int] = {}
        self.appearing: dict[str, dict[str, bytes]] = {}
        self.states: Properties = {}
        self.discovering = asyncio.Event()
        self.refused_filters: set[str] = set()
        self.powered: list[bool] = []
        self.refused_powers: set[bool] = set()
        self.cured_by_power_cycle = False
        self._clients: list[asyncio.StreamWriter] = []
        self._greeted: list[asyncio.StreamWriter] = []
        self._serving: set[asyncio.Task[Any]] = set()

    def advertise(
        self, address: str, service_data: dict[str, bytes] | None, rssi: int = -60, adapter: str = "hci0"
    ) -> None:
        """Report one advertisement; service data of None means that it has none."""
        path = f"/org/bluez/{adapter}/dev_{address.replace(':', '_')}"
        properties: Properties = {"RSSI": Variant("n", rssi)}
        if service_data is not None:
            properties["ServiceData"] = Variant(
                "a{sv}", {uuid: Variant("ay", data) for uuid, data in service_data.items()}
            )
        if path in self.objects:
            self.objects[path][DEVICE] |= properties
            self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [DEVICE, properties, []])
            return
        fixed = {
            "Address": Variant("s", address),
            "Alias": Variant("s", address.replace(":", "-")),
            "Adapter": Variant("o", f"/org/bluez/{adapter}"),
            "UUIDs": Variant("as", []),
        }
        self.objects[path] = {DEVICE: fixed | self.states | properties}
        self._signal("/", OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, self.objects[path]])

    def experiment(self) -> None:
        """Offer advertisement monitors, as bluetoothd does with --experimental."""
        for interfaces in self.objects.values():
            interfaces[MONITORS] = {
                "SupportedMonitorTypes": Variant("as", ["or_patterns"]),
                "SupportedFeatures": Variant("as", self.monitor_features),
            }

    def power_off(self, adapter: str = "hci0") -> None:
        """Report that an adapter was powered off."""
        body = [ADAPTER, {"Powered": Variant("b", False)}, []]
        self._signal(f"/org/bluez/{adapter}", PROPERTIES, "PropertiesChanged", "sa{sv}as", body)

    def end_discovery(self) -> None:
        """Report that hci0 no longer scans, as after another program has ended everybody's discovery."""
        self._report_discovering("/org/bluez/hci0", is_on=False)

    def begin_discovery(self) -> None:
        """Report that hci0 scans, whichever program asked for it."""
        self._report_discovering("/org/bluez/hci0", is_on=True)

    def unplug(self, adapter: str = "hci0") -> None:
        """Report that an adapter was removed."""
        self._signal("/", OBJECT_MANAGER, "InterfacesRemoved", "oas", [f"/org/bluez/{adapter}", [ADAPTER]])

    def vanish(self) -> None:
        """Report that bluetoothd has ended; GetManagedObjects, StartDiscovery and StopDiscovery then fail."""
        gone = (
            "org.freedesktop.DBus.Error.ServiceUnknown",
            "The name org.bluez was not provided by any .service files",
        )
        self.errors |= dict.fromkeys(("StopDiscovery", "StartDiscovery", "GetManagedObjects"), gone)
        self._signal("/org/freedesktop/DBus", BUS, "NameOwnerChanged", "sss", ["org.bluez", ":1.1", ""])

    def end_the_bus(self) -> None:
        """Close every connection."""
        for client in self._clients:
            client.close()

    async def wait_until_all_have_left(self) -> None:
        """Wait until every client has disconnected."""
        while self._serving:
            await asyncio.wait(self._serving)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a client until it disconnects."""
        self._clients.append(writer)
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._authenticate(reader, writer)
            while True:
                message = await _read(reader)
                if message.message_type is MessageType.METHOD_CALL:
                    self._answer(message, writer)
                elif message.member == "InterfacesAdded":
                    path, interfaces = message.body
                    self.patterns.append([tuple(one) for one in interfaces[MONITOR]["Patterns"].value])
                    if self.activates:
                        _write(writer, Message(":1.7", path, MONITOR, "Activate"))
        writer.close()

    async def _authenticate(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers = {b"AUTH": b"OK 0123456789abcdef\r\n", b"NEGOTIATE_UNIX_FD": b"AGREE_UNIX_FD\r\n"}
        while (words := (await reader.readuntil(b"\r\n")).strip(b"\0\r\n").split(b" "))[0] != b"BEGIN":
            writer.write(answers[words[0]])

    def _answer(self, call: Message, writer: asyncio.StreamWriter) -> None:
        member = call.member or ""
        self.calls.append((member, call.path or ""))
        if member in self.unanswered:
            self.unanswered[member].set()
            return
        error = self._error(call)
        if error is not None:
            reply = Message.new_error(call, *error)
        elif member == "Hello":
            reply = Message.new_method_return(call, "s", [":1.7"])
        elif member == "ListNames":
            reply = Message.new_method_return(call, "as", [list(self.processes)])
        elif member == "GetConnectionUnixProcessID":
            reply = self._process_of(call)
        elif member == "GetManagedObjects":
            reply = Message.new_method_return(call, "a{oa{sa{sv}}}", [self.objects])
        else:
            reply = Message.new_method_return(call)
        _write(writer, reply)
        if member == "Hello":
            self._greeted.append(writer)
        if reply.message_type is not MessageType.ERROR:
            self._follow_up(call)

    def _follow_up(self, call: Message) -> None:
        """Note the changes that a successful call has made, and signal them to all clients."""
        member, path = call.member, call.path or ""
        if member == "SetDiscoveryFilter":
            self.discovery_filters.append({name: condition.value for name, condition in call.body[0].items()})
        if member == "GetManagedObjects" and self.appearing:
            self.advertise(*self.appearing.popitem())
        if member == "RemoveDevice":
            del self.objects[call.body[0]]
            self._signal("/", OBJECT_MANAGER, "InterfacesRemoved", "oas", [call.body[0], [DEVICE]])
        if member == "Set":
            self.objects[path][ADAPTER]["Powered"] = call.body[2]
            self.discovering.clear()
            if self.cured_by_power_cycle:
                for method in ("StartDiscovery", "StopDiscovery"):
                    self.errors.pop(method, None)
            self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [ADAPTER, {"Powered": call.body[2]}, []])
        # bleak registers a monitor only for a passive scan; the exporter's own monitor may also precede an active scan.
        if member == "RegisterMonitor" and call.body[0].startswith("/org/bleak"):
            self.discovering.set()
        if member in ("StartDiscovery", "StopDiscovery"):
            is_on = member == "StartDiscovery"
            self._report_discovering(path, is_on=is_on)
            (self.discovering.set if is_on else self.discovering.clear)()

    def _report_discovering(self, path: str, *, is_on: bool) -> None:
        body: list[Any] = [ADAPTER, {"Discovering": Variant("b", is_on)}, []]
        self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", body)

    def _error(self, call: Message) -> tuple[str, str] | None:
        """Return the name and text of the error with which bluetoothd refuses a call; None if it accepts the call."""
        if call.member == "SetDiscoveryFilter" and self.refused_filters & call.body[0].keys():
            return "org.bluez.Error.InvalidArguments", "Invalid arguments in method call"
        if call.member == "Set":
            self.powered.append(call.body[2].value)
            if self.powered[-1] in self.refused_powers:
                return "org.bluez.Error.Failed", "Authentication Failed"
        return self.errors.get(call.member or "")

    def _process_of(self, call: Message) -> Message:
        process = self.processes[call.body[0]]
        if not process:
            return Message.new_error(call, f"{BUS}.Error.NameHasNoOwner", "it has gone")
        return Message.new_method_return(call, "u", [process])

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        # A client that has not sent Hello would take a signal for an answer to its authentication.
        for client in self._greeted:
            if not client.is_closing():
                _write(client, Message.new_signal(path, interface, member, signature, body))


def _write(writer: asyncio.StreamWriter, message: Message) -> None:
    # All messages can share one serial, because clients match an answer by the serial of their own call.
    message.serial = 1
    writer.write(bytes(message._marshall(negotiate_unix_fd=False)))


async def _read(reader: asyncio.StreamReader) -> Message:
    fixed = await reader.readexactly(16)
    body_length, _serial_number, fields_length = struct.unpack_from("<III", fixed, 4)
    rest = await reader.readexactly((fields_length + 7) // 8 * 8 + body_length)
    message = Unmarshaller(io.BufferedRWPair(io.BytesIO(fixed + rest), io.BytesIO())).unmarshall()
    assert message is not None
    return message


@asynccontextmanager
async def scripted_bluez(socket: Path, bluez: ScriptedBluez | None = None) -> AsyncIterator[ScriptedBluez]:
    """Serve the bus on a socket for the duration of the block."""
    bluez = bluez or ScriptedBluez()
    server = await asyncio.start_unix_server(bluez.accept, socket)
    try:
        yield bluez
    finally:
        bluez.end_the_bus()
        await bluez.wait_until_all_have_left()
        server.close()
