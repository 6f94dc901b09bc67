"""Fixtures and helpers that run the real radio on a scripted bluetoothd."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from ble_exporter.config.app_config import DEFAULT_SILENCE_LIMIT_S, ScanMode
from ble_exporter.scanner import BleakScannerImpl
from ble_exporter.scanner.bluez_dbus import connect
from ble_exporter.scanner.radio import Listener
from ble_exporter.scanner.session import listening
from ble_exporter.scanner.stack_watch import StackWatch
from ble_exporter.tasks import Tasks
from tests.radios import InVirtualTime
from tests.scanner.healed_scan import LIMIT_S, Scan
from tests.scanner.monitor_frames import Channel, radio
from tests.scanner.scripted_bluez import ScriptedBluez, scripted_bluez

Result = TypeVar("Result")


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a socket path, after making it the address of the system bus."""
    socket = tmp_path / "bus"
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={socket}")
    return socket


@pytest.fixture
def scan(bus: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scan]:
    """Return a scan with resets, not yet started; the parameter is the silence limit in seconds."""
    channel = Channel()
    yield Scan(bus, tmp_path, channel, limit_s=getattr(request, "param", LIMIT_S))
    channel.close()


def quick_radio(
    adapter: str | None = None,
    mode: ScanMode = "auto",
    silence_limit_s: float = DEFAULT_SILENCE_LIMIT_S,
    *,
    root: Path = Path("/nonexistent"),
    activation_timeout_s: float = 1.0,
) -> BleakScannerImpl:
    """Return a radio with short timeouts, since the scripted bluetoothd answers immediately."""
    return BleakScannerImpl(
        adapter,
        silence_limit_s,
        mode,
        connect_to_bluez=partial(connect, activation_timeout_s),
        make_watch=partial(StackWatch, root=root, pauses_s=(0.02,)),
    )


def on_bluez(bus: Path, act: Callable[[ScriptedBluez], Coroutine[Any, Any, Any]]) -> Any:  # noqa: ANN401 - act's result
    """Run a coroutine with a scripted bluetoothd; return its result."""

    async def run() -> Any:  # noqa: ANN401 - act's result
        async with scripted_bluez(bus) as bluez:
            return await act(bluez)

    return asyncio.run(run())


async def scan_while(
    bluez: ScriptedBluez, scan: Coroutine[Any, Any, Result], act: Callable[[], None] = lambda: None
) -> Result:
    """Start a scan, call `act` when the radio listens, and return the scan's result."""
    async with Tasks() as tasks:
        scanning = tasks.start(scan)
        await tasks.wait(scanning, tasks.start(bluez.discovering.wait()))
        act()
        await tasks.wait(scanning)
        return scanning.result()


@pytest.fixture
def channel() -> Iterator[Channel]:
    """Return a channel without frames."""
    channel = Channel()
    yield channel
    channel.close()


@pytest.fixture
def hear(bus: Path, in_virtual_time: InVirtualTime, channel: Channel) -> Callable[..., ScriptedBluez]:
    """Return a function that delivers frames to a listener, one batch after another, and returns bluetoothd."""

    def run(listener: Listener, *batches: list[bytes], mode: ScanMode = "auto", monitors: bool = True) -> ScriptedBluez:
        async def scan() -> ScriptedBluez:
            async with scripted_bluez(bus) as bluez:
                if monitors:
                    bluez.experiment()
                async with listening(radio(channel, mode), listener) as wait:
                    for batch in batches:
                        channel.receive(*batch)
                        await wait(1)
                return bluez

        return in_virtual_time(scan())  # type: ignore[no-any-return] # the fixture returns the coroutine's result

    return run
