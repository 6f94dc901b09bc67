"""Scans that bluetoothd rejects, or can't stop: the radio tries again, and then resets the adapter."""

import asyncio
from collections.abc import Callable

import pytest

from ble_exporter.errors import ScannerError
from ble_exporter.scanner.healing import MOST_RETRIES, RETRY_S
from ble_exporter.scanner.reset_policy import MOST_FRUITLESS
from ble_exporter.scanner.stack_watch import IDLE_S
from tests.radios import InVirtualTime
from tests.scanner.healed_scan import Scan, Wait, nothing
from tests.scanner.test_healing import OFF_AND_ON, REJECTION


def refuse_to_stop(scan: Scan) -> None:
    """Let bluetoothd refuse to stop a scan, as it does if the controller hangs."""
    scan.bluez.errors["StopDiscovery"] = REJECTION


def leave_stop_unanswered(scan: Scan) -> None:
    """Let bluetoothd leave StopDiscovery unanswered."""
    scan.bluez.unanswered["StopDiscovery"] = asyncio.Event()


def test_a_rejected_scan_causes_a_power_cycle(scan: Scan, in_virtual_time: InVirtualTime) -> None:
    """The usual cause of a rejection is a controller that refuses to scan or does not answer."""
    scan.bluez.errors["StartDiscovery"] = REJECTION
    scan.bluez.cured_by_power_cycle = True

    async def act(scan: Scan, wait: Wait) -> None:
        scan.hear()
        await wait(2)

    in_virtual_time(scan.run(act))

    assert (OFF_AND_ON, {("hci0", "heard"): 1}) == (scan.bluez.powered, scan.radio.adapter_resets)


def test_a_rejection_that_passes_causes_no_reset(scan: Scan, in_virtual_time: InVirtualTime) -> None:
    """Another program may be connecting to a device, which bluetoothd does not show."""
    scan.bluez.errors["StartDiscovery"] = REJECTION

    async def run() -> None:
        asyncio.get_running_loop().call_later(MOST_RETRIES * RETRY_S - 0.1, scan.bluez.errors.clear)
        await scan.run(act)

    async def act(scan: Scan, wait: Wait) -> None:
        scan.hear()
        await wait(2)

    in_virtual_time(run())

    assert ([], 1) == (scan.bluez.powered, scan.heard)


def test_rejections_in_a_quiet_place_are_not_tried_again_for_ever(scan: Scan, in_virtual_time: InVirtualTime) -> None:
    """Each scan may start well, end before anything is heard, and be rejected when it is started again."""

    async def act(scan: Scan, wait: Wait) -> None:
        for _ in range(MOST_RETRIES + 1):
            scan.bluez.errors["StartDiscovery"] = REJECTION
            scan.bluez.end_discovery()
            await wait(IDLE_S + RETRY_S / 2)
            scan.bluez.errors.clear()
            await wait(RETRY_S)

    in_virtual_time(scan.run(act))

    assert OFF_AND_ON == scan.bluez.powered


def test_a_scan_that_is_rejected_again_and_again_fails(scan: Scan, in_virtual_time: InVirtualTime) -> None:
    """Endless resets would hide the fault: after three, with longer and longer pauses, the program must give up."""
    scan.bluez.errors["StartDiscovery"] = REJECTION

    async def run() -> float:
        with pytest.raises(ScannerError, match="can't start a scan; it was reset 3 times without effect"):
            await scan.run(nothing)
        return asyncio.get_running_loop().time()

    assert 45 <= in_virtual_time(run()) <= 60
    assert {("hci0", "silent"): MOST_FRUITLESS} == scan.radio.adapter_resets


async def short_scans(scan: Scan, number: int, *, hears: bool = False) -> None:
    """Run `number` scans, one after the other; with `hears`, each receives a packet."""

    async def act(scan: Scan, wait: Wait) -> None:
        if hears:
            scan.hear()
        await wait(RETRY_S + 5)

    for _ in range(number):
        await scan.run(act)


@pytest.mark.parametrize("prepare", [refuse_to_stop, leave_stop_unanswered])
def test_a_scan_that_does_not_stop_causes_a_power_cycle_if_nothing_is_heard(
    scan: Scan, in_virtual_time: InVirtualTime, prepare: Callable[[Scan], None]
) -> None:
    """In short scans, a failing stop reveals a hung controller long before the silence limit does."""
    prepare(scan)
    scan.bluez.cured_by_power_cycle = True

    async def run() -> list[bool]:
        await short_scans(scan, MOST_RETRIES + 1)
        before = list(scan.bluez.powered)
        await short_scans(scan, 1, hears=True)
        return before

    assert ([], OFF_AND_ON) == (in_virtual_time(run()), scan.bluez.powered)


def test_a_scan_that_does_not_stop_is_no_reason_if_anything_is_heard(
    scan: Scan, in_virtual_time: InVirtualTime
) -> None:
    """If packets are heard, the controller works."""
    refuse_to_stop(scan)

    in_virtual_time(short_scans(scan, 3 * MOST_RETRIES, hears=True))

    assert ([], 3 * MOST_RETRIES) == (scan.bluez.powered, scan.heard)
