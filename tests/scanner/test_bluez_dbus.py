"""The connection to bluetoothd."""

import asyncio
from pathlib import Path

import pytest

from ble_exporter.errors import ScannerError
from ble_exporter.scanner.bluez_dbus import Adapter, BusError, connect
from tests.scanner.conftest import on_bluez
from tests.scanner.scripted_bluez import ADAPTER, ScriptedBluez, adapter_properties


async def adapters() -> list[Adapter]:
    """Ask for the adapters."""
    async with connect() as bluez:
        return list((await bluez.adapters()).values())


def test_the_adapters_come_in_the_order_of_their_numbers(bus: Path) -> None:
    """hci10 comes after hci2: which one is the first must not depend on the alphabet."""

    async def ask(bluez: ScriptedBluez) -> list[Adapter]:
        bluez.objects = {f"/org/bluez/{name}": {ADAPTER: adapter_properties()} for name in ("hci10", "hci2")}
        return await adapters()

    assert ["hci2", "hci10"] == [adapter.name for adapter in on_bluez(bus, ask)]


def test_a_refusal_has_its_parts(bus: Path) -> None:
    """Whoever shows it to a user, with a command to copy, need not take the message apart."""

    async def ask(bluez: ScriptedBluez) -> BusError:
        bluez.errors["GetManagedObjects"] = ("org.freedesktop.DBus.Error.ServiceUnknown", "not provided")
        with pytest.raises(BusError) as caught:
            await adapters()
        return caught.value

    error = on_bluez(bus, ask)

    assert "bluetoothd is not running" == error.problem
    assert "`systemctl start bluetooth`" == error.hint
    assert "sudo systemctl start bluetooth" == error.command
    assert f"{error.problem}: {error.hint}" == str(error)


def test_an_address_of_the_bus_that_is_none_is_an_error_of_bluetooth(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands in the environment, and was a traceback."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "garbage")

    with pytest.raises(ScannerError, match=r"D-Bus can't be reached \(address did not contain a transport"):
        asyncio.run(adapters())
