"""Adapters that a reset has left powered off, because it failed or the program was killed."""

import asyncio
from pathlib import Path

import pytest

from ble_exporter.errors import ScannerError
from ble_exporter.scanner.reset_policy import FIRST_PAUSE_S, MOST_FRUITLESS
from ble_exporter.scanner.reset_record import ResetRecord
from tests.radios import InVirtualTime
from tests.scanner.healed_scan import Scan, Wait, nothing
from tests.scanner.scripted_bluez import ADAPTER, adapter_properties
from tests.scanner.test_healing import power_off


def test_a_controller_that_stays_off_is_powered_on_again(
    scan: Scan, in_virtual_time: InVirtualTime, tmp_path: Path
) -> None:
    """The exporter itself has powered the adapter off, so nobody else would power it on."""
    scan.bluez.refused_powers.add(True)

    with pytest.raises(ScannerError, match="times without effect, and has been powered off since: "):
        in_virtual_time(scan.run(nothing))

    assert ({("hci0", "failed"): 3}, 1) == (scan.radio.adapter_resets, scan.bluez.powered.count(False))
    # After a restart, the program must know both.
    after = ResetRecord(tmp_path).of("hci0")
    assert (MOST_FRUITLESS, True) == (after.fruitless, after.is_off)


def test_an_adapter_that_a_reset_has_left_off_is_powered_on(scan: Scan, in_virtual_time: InVirtualTime) -> None:
    """The program may have been killed during a reset; the next attempt comes only after the usual pause."""
    power_off(scan)
    scan.record.of("hci0").is_off = True
    scan.record.of("hci0").begin(0.0)

    async def run() -> float:
        await scan.run(act)
        return asyncio.get_running_loop().time()

    async def act(scan: Scan, wait: Wait) -> None:
        scan.hear()
        await wait(1)

    assert FIRST_PAUSE_S < in_virtual_time(run()) < FIRST_PAUSE_S + 5
    assert ([True], 1, False) == (scan.bluez.powered, scan.heard, scan.record.of("hci0").is_off)


def test_an_adapter_that_a_reset_has_left_off_does_not_hide_another_one(
    scan: Scan, in_virtual_time: InVirtualTime
) -> None:
    """If the configuration names no adapter, the program must use one that works."""
    power_off(scan)
    scan.record.of("hci0").is_off = True
    scan.bluez.objects["/org/bluez/hci1"] = {ADAPTER: adapter_properties()}

    async def act(_scan: Scan, wait: Wait) -> None:
        await wait(1)

    in_virtual_time(scan.run(act))

    assert ([], {"hci1": True}) == (scan.bluez.powered, scan.radio.adapters)
    assert scan.record.of("hci0").is_off


def test_an_adapter_that_is_on_again_is_not_touched(scan: Scan, in_virtual_time: InVirtualTime) -> None:
    """Somebody has powered the adapter on or replugged it; if it is off later, this may be on purpose."""
    scan.record.of("hci0").is_off = True

    async def act(scan: Scan, wait: Wait) -> None:
        await wait(1)

    in_virtual_time(scan.run(act))

    assert ([], False) == (scan.bluez.powered, scan.record.of("hci0").is_off)


def test_an_adapter_that_cannot_be_powered_on_is_reported_as_such(scan: Scan, in_virtual_time: InVirtualTime) -> None:
    """The error `powered off` alone would suggest that a user did it. Attempts to power on are limited like resets."""
    power_off(scan)
    scan.record.of("hci0").is_off = True
    scan.record.of("hci0").times, scan.record.of("hci0").fruitless = [0.0], MOST_FRUITLESS

    with pytest.raises(ScannerError, match="hci0: an incomplete reset has left it powered off; it was reset 3"):
        in_virtual_time(scan.run(nothing))

    assert [] == scan.bluez.powered
