"""Another program uses the exporter's adapter over D-Bus, which must not silence the exporter."""

from __future__ import annotations

import signal
import sys

from dbus_fast import Variant

from .air import thermometer_sender, unknown_devices
from .clock import CLOCK
from .exporter import Exporter, Scrape, Setting
from .other_client import ADAPTER, DEVICE, HCI0, OtherClient, device_path
from .polling import wait_until
from .registry import scenario
from .scenarios_modes import ALL_THE_TIME, counter
from .scenarios_readings import LIVING_ROOM, THERMOMETERS, incomplete
from .stack import Stack
from .virtual_radio import VirtualRadio

BREDR = Variant("s", "bredr")
"""A transport that a Low Energy adapter can't use: a discovery with it fails, and ends every program's discovery."""
LE = Variant("s", "le")
OTHER_UUID = "0000abcd-0000-1000-8000-00805f9b34fb"
SILENCE_LIMIT_S = 15
LONG_SILENCE_S = SILENCE_LIMIT_S / 3
ENDED_WITHIN_S = 6.0
"""The time limit for new packets after bluetoothd has ended the scan; the exporter starts it again after 2 s."""
NEW_PACKETS = 12
"""The packets that must arrive while another program scans: four of each thermometer, in about 2 s."""
KERNEL_RESTARTS = 3
HARMLESS = {
    "no filter": {},
    "RSSI": {"Transport": LE, "RSSI": Variant("n", -40)},
    "Pathloss": {"Pathloss": Variant("q", 1)},
    "UUIDs": {"UUIDs": Variant("as", [OTHER_UUID])},
    "Discoverable": {"Discoverable": Variant("b", True)},
    "no duplicates": {"Transport": LE, "DuplicateData": Variant("b", False)},
}
"""Discovery filters of other programs that must not hide packets from the exporter."""


def start_reading(stack: Stack, radio: VirtualRadio, **settings: Setting) -> Exporter:
    """Start the exporter, which listens all the time; return it when it serves every thermometer."""
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS), *unknown_devices())
    exporter = stack.start_exporter(THERMOMETERS, stale_after_seconds=30, **ALL_THE_TIME, **settings)
    exporter.wait_until_right(incomplete)
    return exporter


def wait_for_new_packets(exporter: Exporter, what: str, within_s: float = 30.0) -> None:
    """Wait until the exporter has decoded NEW_PACKETS more packets; print the time it took."""
    before, began = counter(exporter.scrape(), "advertisements_decoded"), CLOCK.now()

    def wrongs(scrape: Scrape) -> list[str]:
        new = counter(scrape, "advertisements_decoded") - before
        return [] if new >= NEW_PACKETS else [f"{what}: only {new:g} new packets"]

    exporter.wait_until_right(wrongs, within_s)
    sys.stdout.write(f"{what}: {NEW_PACKETS} new packets within {CLOCK.now() - began:.1f} s\n")


@scenario
def restarts_do_not_flicker(stack: Stack) -> None:
    """When the kernel restarts a healthy scan, bluetoothd does not report the discovery as ended."""
    radio = stack.start()
    with OtherClient() as watcher:
        exporter = start_reading(stack, radio)
        wait_until(lambda: radio.completed_scans >= KERNEL_RESTARTS, "the kernel restarts the scan", within_s=60)
        assert [True] == watcher.discovering, f"Discovering was {watcher.discovering}"
    assert "restarting the scan" not in exporter.log(), exporter.log()


@scenario
def another_ends_the_discovery(stack: Stack) -> None:
    """A program that fails to scan for BR/EDR, and ends, also ends the exporter's scan, which must start again."""
    radio = stack.start()
    exporter = start_reading(stack, radio)
    with OtherClient() as other:
        assert other.start_discovery(Transport=BREDR), "the adapter can scan for BR/EDR"
        wait_until(lambda: not radio.scanning, "the exporter's scan has ended")
    wait_for_new_packets(exporter, "after the other program has left", ENDED_WITHIN_S)
    assert "bluetoothd has ended the scan" in exporter.log(), exporter.log()


@scenario
def another_stays_after_its_failure(stack: Stack) -> None:
    """If a program stays after its scan failed, bluetoothd still reports a discovery; only silence shows the fault."""
    radio = stack.start()
    exporter = start_reading(stack, radio, silence_limit_seconds=SILENCE_LIMIT_S)
    with OtherClient() as other:
        other.start_discovery(Transport=BREDR)
        wait_until(lambda: not radio.scanning, "the exporter's scan has ended")
        wait_for_new_packets(exporter, "with the other program", LONG_SILENCE_S + ENDED_WITHIN_S)
    wait_for_new_packets(exporter, "after the other program has left", ENDED_WITHIN_S)
    assert "a third of silence_limit_seconds" in exporter.log(), exporter.log()


@scenario
def another_has_failed_before(stack: Stack) -> None:
    """A program that has failed before the exporter's start ends the exporter's scan when it leaves."""
    radio = stack.start()
    with OtherClient() as other:
        other.start_discovery(Transport=BREDR)
        exporter = start_reading(stack, radio)
    wait_until(lambda: not radio.scanning, "the exporter's scan has ended")
    wait_for_new_packets(exporter, "after the other program has left", ENDED_WITHIN_S)


@scenario
def filters_of_others(stack: Stack) -> None:
    """A program that scans with a filter, and then leaves, costs the exporter no readings."""
    exporter = start_reading(stack, stack.start())
    for name, conditions in HARMLESS.items():
        with OtherClient() as other:
            assert not other.start_discovery(**conditions), f"bluetoothd refuses {name}"
            wait_for_new_packets(exporter, name)
        wait_for_new_packets(exporter, f"after {name}")
    assert "restarting the scan" not in exporter.log(), exporter.log()


@scenario
def filters_of_earlier_others(stack: Stack) -> None:
    """A program that has scanned with a filter before the exporter's start costs the exporter no readings either."""
    radio = stack.start()
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS), *unknown_devices())
    for name, conditions in HARMLESS.items():
        with OtherClient() as other:
            assert not other.start_discovery(**conditions), f"bluetoothd refuses {name}"
            exporter = stack.start_exporter(THERMOMETERS, **ALL_THE_TIME)
            exporter.wait_until_it_listens()
            wait_for_new_packets(exporter, name)
        wait_for_new_packets(exporter, f"after {name}")
        exporter.terminate()


@scenario
def pattern_of_another(stack: Stack) -> None:
    """With `ear: bluez`, another program's Pattern hides the sensors until the exporter sets one after a silence."""
    exporter = start_reading(stack, stack.start(), silence_limit_seconds=SILENCE_LIMIT_S)
    with OtherClient() as other:
        assert not other.start_discovery(Pattern=Variant("s", "headset")), "bluetoothd refuses the pattern"
        wait_for_new_packets(exporter, "with the pattern", LONG_SILENCE_S + ENDED_WITHIN_S)
    wait_for_new_packets(exporter, "after the pattern")


@scenario
def another_pairs(stack: Stack) -> None:
    """While another program tries to pair with a sensor, bluetoothd suspends the scan, and resumes it afterwards."""
    exporter = start_reading(stack, stack.start())
    with OtherClient() as other:
        assert other.call(device_path(LIVING_ROOM.address), DEVICE, "Pair"), "a thermometer can't be paired"
        wait_for_new_packets(exporter, "after pairing")
    assert "restarting the scan" not in exporter.log(), exporter.log()


@scenario
def another_removes_a_sensor(stack: Stack) -> None:
    """After another program has removed or blocked a sensor, BlueZ reports the sensor again with its next packet."""
    exporter = start_reading(stack, stack.start(), ear="bluez")
    path = device_path(LIVING_ROOM.address)
    with OtherClient() as other:
        assert not other.call(HCI0, ADAPTER, "RemoveDevice", "o", path), "the sensor can't be removed"
        wait_for_new_packets(exporter, "after the removal")
        blocked = (DEVICE, "Blocked", Variant("b", True))
        wait_until(lambda: not other.call(path, "org.freedesktop.DBus.Properties", "Set", "ssv", *blocked), "blocked")
        wait_for_new_packets(exporter, "while blocked")
    exporter.wait_until_right(incomplete)


@scenario
def not_ready_while_the_controller_hangs(stack: Stack) -> None:
    """A third of the silence limit after a controller hangs, long before the exporter gives up, /readyz says why."""
    radio = stack.start()
    exporter = start_reading(stack, radio, silence_limit_seconds=60)
    wait_until(lambda: exporter.readiness() == "ready", "the exporter is ready")
    radio.hang()
    took = wait_until(lambda: "nothing was heard for" in exporter.readiness(), "the exporter is not ready", 25)
    sys.stdout.write(f"not ready after {took:.0f} s: {exporter.readiness()}\n")
    assert took > 15, f"not ready after only {took:.0f} s"


@scenario
def not_ready_while_bluetoothd_stands_still(stack: Stack) -> None:
    """While bluetoothd is suspended, the exporter is not ready; when it continues, the exporter is ready again."""
    exporter = start_reading(stack, stack.start(), silence_limit_seconds=60)
    wait_until(lambda: exporter.readiness() == "ready", "the exporter is ready")
    stack.send_signal("bluetoothd", signal.SIGSTOP)
    # After up to 11 s, the kernel ends the scan, which the suspended bluetoothd does not start again.
    wait_until(lambda: "nothing was heard for" in exporter.readiness(), "the exporter is not ready", 40)
    stack.send_signal("bluetoothd", signal.SIGCONT)
    wait_until(lambda: exporter.readiness() == "ready", "the exporter is ready again")
    wait_for_new_packets(exporter, "after the pause")
