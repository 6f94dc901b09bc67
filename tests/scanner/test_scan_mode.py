"""
Tests of the scan modes of the real radio, on a scripted bluetoothd.

The rig's scenarios passive, passive_not_offered, passive_powered_off, auto_beats_the_filter and auto_without_monitors
verify the same on a real bluetoothd.
"""

from pathlib import Path

import pytest
from bleak.args.bluez import OrPattern

from ble_exporter.config.app_config import ScanMode
from ble_exporter.errors import ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.formats.registry import FORMATS
from ble_exporter.scanner import scan_mode
from tests.conftest import PACKET_A, PACKET_B
from tests.scanner.conftest import on_bluez, quick_radio, scan_while
from tests.scanner.scripted_bluez import ADAPTER, ScriptedBluez, adapter_properties

ADDRESS = "A4:C1:38:00:00:01"


async def scan(
    bluez: ScriptedBluez, mode: ScanMode, *sent: dict[str, bytes] | None, activation_timeout_s: float = 1.0
) -> list[tuple[str, bytes]]:
    """Scan while bluetoothd reports these advertisements; return the packets received."""

    def advertise() -> None:
        for service_data in sent:
            bluez.advertise(ADDRESS, service_data)

    return await scan_while(
        bluez, quick_radio(mode=mode, activation_timeout_s=activation_timeout_s).scan(0.1), advertise
    )


async def asked(bluez: ScriptedBluez, mode: ScanMode, activation_timeout_s: float = 1.0) -> list[str]:
    """Scan; return the methods called on bluetoothd that start or stop something."""
    await scan(bluez, mode, activation_timeout_s=activation_timeout_s)
    return [member for member, _path in bluez.calls if member.startswith(("Start", "Stop", "Register", "Unregister"))]


async def experimental(bluez: ScriptedBluez, mode: ScanMode, activation_timeout_s: float = 1.0) -> list[str]:
    """Scan with a bluetoothd that offers advertisement monitors; return the methods as `asked` does."""
    bluez.experiment()
    return await asked(bluez, mode, activation_timeout_s)


def test_a_passive_scan_starts_no_discovery(bus: Path) -> None:
    """A discovery sends scan requests, and answering them drains the sensors' batteries."""

    async def heard(bluez: ScriptedBluez) -> list[tuple[str, bytes]]:
        bluez.experiment()
        return await scan(bluez, "passive", {UUID: PACKET_A}, None, {UUID: PACKET_B})

    assert on_bluez(bus, heard) == [(ADDRESS, PACKET_A), (ADDRESS, PACKET_B)]
    assert [
        "RegisterMonitor",  # the exporter's, to check that monitors work
        "RegisterMonitor",
        "UnregisterMonitor",
    ] == on_bluez(bus, lambda bluez: experimental(bluez, "passive"))


def test_a_passive_scan_has_a_pattern_for_every_format() -> None:
    """Packets of a format without a pattern would never be received, and no error would say so."""
    asked = {pattern.content_of_pattern[::-1].hex() for pattern in map(OrPattern._make, scan_mode._PATTERNS)}

    assert asked == {uuid[4:8] for uuid in FORMATS}


@pytest.mark.parametrize(("features", "matches"), [([], False), (["controller-patterns"], True)])
def test_the_monitor_matches_nothing_unless_the_controller_compares(
    bus: Path, features: list[str], *, matches: bool
) -> None:
    """For each match, bluetoothd calls a method; a controller that itself compares patterns may report only matches."""

    async def exported(bluez: ScriptedBluez) -> list[tuple[int, int, bytes]]:
        bluez.monitor_features = features
        await experimental(bluez, "auto")
        return bluez.patterns[0]

    patterns = on_bluez(bus, exported)

    assert matches == ([tuple(one) for one in scan_mode._PATTERNS] == patterns)
    assert patterns


def test_auto_registers_the_monitor_before_it_scans(bus: Path) -> None:
    """The kernel disables the controller's duplicate filter only for scans that start when a monitor is registered."""
    calls = on_bluez(bus, lambda bluez: experimental(bluez, "auto"))

    assert ["RegisterMonitor", "StartDiscovery", "StopDiscovery"] == calls


@pytest.mark.parametrize(("mode", "is_experimental"), [("active", True), ("active", False), ("auto", False)])
def test_other_scans_are_only_a_discovery(bus: Path, mode: ScanMode, *, is_experimental: bool) -> None:
    """A request for a monitor that bluetoothd does not offer would fail; the mode `active` must use no monitor."""
    calls = on_bluez(bus, lambda bluez: (experimental if is_experimental else asked)(bluez, mode))

    assert ["StartDiscovery", "StopDiscovery"] == calls


@pytest.mark.parametrize(
    ("mode", "is_experimental", "said"),
    [
        ("active", True, "scanning with hci0, actively"),
        ("passive", True, "scanning with hci0, passively"),
        ("auto", True, "scanning with hci0, actively, and with a monitor, so that nothing is filtered as a duplicate"),
        ("auto", False, "actively (scan_mode auto: bluetoothd offers no advertisement monitor"),
    ],
)
def test_the_choice_is_logged(
    bus: Path, caplog: pytest.LogCaptureFixture, mode: ScanMode, said: str, *, is_experimental: bool
) -> None:
    """Users who receive few packets need to know the scan mode and its reason."""
    caplog.set_level("INFO", logger="ble_exporter")

    on_bluez(bus, lambda bluez: (experimental if is_experimental else asked)(bluez, mode))

    assert [True] == [said in message for message in caplog.messages if message.startswith("scanning")]


def test_a_refused_monitor_is_no_failure(bus: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The scan continues without a monitor; the log says so, because the controller may filter duplicates."""
    caplog.set_level("INFO", logger="ble_exporter")

    async def refused(bluez: ScriptedBluez) -> list[str]:
        bluez.errors["RegisterMonitor"] = ("org.bluez.Error.Failed", "no room")
        return await experimental(bluez, "auto")

    assert "StartDiscovery" in on_bluez(bus, refused)
    assert "bluetoothd refused an advertisement monitor (org.bluez.Error.Failed: no room)" in caplog.text


def test_a_monitor_that_is_never_activated_is_no_failure(bus: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The kernel may refuse a monitor that bluetoothd accepted, and the scan must continue without it."""
    caplog.set_level("INFO", logger="ble_exporter")

    async def ignored(bluez: ScriptedBluez) -> list[str]:
        bluez.activates = False
        return await experimental(bluez, "auto", activation_timeout_s=0.02)

    assert "StartDiscovery" in on_bluez(bus, ignored)
    assert "bluetoothd refused an advertisement monitor (no reason given)" in caplog.text


def test_a_passive_scan_that_bluetoothd_does_not_offer_is_refused(bus: Path) -> None:
    """The user needs a hint, since bleak's error names neither bluetoothd's option nor another scan mode."""
    with pytest.raises(ScannerError, match=r"adapter hci0: it can't scan passively: .*--experimental.*scan_mode"):
        on_bluez(bus, lambda bluez: scan(bluez, "passive"))


def test_a_passive_scan_whose_monitor_is_never_activated_is_refused(bus: Path) -> None:
    """The scan would receive nothing, with no error from bleak, until the silence limit."""

    async def ignored(bluez: ScriptedBluez) -> None:
        bluez.activates = False
        await experimental(bluez, "passive", activation_timeout_s=0.02)

    with pytest.raises(ScannerError, match="adapter hci0: it can't scan passively: bluetoothd refused"):
        on_bluez(bus, ignored)


def test_a_passive_scan_with_a_powered_off_adapter_is_refused(bus: Path) -> None:
    """The scan would start in bleak without an error, and receive nothing."""

    async def powered_off(bluez: ScriptedBluez) -> None:
        bluez.objects = {"/org/bluez/hci0": {ADAPTER: adapter_properties(powered=False)}}
        bluez.experiment()
        await quick_radio("hci0", "passive").scan(5)

    with pytest.raises(ScannerError, match="adapter hci0: it is powered off"):
        on_bluez(bus, powered_off)
