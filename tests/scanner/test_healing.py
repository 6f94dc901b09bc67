"""
Resets of an adapter that hangs, on a scripted bluetoothd in virtual time.

The rig's scenarios in scenarios_healing.py verify the same on a real one.
"""

import asyncio
import logging
from pathlib import Path

import pytest
from dbus_fast import Variant

from ble_exporter.errors import ScannerError
from ble_exporter.scanner.healing import PAUSE_S
from ble_exporter.scanner.reset_policy import MOST_FRUITLESS
from ble_exporter.scanner.reset_record import FILE_NAME, ResetRecord, read_resets
from tests.radios import InVirtualTime
from tests.scanner.healed_scan import LIMIT_S, Scan, Wait, nothing
from tests.scanner.scripted_bluez import ADAPTER, adapter_properties

REJECTION = ("org.bluez.Error.InProgress", "Operation already in progress")
OFF_AND_ON = [False, True]


def power_off(scan: Scan) -> None:
    """Power the adapter off without a signal."""
    scan.bluez.objects["/org/bluez/hci0"][ADAPTER]["Powered"] = Variant("b", False)


def test_silence_up_to_the_limit_causes_a_power_cycle(
    scan: Scan, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """A power cycle is what a user would try first; the log gives the reason and the outcome."""
    caplog.set_level(logging.INFO)

    async def act(scan: Scan, wait: Wait) -> None:
        await wait(LIMIT_S - 1)
        assert [] == scan.bluez.powered
        await wait(2)
        assert scan.radio.is_resetting
        assert "adapter hci0: it is being reset" == scan.radio.silence
        assert {"hci0": False} == scan.radio.adapters
        await wait(PAUSE_S + 1)
        assert "adapter hci0: nothing has been heard since its reset" == scan.radio.silence
        scan.hear()
        await wait(2)

    in_virtual_time(scan.run(act))

    assert (OFF_AND_ON, 1) == (scan.bluez.powered, scan.heard)
    assert {("hci0", "heard"): 1} == scan.radio.adapter_resets
    assert (None, False, {"hci0": True}) == (scan.radio.silence, scan.radio.is_resetting, scan.radio.adapters)
    said = [record.getMessage() for record in caplog.records]
    silent = "nothing was heard for 90 s, not even from unknown devices"
    assert f"adapter hci0: {silent}: a power cycle follows" in said
    assert any("adapter hci0: the reset has helped: something was heard again after" in text for text in said)


def test_a_packet_before_the_limit_prevents_the_reset(scan: Scan, in_virtual_time: InVirtualTime) -> None:
    """A quiet place is not a fault."""

    async def act(scan: Scan, wait: Wait) -> None:
        for _time in range(5):
            await wait(LIMIT_S - 2)
            scan.hear()

    in_virtual_time(scan.run(act))

    assert [] == scan.bluez.powered


@pytest.mark.parametrize("scan", [LIMIT_S - 0.1], indirect=True)
def test_a_packet_that_the_end_of_the_scan_delivers_prevents_the_reset(
    scan: Scan, in_virtual_time: InVirtualTime
) -> None:
    """A packet that the ear delivers only when the scan is stopped also shows that the controller has not hung."""

    async def act(scan: Scan, wait: Wait) -> None:
        await wait(LIMIT_S - 0.15)
        scan.hear()
        await wait(10)

    in_virtual_time(scan.run(act))

    assert (1, [], {}) == (scan.heard, scan.bluez.powered, scan.radio.adapter_resets)


def test_resets_without_effect_end_in_the_usual_failure(
    scan: Scan, in_virtual_time: InVirtualTime, tmp_path: Path
) -> None:
    """The service manager, `recover` and the user must learn that resets do not help."""
    said = rf"hci0: nothing was heard for 90 s, .*; it was reset {MOST_FRUITLESS} times without effect: the controller"
    with pytest.raises(ScannerError, match=said):
        in_virtual_time(scan.run(nothing))

    assert MOST_FRUITLESS * OFF_AND_ON == scan.bluez.powered
    assert {("hci0", "silent"): MOST_FRUITLESS} == scan.radio.adapter_resets
    assert read_resets(tmp_path / FILE_NAME)["hci0"].needs_root
    # The last outcome can't be scraped before the end of the program.
    assert {("hci0", "silent"): MOST_FRUITLESS} == ResetRecord(tmp_path).counts


def test_the_next_program_does_not_begin_anew(scan: Scan, in_virtual_time: InVirtualTime) -> None:
    """The service manager restarts the program every 5 s, and each start must count the earlier resets."""
    scan.record.of("hci0").times = [0.0]
    scan.record.of("hci0").fruitless = MOST_FRUITLESS

    with pytest.raises(ScannerError, match="times without effect"):
        in_virtual_time(scan.run(nothing))

    assert [] == scan.bluez.powered


@pytest.mark.parametrize("fruitless", [0, MOST_FRUITLESS])
def test_hearing_withdraws_the_request(
    scan: Scan, in_virtual_time: InVirtualTime, tmp_path: Path, fruitless: int
) -> None:
    """If root's help were still requested after a packet, root would reset a healthy adapter at the next failure."""
    scan.record.of("hci0").fruitless = fruitless
    scan.record.of("hci0").ask_root(0.0)

    async def act(scan: Scan, wait: Wait) -> None:
        scan.hear()
        await wait(2)

    in_virtual_time(scan.run(act))

    resets = read_resets(tmp_path / FILE_NAME)["hci0"]
    assert (False, 0) == (resets.needs_root, resets.fruitless)


def test_a_controller_that_stays_on_counts_as_failed(
    scan: Scan, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """The kernel may refuse to power off a hung controller; the record must not claim that the adapter is off."""
    scan.bluez.refused_powers.add(False)

    with pytest.raises(ScannerError, match="times without effect: "):
        in_virtual_time(scan.run(nothing))

    assert {("hci0", "failed"): MOST_FRUITLESS} == scan.radio.adapter_resets
    assert not scan.record.of("hci0").is_off
    assert "the reset failed: it can't be powered off" in caplog.text


def test_a_stop_during_a_reset_leaves_the_adapter_on(scan: Scan, in_virtual_time: InVirtualTime) -> None:
    """If a scan ends or the service is stopped in the middle of a reset, the reset must be completed."""

    async def act(scan: Scan, wait: Wait) -> None:
        await wait(LIMIT_S + PAUSE_S / 2)
        assert [False] == scan.bluez.powered

    in_virtual_time(scan.run(act))

    assert OFF_AND_ON == scan.bluez.powered


def test_a_stop_during_the_pause_before_a_reset_prevents_it(scan: Scan, in_virtual_time: InVirtualTime) -> None:
    """Before the power cycle has begun, a stop must leave the adapter as it is."""
    scan.bluez.errors["StartDiscovery"] = REJECTION
    scan.record.of("hci0").times = [0.0]

    async def run() -> None:
        stopped = asyncio.ensure_future(scan.run(nothing))  # noqa: TID251 - a test
        await asyncio.sleep(5)
        stopped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopped

    in_virtual_time(run())

    assert [] == scan.bluez.powered


def test_a_bluetoothd_that_does_not_answer_ends_the_reset(scan: Scan, in_virtual_time: InVirtualTime) -> None:
    """A reset must not wait for an answer for ever, nor be repeated for ever."""
    scan.bluez.unanswered["Set"] = asyncio.Event()

    with pytest.raises(ScannerError, match="times without effect"):
        in_virtual_time(scan.run(nothing))

    assert {("hci0", "failed"): MOST_FRUITLESS} == scan.radio.adapter_resets


def test_without_d_bus_the_reset_is_not_tried_again(scan: Scan, in_virtual_time: InVirtualTime) -> None:
    """If bluetoothd does not run, a reset would be useless, and the error must name bluetoothd."""

    async def act(scan: Scan, wait: Wait) -> None:
        scan.bluez.errors["GetManagedObjects"] = ("org.freedesktop.DBus.Error.ServiceUnknown", "")
        await wait(2 * LIMIT_S)

    with pytest.raises(ScannerError, match="bluetoothd is not running"):
        in_virtual_time(scan.run(act))

    assert {} == scan.radio.adapter_resets


def test_another_adapter_does_not_prove_a_reset(scan: Scan, in_virtual_time: InVirtualTime) -> None:
    """If no adapter is configured, the program may continue with another one, which must not count as a success."""
    scan.bluez.objects["/org/bluez/hci1"] = {ADAPTER: adapter_properties()}

    async def act(scan: Scan, wait: Wait) -> None:
        await wait(LIMIT_S + PAUSE_S / 2)
        scan.bluez.objects["/org/bluez/hci0"][ADAPTER]["Roles"] = Variant("as", [])
        await wait(5)
        scan.hear()
        await wait(2)

    in_virtual_time(scan.run(act))

    assert {("hci0", "silent"): 1} == scan.radio.adapter_resets
