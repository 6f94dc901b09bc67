"""
Tests that a failure of the Bluetooth stack ends the scan immediately, with the cause and a hint.

bleak and StackWatch run on a scripted bluetoothd. The rig's scenarios bluetoothd_killed, adapter_unplugged,
adapter_powered_off, dbus_killed, controller_hangs, powered_off_at_start, blocked_by_rfkill, scan_refused and
two_adapters verify the same on a real one.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ble_exporter.errors import ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.scanner import BleakScannerImpl, run_for
from ble_exporter.scanner.multi_adapter import MultiAdapterScanner
from ble_exporter.scanner.radio import Everything
from ble_exporter.scanner.session import packets_heard
from ble_exporter.tasks import Tasks, within
from tests.conftest import PACKET_A
from tests.scanner.conftest import on_bluez, quick_radio, scan_while
from tests.scanner.scripted_bluez import ADAPTER, ScriptedBluez, adapter_properties
from tests.scanner.test_inspection import switch

ADDRESS = "A4:C1:38:00:00:01"
SOON_S = 5.0

Act = Callable[[ScriptedBluez], None]


async def scan_and(bluez: ScriptedBluez, radio: BleakScannerImpl, act: Act, duration_s: float = 30.0) -> None:
    """Start a scan, and call `act` when the radio listens."""

    def heard(_advertisement: Advertisement) -> None:
        pass

    await within(SOON_S, scan_while(bluez, run_for(radio, Everything(heard), duration_s), lambda: act(bluez)))


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (ScriptedBluez.vanish, "adapter hci0: bluetoothd went away in the middle of a scan"),
        (ScriptedBluez.unplug, "adapter hci0: it was unplugged"),
        (ScriptedBluez.power_off, "adapter hci0: it was powered off in the middle of a scan"),
        (ScriptedBluez.end_the_bus, "adapter hci0: D-Bus went away in the middle of a scan"),
    ],
    ids=["bluetoothd gone", "unplugged", "powered off", "no bus"],
)
def test_a_failure_during_a_scan_is_reported_immediately(bus: Path, act: Act, said: str) -> None:
    """Because bleak reports none of these failures, the process would continue and serve old values."""
    with pytest.raises(ScannerError, match=said):
        on_bluez(bus, lambda bluez: scan_and(bluez, quick_radio(), act))


def unplug_like_bluez(bluez: ScriptedBluez) -> None:
    """Power off the adapter, then remove it, as BlueZ does when a dongle is unplugged."""
    bluez.power_off()
    bluez.unplug()


def stop_like_bluez(bluez: ScriptedBluez) -> None:
    """Power off and remove the adapter, then end bluetoothd, as BlueZ does when it is stopped."""
    unplug_like_bluez(bluez)
    bluez.vanish()


@pytest.mark.parametrize(
    ("act", "said"), [(unplug_like_bluez, "it was unplugged"), (stop_like_bluez, "bluetoothd went away")]
)
def test_of_several_signals_the_most_serious_is_the_cause(bus: Path, act: Act, said: str) -> None:
    """BlueZ also reports an unplugged dongle as powered off, but `bluetoothctl power on` would be the wrong hint."""
    with pytest.raises(ScannerError, match=f"adapter hci0: {said}"):
        on_bluez(bus, lambda bluez: scan_and(bluez, quick_radio(), act))


def test_a_block_by_rfkill_during_a_scan_is_reported(bus: Path, tmp_path: Path) -> None:
    """BlueZ reports only that the adapter is off, but powering it on does not help."""
    folder = switch(tmp_path, 0)

    def block(bluez: ScriptedBluez) -> None:
        (folder / "soft").write_text("1\n")
        bluez.power_off()

    with pytest.raises(ScannerError, match="adapter hci0: it is blocked by rfkill"):
        on_bluez(bus, lambda bluez: scan_and(bluez, quick_radio(root=tmp_path), block))


def test_a_hung_controller_is_detected_by_its_silence(bus: Path) -> None:
    """Since bluetoothd still reports the controller as scanning, only the silence shows the fault."""
    message = r"adapter hci0: nothing was heard for 0\.1 s, not even from unknown devices"
    with pytest.raises(ScannerError, match=message):
        on_bluez(bus, lambda bluez: scan_and(bluez, quick_radio(silence_limit_s=0.1), lambda _bluez: None))


def test_a_failure_of_another_adapter_does_not_end_the_scan(bus: Path) -> None:
    """A user may unplug a second dongle, which the scan does not use."""

    def others(bluez: ScriptedBluez) -> None:
        bluez.unplug("hci1")
        bluez.power_off("hci1")

    on_bluez(bus, lambda bluez: scan_and(bluez, quick_radio(), others, duration_s=0.2))


def with_adapters(adapters: dict[str, Any]) -> Act:
    """Return a function that gives bluetoothd these adapters."""

    def change(bluez: ScriptedBluez) -> None:
        bluez.objects = {f"/org/bluez/{name}": {ADAPTER: properties} for name, properties in adapters.items()}

    return change


def with_error(member: str, name: str) -> Act:
    """Return a function that makes bluetoothd refuse this method."""

    def change(bluez: ScriptedBluez) -> None:
        bluez.errors[member] = (name, "refused")

    return change


@pytest.mark.parametrize(
    ("change", "wanted", "said"),
    [
        (with_adapters({}), None, "^no Bluetooth adapter: plug one in"),
        (with_adapters({}), "hci0", "^no Bluetooth adapter: plug one in"),
        (with_adapters({"hci0": adapter_properties()}), "hci9", r"adapter hci9: it does not exist: .* \(hci0\)"),
        (with_adapters({"hci0": adapter_properties(powered=False)}), None, "adapter hci0: it is powered off"),
        (with_adapters({"hci0": adapter_properties(powered=False)}), "hci0", "adapter hci0: it is powered off"),
        (with_adapters({"hci0": adapter_properties(roles=())}), None, "adapter hci0: can't scan for Low Energy"),
        (
            with_error("GetManagedObjects", "org.freedesktop.DBus.Error.ServiceUnknown"),
            None,
            "^bluetoothd is not running: `systemctl start bluetooth`",
        ),
        (
            with_error("GetManagedObjects", "org.freedesktop.DBus.Error.Spawn.ChildExited"),
            None,
            "^bluetoothd is not running and can't be started",
        ),
        (with_error("GetManagedObjects", "org.freedesktop.DBus.Error.AccessDenied"), None, "to the group bluetooth"),
        (with_error("StartDiscovery", "org.bluez.Error.InProgress"), None, "hci0: .*another program may be scanning"),
        (with_error("StartDiscovery", "org.bluez.Error.NotReady"), None, "adapter hci0: it is powered off"),
        (with_error("StartDiscovery", "org.bluez.Error.Failed"), None, r"hci0: org\.bluez\.Error\.Failed: refused"),
    ],
)
def test_an_error_at_the_start_is_reported(bus: Path, change: Act, wanted: str | None, said: str) -> None:
    """Each cause needs its own message and hint, because the user sees nothing else."""

    async def scan(bluez: ScriptedBluez) -> None:
        change(bluez)
        await quick_radio(wanted).scan(5)

    with pytest.raises(ScannerError, match=said):
        on_bluez(bus, scan)


def test_a_configured_adapter_that_is_off_is_reported_with_the_others(bus: Path) -> None:
    """A user who has plugged in a second adapter may have forgotten the setting that names the first."""
    adapters = {"hci0": adapter_properties(powered=False), "hci1": adapter_properties()}

    async def scan(bluez: ScriptedBluez) -> None:
        with_adapters(adapters)(bluez)
        await quick_radio("hci0").scan(5)

    with pytest.raises(
        ScannerError, match=r"hci0: it is powered off: `bluetoothctl power on`; or set adapter to hci1$"
    ):
        on_bluez(bus, scan)


@pytest.mark.parametrize(
    ("soft", "hard", "said"), [("1", "0", "blocked by rfkill"), ("0", "1", "blocked"), ("0", "0", "powered")]
)
def test_a_block_by_rfkill_is_distinguished_from_being_powered_off(
    bus: Path, tmp_path: Path, soft: str, hard: str, said: str
) -> None:
    """Powering on a blocked adapter with `bluetoothctl power on` fails, so each cause needs its own hint."""
    switch(tmp_path, 0, soft=soft, hard=hard)

    async def scan(bluez: ScriptedBluez) -> None:
        with_adapters({"hci0": adapter_properties(powered=False)})(bluez)
        await quick_radio(root=tmp_path).scan(5)

    with pytest.raises(ScannerError, match=f"adapter hci0: it is {said}"):
        on_bluez(bus, scan)


def test_the_first_powered_adapter_is_used(bus: Path) -> None:
    """On its own, bleak would choose an adapter at random, and the RSSI could change with each start."""
    adapters = {
        "hci10": adapter_properties(),
        "hci2": adapter_properties(),
        "hci1": adapter_properties(powered=False),
    }

    async def scan(bluez: ScriptedBluez) -> list[str]:
        with_adapters(adapters)(bluez)
        await quick_radio().scan(0.05)
        return [path for member, path in bluez.calls if member == "StartDiscovery"]

    assert ["/org/bluez/hci2"] == on_bluez(bus, scan)


def test_the_silence_of_a_retried_adapter_starts_at_zero(bus: Path, caplog: pytest.LogCaptureFixture) -> None:
    """If its old silence still counted, a retried adapter would exceed the limit immediately, and never recover."""

    async def scan(bluez: ScriptedBluez) -> dict[str, bool]:
        with_adapters({name: adapter_properties() for name in ("hci0", "hci1")})(bluez)
        both = [quick_radio(name, "active", silence_limit_s=0.4) for name in ("hci0", "hci1")]
        radio = MultiAdapterScanner(both, goes_on=True, retry_s=0.01)
        async with Tasks() as tasks:
            tasks.start(packets_heard(radio, 1.3))
            await bluez.discovering.wait()
            for hundredth in range(110):
                bluez.advertise(ADDRESS, {UUID: PACKET_A}, adapter="hci0")
                if hundredth > 55:
                    bluez.advertise(ADDRESS, {UUID: PACKET_A}, adapter="hci1")
                await asyncio.sleep(0.01)
            return dict(radio.adapters)

    assert {"hci0": True, "hci1": True} == on_bluez(bus, scan)
    assert "adapter hci1: nothing was heard for 0.4 s" in caplog.text


def test_an_unused_adapter_is_no_longer_reported(bus: Path) -> None:
    """An adapter that the radio no longer uses may be unplugged, and must not be reported as working."""

    async def scan(bluez: ScriptedBluez) -> dict[str, bool]:
        radio = quick_radio()
        for is_powered in (True, False):
            adapters = {"hci0": adapter_properties(powered=is_powered), "hci1": adapter_properties()}
            with_adapters(adapters)(bluez)
            await radio.scan(0.02)
        return radio.adapters

    assert {"hci1": True} == on_bluez(bus, scan)
