"""The scripted bluetoothd, for the tests of the real radio."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from ble_exporter.scanner import bluez_dbus
from ble_exporter.tasks import Tasks
from tests.scanner.scripted_bluez import ScriptedBluez, scripted_bluez

Result = TypeVar("Result")


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the system bus's socket."""
    socket = tmp_path / "bus"
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={socket}")
    monkeypatch.setattr(bluez_dbus, "_SYSFS", tmp_path / "sys")
    # The scripted bluetoothd says all at once; the real one needs the time.
    monkeypatch.setattr(bluez_dbus, "_ALL_IS_SAID_S", (0.02,))
    return socket


def on_bluez(bus: Path, act: Callable[[ScriptedBluez], Coroutine[Any, Any, Any]]) -> Any:  # noqa: ANN401 - act's result
    """Run something on a scripted bluetoothd."""

    async def run() -> Any:  # noqa: ANN401 - act's result
        async with scripted_bluez(bus) as bluez:
            return await act(bluez)

    return asyncio.run(run())


async def scan_while(
    bluez: ScriptedBluez, scan: Coroutine[Any, Any, Result], act: Callable[[], None] = lambda: None
) -> Result:
    """Scan, and once the radio listens, act; return what the scan does."""
    async with Tasks() as tasks:
        scanning = tasks.start(scan)
        await tasks.wait(scanning, tasks.start(bluez.discovering.wait()))
        act()
        await tasks.wait(scanning)
        return scanning.result()
