"""Scan modes: active, passive and continuous scans, and scans with several adapters."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator

from .air import Thermometer, thermometer_sender, unknown_devices
from .exporter import Exporter, Scrape
from .polling import wait_until
from .registry import scenario
from .scenarios_failures import assert_noticed, start_powered_off
from .scenarios_readings import BALCONY, CELLAR, LIVING_ROOM, THERMOMETERS, incomplete
from .scenarios_startup import assert_refusal
from .stack import Stack
from .virtual_radio import DuplicateFilter, VirtualRadio

EXPERIMENTAL = "-E"
"""The option with which bluetoothd offers advertisement monitors, which a passive scan needs."""
SECOND_ADDRESS = "00:1A:7D:DA:71:02"
ALL_THE_TIME = {"scan_interval_seconds": 5, "scan_duration_seconds": 5}
SCANS = 4
"""The number of scans to watch for pauses; they outlast the 10 s after which the kernel restarts a scan."""
ENOUGH_TO_LEARN = 10
"""The number of packets after which a passive scan has learned the thermometers' interval."""
ENOUGH_TO_TELL_SHARES = 30
"""When three thermometers have sent this many packets, a fourth one has sent fewer than half as many."""
KERNEL_RESTART_S = 0.5
"""The maximum time that the radio is off when the kernel restarts a scan."""


def pauses_s(radio: VirtualRadio) -> Iterator[float]:
    """Yield the length of each pause between scans."""
    for earlier, later in itertools.pairwise(radio.scan_log):
        if not earlier.scanning and later.scanning:
            yield later.at - earlier.at


def counter(scrape: Scrape, name: str, **labels: str) -> float:
    """Return the value of `ble_exporter_<name>_total`."""
    value = scrape.value(f"ble_exporter_{name}_total", **labels)
    assert value is not None, f"{name} is missing"
    return value


def wait_for_scans(exporter: Exporter, number: int) -> None:
    """Wait until this number of scans has started."""

    def too_few(scrape: Scrape) -> list[str]:
        scans = counter(scrape, "scans")
        return [] if scans >= number else [f"{scans} scans"]

    exporter.wait_until_right(too_few, within_s=40)


def wait_for_packets(exporter: Exporter, number: int) -> Scrape:
    """Wait until this number of the thermometers' packets has been decoded; return the scrape."""

    def too_few(scrape: Scrape) -> list[str]:
        decoded = counter(scrape, "advertisements_decoded")
        return [] if decoded >= number else [f"{decoded:g} packets were decoded"]

    return exporter.wait_until_right(too_few)


@scenario
def passive(stack: Stack) -> None:
    """A passive scan sends no requests; BlueZ reports both packets of each thermometer, and few unknown devices."""
    radio = stack.start(EXPERIMENTAL)
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS), *unknown_devices())
    exporter = stack.start_exporter(THERMOMETERS, ear="bluez", scan_mode="passive", **ALL_THE_TIME)
    exporter.wait_until_right(incomplete)
    scrape = wait_for_packets(exporter, ENOUGH_TO_TELL_SHARES)
    assert not any(change.active for change in radio.scan_log), "the radio scanned actively"
    received, decoded = counter(scrape, "advertisements_received"), counter(scrape, "advertisements_decoded")
    unknown = counter(scrape, "advertisements_unknown_device")
    # Three thermometers are configured, and a neighbour has a fourth of the same make.
    assert unknown < decoded / 2, f"{unknown} of {received} advertisements were of unknown devices"
    exporter.terminate()
    wait_until(lambda: not radio.scanning, "the radio is idle", within_s=3)


@scenario
def passive_not_offered(stack: Stack) -> None:
    """If bluetoothd offers no monitors, a passive scan is refused with a hint."""
    stack.start()
    assert_refusal(stack, "hci0", "can't scan passively", "--experimental", scan_mode="passive")


@scenario
def passive_powered_off(stack: Stack) -> None:
    """A passive scan with a powered-off adapter is refused; bleak would start it without an error."""
    start_powered_off(stack, EXPERIMENTAL)
    assert_refusal(stack, "hci0", "powered off", adapter="hci0", scan_mode="passive")


@scenario
def passive_adapter_unplugged(stack: Stack) -> None:
    """If the adapter is unplugged during a passive scan, the exporter ends with the cause."""
    radio = stack.start(EXPERIMENTAL)
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS))
    exporter = stack.start_exporter(THERMOMETERS, scan_mode="passive", **ALL_THE_TIME)
    exporter.wait_until_right(incomplete)
    assert_noticed(exporter, radio.unplug, "hci0", "unplugged")


@scenario
def passive_controller_hangs(stack: Stack) -> None:
    """BlueZ's passive scan reports only thermometers, so a hang is detected only when their interval is known."""
    radio = stack.start(EXPERIMENTAL)
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS))
    exporter = stack.start_exporter(
        THERMOMETERS, ear="bluez", scan_mode="passive", silence_limit_seconds=5, **ALL_THE_TIME
    )
    wait_for_packets(exporter, ENOUGH_TO_LEARN + 1)
    # The limit may exceed 5 s, because it is at least ten mean intervals between two advertisements.
    assert_noticed(exporter, radio.hang, "hci0", "nothing was heard for", "thermometers only", within_s=10)


@scenario
def all_the_time(stack: Stack) -> None:
    """If duration and interval are equal, the exporter never stops the radio between two scans."""
    radio = stack.start()
    air = stack.start_air(radio, *map(thermometer_sender, THERMOMETERS))
    exporter = stack.start_exporter(THERMOMETERS, **ALL_THE_TIME)
    exporter.wait_until_right(incomplete)
    wait_for_scans(exporter, SCANS)
    longest = max(pauses_s(radio), default=0.0)
    sys.stdout.write(f"the radio was off for at most {longest * 1000:.0f} ms at a time\n")
    assert longest < KERNEL_RESTART_S, f"the radio was off for {longest:.2f} s"
    air.silence(CELLAR)

    def wrongs(scrape: Scrape) -> list[str]:
        there = [CELLAR.name] if CELLAR.name in scrape.devices() else []
        return there + incomplete(scrape, (LIVING_ROOM, BALCONY))

    exporter.wait_until_right(wrongs, within_s=2 * ALL_THE_TIME["scan_interval_seconds"] + 1)


@scenario
def auto_beats_the_filter(stack: Stack) -> None:
    """If the controller treats a sender's second packet as a duplicate, the mode auto disables its duplicate filter."""
    radio = stack.start(EXPERIMENTAL, duplicate_filter=DuplicateFilter.SAME_ADDRESS)
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS))
    exporter = stack.start_exporter(THERMOMETERS, **ALL_THE_TIME)
    exporter.wait_until_right(incomplete)
    assert radio.scan_log[-1].active, "the scan is passive"
    assert 0 == radio.filtered, f"{radio.filtered} packets were filtered"
    assert "with a monitor" in exporter.log(), exporter.log()
    exporter.terminate()
    wait_until(lambda: not radio.scanning, "the radio is idle", within_s=3)


@scenario
def auto_without_monitors(stack: Stack) -> None:
    """If bluetoothd offers no monitors, the mode auto is only an active scan, and the log gives the reason."""
    radio = stack.start()
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS))
    exporter = stack.start_exporter(THERMOMETERS)
    exporter.wait_until_right(incomplete)
    assert radio.scan_log[-1].active, "the scan is passive"
    assert "scan_mode auto: bluetoothd offers no advertisement monitor" in exporter.log(), exporter.log()


def start_two(stack: Stack, **settings: str) -> tuple[VirtualRadio, VirtualRadio, Exporter]:
    """Start two adapters: the living room is in range of only hci0, the cellar of only hci1."""
    first, second = stack.start(), stack.plug_in(VirtualRadio(SECOND_ADDRESS))
    stack.start_air(first, thermometer_sender(LIVING_ROOM), thermometer_sender(BALCONY))
    stack.start_air(second, thermometer_sender(CELLAR), thermometer_sender(BALCONY))
    exporter = stack.start_exporter(THERMOMETERS, adapter=["hci0", "hci1"], **ALL_THE_TIME, **settings)
    return first, second, exporter


def without_rssi(scrape: Scrape, *heard: tuple[Thermometer, str]) -> list[str]:
    """Return a line for each thermometer whose RSSI by the given adapter is missing or wrong."""
    return [
        f"the RSSI of {thermometer.name} by {adapter} is missing or wrong"
        for thermometer, adapter in heard
        if scrape.value("ble_sensor_rssi_dbm", device=thermometer.name, adapter=adapter) != thermometer.rssi_dbm
    ]


@scenario
def two_adapters_at_once(stack: Stack) -> None:
    """Two adapters receive more sensors than one; a sensor in range of both has an RSSI from each."""
    _first, _second, exporter = start_two(stack)

    def wrongs(scrape: Scrape) -> list[str]:
        heard = ((LIVING_ROOM, "hci0"), (BALCONY, "hci0"), (BALCONY, "hci1"), (CELLAR, "hci1"))
        return without_rssi(scrape, *heard)

    scrape = exporter.wait_until_right(wrongs)
    for adapter in ("hci0", "hci1"):
        assert 1 == scrape.value("ble_exporter_adapter_up", adapter=adapter), f"{adapter} is not up"
    assert scrape.value("ble_sensor_rssi_dbm", device=CELLAR.name, adapter="hci0") is None
    exporter.terminate()


@scenario
def one_of_two_unplugged(stack: Stack) -> None:
    """By default the failure of one adapter ends the exporter."""
    _first, second, exporter = start_two(stack)
    exporter.wait_until_right(lambda scrape: without_rssi(scrape, (LIVING_ROOM, "hci0"), (CELLAR, "hci1")))
    assert_noticed(exporter, second.unplug, "hci1", "unplugged")


@scenario
def one_of_two_comes_back(stack: Stack) -> None:
    """With `on_adapter_failure: continue`, the exporter survives the failure of one adapter, but not that of both."""
    first, second, exporter = start_two(stack, on_adapter_failure="continue")
    exporter.wait_until_right(lambda scrape: without_rssi(scrape, (LIVING_ROOM, "hci0"), (CELLAR, "hci1")))
    second.unplug()

    def wrongs(scrape: Scrape) -> list[str]:
        up = scrape.value("ble_exporter_adapter_up", adapter="hci1")
        there = [CELLAR.name] if CELLAR.name in scrape.devices() else []
        return there + ([] if up == 0 else [f"hci1 is up: {up}"]) + without_rssi(scrape, (LIVING_ROOM, "hci0"))

    exporter.wait_until_right(wrongs, within_s=12)
    again = stack.plug_in(VirtualRadio(SECOND_ADDRESS))
    assert again.index == second.index, "the adapter's name has changed"
    stack.start_air(again, thermometer_sender(CELLAR))
    began = time.monotonic()
    exporter.wait_until_right(lambda scrape: without_rssi(scrape, (CELLAR, "hci1"), (LIVING_ROOM, "hci0")), within_s=40)
    sys.stdout.write(f"received again {time.monotonic() - began:.0f} s after the adapter was plugged in\n")
    again.unplug()
    time.sleep(1)
    assert_noticed(exporter, first.unplug, "hci0", "unplugged")
