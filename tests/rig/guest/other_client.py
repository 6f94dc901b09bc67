"""Another program on the system bus, which uses the same adapter as the exporter."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import TypeVar

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

ADAPTER, DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"
HCI0 = "/org/bluez/hci0"
ANSWER_LIMIT_S = 60.0

Result = TypeVar("Result")


def device_path(address: str) -> str:
    """Return the D-Bus path of the device with this address."""
    return f"{HCI0}/dev_{address.replace(':', '_')}"


class OtherClient:
    """
    A connection to the system bus for the duration of a `with` block, after which bluetoothd ends its discovery.

    Attributes:
        discovering: Each new value of hci0's property Discovering.
    """

    def __init__(self) -> None:
        """Prepare the event loop; `__enter__` connects."""
        self.discovering: list[bool] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="other client", daemon=True)

    def __enter__(self) -> OtherClient:
        """Connect to the bus."""
        self._thread.start()
        self._bus = self._run(self._connect())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the bus, as a program does when it ends."""
        self._loop.call_soon_threadsafe(self._bus.disconnect)
        self._run(self._bus.wait_for_disconnect())  # type: ignore[no-untyped-call] # the method has no annotations
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def start_discovery(self, **conditions: Variant) -> str:
        """Start a discovery with this filter; return the name of the D-Bus error, which is empty after success."""
        return self.call(HCI0, ADAPTER, "SetDiscoveryFilter", "a{sv}", conditions) or self.call(
            HCI0, ADAPTER, "StartDiscovery"
        )

    def call(self, path: str, interface: str, member: str, signature: str = "", *body: object) -> str:
        """Call a method of bluetoothd; return the name of the D-Bus error, which is empty after success."""
        call = Message("org.bluez", path, interface, member, signature=signature, body=list(body))
        reply = self._run(self._bus.call(call))
        return reply.error_name or "" if reply.message_type is MessageType.ERROR else ""

    async def _connect(self) -> MessageBus:
        bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        rule = f"type='signal',sender='org.bluez',path='{HCI0}',member='PropertiesChanged'"
        name = "org.freedesktop.DBus"
        await bus.call(Message(name, "/org/freedesktop/DBus", name, "AddMatch", signature="s", body=[rule]))
        bus.add_message_handler(self._on_message)
        return bus

    def _on_message(self, message: Message) -> None:
        if message.member == "PropertiesChanged" and message.path == HCI0 and "Discovering" in message.body[1]:
            self.discovering.append(message.body[1]["Discovering"].value)

    def _run(self, coroutine: Coroutine[object, None, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(ANSWER_LIMIT_S)
