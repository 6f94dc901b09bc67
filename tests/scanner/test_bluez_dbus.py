"""Tests of the D-Bus connection to bluetoothd."""

import asyncio
from pathlib import Path

import pytest

from ble_exporter.errors import ScannerError
from ble_exporter.scanner.bluez_dbus import ANSWER_TIMEOUT_S, Adapter, BusError, connect
from ble_exporter.tasks import Tasks
from tests.radios import InVirtualTime
from tests.scanner.conftest import on_bluez
from tests.scanner.scripted_bluez import ADAPTER, ScriptedBluez, adapter_properties, scripted_bluez


async def adapters() -> list[Adapter]:
    """Return the adapters that bluetoothd reports."""
    async with connect() as bluez:
        return list((await bluez.adapters()).values())


def test_the_adapters_are_sorted_by_number(bus: Path) -> None:
    """In alphabetical order, hci10 would precede hci2, and the service uses the first powered adapter."""

    async def ask(bluez: ScriptedBluez) -> list[Adapter]:
        bluez.objects = {f"/org/bluez/{name}": {ADAPTER: adapter_properties()} for name in ("hci10", "hci2")}
        return await adapters()

    assert ["hci2", "hci10"] == [adapter.name for adapter in on_bluez(bus, ask)]


def test_a_refusal_has_its_parts(bus: Path) -> None:
    """`doctor` shows problem, hint and command separately, and must not parse the message."""

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


def test_a_bluetoothd_that_does_not_answer_is_an_error(bus: Path, in_virtual_time: InVirtualTime) -> None:
    """A program that waited for a hung bluetoothd would receive nothing and report no error."""

    async def ask() -> float:
        async with scripted_bluez(bus) as bluez:
            bluez.unanswered["GetManagedObjects"] = asyncio.Event()
            with pytest.raises(BusError, match=r"^bluetoothd does not answer: `systemctl restart bluetooth`$"):
                await adapters()
            return asyncio.get_running_loop().time()

    assert ANSWER_TIMEOUT_S == in_virtual_time(ask())


def test_a_bus_that_ends_before_it_answers_is_an_error(bus: Path) -> None:
    """When the machine shuts down, D-Bus may end before the exporter, which must not cause a traceback."""

    async def ask(bluez: ScriptedBluez) -> None:
        is_asked = bluez.unanswered["GetManagedObjects"] = asyncio.Event()
        async with Tasks() as tasks:
            asking = tasks.start(adapters())
            await is_asked.wait()
            bluez.end_the_bus()
            await tasks.wait(asking)

    with pytest.raises(ScannerError, match=r"^D-Bus can't be reached "):
        on_bluez(bus, ask)


def test_an_invalid_bus_address_is_a_scanner_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address comes from the environment, and an invalid one must not cause a traceback."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "garbage")

    with pytest.raises(ScannerError, match=r"D-Bus can't be reached \(address did not contain a transport"):
        asyncio.run(adapters())
