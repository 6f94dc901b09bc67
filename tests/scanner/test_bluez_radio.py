"""
Tests that an active scan is started again when another program has ended or disturbed it.

bleak runs on a scripted bluetoothd, in virtual time. The rig's scenarios in scenarios_other_clients.py verify the same
on a real one.
"""

import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from bleak import BleakScanner

from ble_exporter.config.app_config import ScanMode
from ble_exporter.errors import ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.scanner import BleakScannerImpl
from ble_exporter.scanner.radio import Everything
from ble_exporter.scanner.session import listening
from ble_exporter.scanner.stack_watch import IDLE_S
from tests.conftest import PACKET_A
from tests.radios import InVirtualTime
from tests.scanner.scripted_bluez import ScriptedBluez, scripted_bluez

ADDRESS = "A4:C1:38:00:00:01"
LIMIT_S = 90.0
Wait = Callable[[float], Coroutine[Any, Any, None]]
Act = Callable[[ScriptedBluez, Wait], Coroutine[Any, Any, None]]


class Scan:
    """A scan with a scripted bluetoothd: what was heard, the methods called, and the options of each bleak scanner."""

    def __init__(self, mode: ScanMode = "active") -> None:
        self.heard: list[Advertisement] = []
        self.options: list[dict[str, Any]] = []
        self.radio = BleakScannerImpl(None, LIMIT_S, mode, make_scanner=self._make_scanner)
        self.calls: list[str] = []

    async def run(self, bus: Path, act: Act) -> None:
        """Listen while `act` runs."""
        async with scripted_bluez(bus) as bluez:
            bluez.experiment()
            try:
                async with listening(self.radio, Everything(self.heard.append)) as wait:

                    async def listen(seconds: float) -> None:
                        await wait(seconds)

                    await act(bluez, listen)
            finally:
                self.calls = [member for member, _path in bluez.calls]

    def _make_scanner(self, callback: Any, *, bluez: Any, **options: Any) -> BleakScanner:  # noqa: ANN401 - bleak's
        self.options.append(bluez)
        return BleakScanner(callback, bluez=bluez, **options)


async def hear(bluez: ScriptedBluez, wait: Wait) -> None:
    """Receive one packet."""
    bluez.advertise(ADDRESS, {UUID: PACKET_A})
    await wait(1.5)


def test_a_scan_that_bluetoothd_has_ended_is_started_again(
    bus: Path, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """Another program's failing StartDiscovery ends everybody's scan without an error."""
    scan = Scan()

    async def act(bluez: ScriptedBluez, wait: Wait) -> None:
        await hear(bluez, wait)
        bluez.end_discovery()
        await wait(IDLE_S + 1)
        await hear(bluez, wait)

    in_virtual_time(scan.run(bus, act))

    assert 2 == scan.calls.count("StartDiscovery")
    assert 2 == len(scan.heard)
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "adapter hci0: bluetoothd has ended the scan, probably because of another program" in said[0]


def test_a_moment_without_discovery_is_not_the_end(bus: Path, in_virtual_time: InVirtualTime) -> None:
    """When another program changes the discovery, bluetoothd may stop it for a moment, which needs no repair."""
    scan = Scan()

    async def act(bluez: ScriptedBluez, wait: Wait) -> None:
        bluez.end_discovery()
        await wait(IDLE_S / 2)
        bluez.begin_discovery()
        await wait(3 * IDLE_S)

    in_virtual_time(scan.run(bus, act))

    assert 1 == scan.calls.count("StartDiscovery")


def test_each_new_end_is_mended_as_long_as_something_is_heard(
    bus: Path, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """A program that ends the scan again and again must neither end the exporter nor fill its log."""
    scan = Scan()

    async def act(bluez: ScriptedBluez, wait: Wait) -> None:
        for _time in range(5):
            await hear(bluez, wait)
            bluez.end_discovery()
            await wait(20)

    in_virtual_time(scan.run(bus, act))

    assert (6, 5) == (scan.calls.count("StartDiscovery"), len(scan.heard))
    assert 1 == sum(
        "has ended the scan" in record.getMessage() and record.levelno > logging.DEBUG for record in caplog.records
    )


def test_a_second_end_before_anything_is_heard_is_a_failure(bus: Path, in_virtual_time: InVirtualTime) -> None:
    """Endless restarts of the scan would hide that no sensor is heard."""

    async def act(bluez: ScriptedBluez, wait: Wait) -> None:
        await hear(bluez, wait)
        for _time in range(2):
            bluez.end_discovery()
            await wait(IDLE_S + 1)

    with pytest.raises(ScannerError, match=r"hci0: bluetoothd has ended the scan again .* `ble-exporter doctor`"):
        in_virtual_time(Scan().run(bus, act))


def test_a_refused_new_start_is_a_failure_with_both_causes(bus: Path, in_virtual_time: InVirtualTime) -> None:
    """The error must state why the scan ended and why its restart failed; the hint belongs to the second cause."""

    async def act(bluez: ScriptedBluez, wait: Wait) -> None:
        bluez.errors["StartDiscovery"] = ("org.bluez.Error.NotReady", "Resource Not Ready")
        bluez.end_discovery()
        await wait(30)

    said = (
        "hci0: bluetoothd has ended the scan, .*, and does not start it again .*powered off.*: `bluetoothctl power on`"
    )
    with pytest.raises(ScannerError, match=said):
        in_virtual_time(Scan().run(bus, act))


def test_after_a_third_of_the_silence_limit_the_scan_ignores_patterns(
    bus: Path, in_virtual_time: InVirtualTime
) -> None:
    """The filter of another program can make bluetoothd report nothing, although it scans."""
    scan = Scan()

    async def act(bluez: ScriptedBluez, wait: Wait) -> None:
        await wait(LIMIT_S / 3 + 2)
        await hear(bluez, wait)
        assert scan.radio.silence is None

    in_virtual_time(scan.run(bus, act))

    assert [{"DuplicateData": True}, {"DuplicateData": True, "Pattern": ""}] == [one["filters"] for one in scan.options]
    assert 1 == len(scan.heard)


def test_a_bluetoothd_that_does_not_know_patterns_gets_the_usual_filter(
    bus: Path, in_virtual_time: InVirtualTime
) -> None:
    """Old versions of bluetoothd refuse a filter with an unknown key, and the scan must start nevertheless."""
    scan = Scan()

    async def act(bluez: ScriptedBluez, wait: Wait) -> None:
        bluez.refused_filters.add("Pattern")
        await wait(LIMIT_S / 3 + 2)
        await hear(bluez, wait)

    in_virtual_time(scan.run(bus, act))

    assert (2, 1) == (scan.calls.count("StartDiscovery"), len(scan.heard))


def test_a_silence_that_a_new_start_does_not_end_fails_at_its_limit(bus: Path, in_virtual_time: InVirtualTime) -> None:
    """If a restart of the scan does not help, the controller has probably hung, and the configured limit must hold."""
    scan = Scan()

    async def act(bluez: ScriptedBluez, wait: Wait) -> None:
        await wait(LIMIT_S / 3 + 1.5)
        assert "adapter hci0: nothing was heard for 31 s, not even from unknown devices" == scan.radio.silence
        bluez.errors["StartDiscovery"] = ("org.bluez.Error.InProgress", "Operation already in progress")
        await wait(LIMIT_S)

    with pytest.raises(ScannerError, match="hci0: nothing was heard for 90 s, not even from unknown devices"):
        in_virtual_time(scan.run(bus, act))

    assert 2 == scan.calls.count("StartDiscovery")


def test_a_passive_scan_does_not_depend_on_discovery(bus: Path, in_virtual_time: InVirtualTime) -> None:
    """During a passive scan, Discovering shows the state of other programs' scans, so its end needs no repair."""
    scan = Scan("passive")

    async def act(bluez: ScriptedBluez, wait: Wait) -> None:
        bluez.end_discovery()
        await wait(10 * IDLE_S)

    in_virtual_time(scan.run(bus, act))

    assert 0 == scan.calls.count("StartDiscovery")
    assert 1 == len(scan.options)
