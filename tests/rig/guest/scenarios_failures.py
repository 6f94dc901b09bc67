"""Bluetooth fails during a scan or before the start: the exporter reports the cause in one line, and ends."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable

from .air import thermometer_sender
from .clock import CLOCK
from .exporter import Exporter, Scrape, Setting
from .hci import Opcode, Status
from .polling import wait_until
from .registry import scenario
from .scenarios_readings import THERMOMETERS
from .scenarios_startup import assert_refusal
from .stack import Stack
from .virtual_radio import VirtualRadio

NOTICED_WITHIN_S = 2.0
"""The maximum time from the event to the end of the exporter."""
SILENCE_LIMIT_S = 5
SENDING_GAP_S = 1.0
"""The maximum age of the last advertisement at the event; the thermometers send more often."""
ADAPTER_CHOICES = 5
"""The number of starts with two adapters; random choices would all select hci0 with a probability of 1 in 32."""


def without_temperature(scrape: Scrape) -> list[str]:
    """Return a line for each thermometer that has no temperature yet."""
    return [
        f"{thermometer.name} has no temperature"
        for thermometer in THERMOMETERS
        if scrape.value("ble_sensor_temperature_celsius", device=thermometer.name) is None
    ]


def start_reading(stack: Stack, radio: VirtualRadio, **settings: Setting) -> Exporter:
    """Start the exporter with a long scan; return it when it serves every thermometer and still scans."""
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS))
    exporter = stack.start_exporter(THERMOMETERS, scan_interval_seconds=60, scan_duration_seconds=50, **settings)
    exporter.wait_until_right(without_temperature)
    assert radio.scanning, "the scan is over"
    return exporter


def assert_noticed(
    exporter: Exporter,
    event: Callable[[], object],
    *phrases: str,
    within_s: float = NOTICED_WITHIN_S,
) -> float:
    """Cause the event; check that the exporter ends in time, with one line that has each phrase; return the seconds."""
    happened, happened_here = time.monotonic(), CLOCK.now()
    event()
    exporter.wait_for_exit()
    took, took_here = time.monotonic() - happened, CLOCK.now() - happened_here
    sys.stdout.write(f"ended {took:.2f} s after the event, {took_here:.2f} s on the guest's clock: {exporter.stderr()}")
    exporter.wait_for_failure(*phrases)
    assert took_here <= within_s, f"the exporter took {took_here:.2f} s on the guest's clock to end after the event"
    return took


def start_powered_off(stack: Stack, *options: str) -> None:
    """Start a stack with these options of bluetoothd, and power its only adapter off."""
    radio = stack.start(*options)
    stack.set_powered(radio, False)
    wait_until(lambda: not stack.is_powered(radio), "the adapter is off")


@scenario
def bluetoothd_killed(stack: Stack) -> None:
    """A crash of bluetoothd, which notifies no client, ends the exporter."""
    exporter = start_reading(stack, stack.start())
    assert_noticed(
        exporter,
        lambda: stack.stop_daemon("bluetoothd", signal.SIGKILL),
        "hci0",
        "bluetoothd went away",
    )


@scenario
def bluetoothd_restarted(stack: Stack) -> None:
    """A restart of bluetoothd ends the exporter, whose scan is lost although bluetoothd is back immediately."""
    exporter = start_reading(stack, stack.start())

    def restart() -> None:
        stack.stop_daemon("bluetoothd", signal.SIGTERM)
        stack.start_bluetoothd()

    assert_noticed(exporter, restart, "hci0", "bluetoothd went away")


@scenario
def adapter_unplugged(stack: Stack) -> None:
    """If the adapter is unplugged, BlueZ removes it and all its devices, and the exporter ends with the cause."""
    radio = stack.start()
    assert_noticed(start_reading(stack, radio), radio.unplug, "hci0", "unplugged")


@scenario
def adapter_powered_off(stack: Stack) -> None:
    """If somebody powers the adapter off, as by `bluetoothctl power off`, the exporter ends with the cause."""
    radio = stack.start()
    exporter = start_reading(stack, radio)
    assert_noticed(exporter, lambda: stack.set_powered(radio, False), "hci0", "powered off")


@scenario
def dbus_killed(stack: Stack) -> None:
    """If dbus-daemon is killed, no D-Bus signal can report this, but the exporter ends with the cause."""
    exporter = start_reading(stack, stack.start())
    assert_noticed(exporter, lambda: stack.stop_daemon("dbus-daemon", signal.SIGKILL), "D-Bus went away")


@scenario
def controller_hangs(stack: Stack) -> None:
    """The adapter stops receiving without an error, so only lasting silence shows the failure."""
    radio = stack.start()
    took = assert_noticed(
        start_reading(stack, radio, silence_limit_seconds=SILENCE_LIMIT_S),
        radio.hang,
        "hci0",
        f"nothing was heard for {SILENCE_LIMIT_S} s",
        within_s=SILENCE_LIMIT_S + NOTICED_WITHIN_S,
    )
    assert took > SILENCE_LIMIT_S - SENDING_GAP_S, f"the exporter ended after only {took:.2f} s of silence"


@scenario
def powered_off_at_start(stack: Stack) -> None:
    """If the only adapter is powered off, the error names it, although the configuration names no adapter."""
    start_powered_off(stack)
    assert_refusal(stack, "hci0", "powered off")


@scenario
def named_powered_off_at_start(stack: Stack) -> None:
    """If the configured adapter is powered off, the error names it and the cause."""
    start_powered_off(stack)
    assert_refusal(stack, "hci0", "powered off", adapter="hci0")


@scenario
def blocked_by_rfkill(stack: Stack) -> None:
    """`bluetoothctl power on` can't power on a blocked adapter, so the error names rfkill."""
    radio = stack.start()
    stack.block(radio)
    wait_until(lambda: not stack.is_powered(radio), "the adapter is off")
    assert not stack.set_powered(radio, True), "the adapter can be powered on while blocked"
    assert_refusal(stack, "hci0", "rfkill")


@scenario
def scan_refused(stack: Stack) -> None:
    """BlueZ reports a controller that refuses to scan like a scan by another program, which the hint must mention."""
    radio = stack.start()
    radio.failing[Opcode.LE_SET_SCAN_ENABLE] = Status.COMMAND_DISALLOWED
    assert_refusal(stack, "another program")


@scenario
def two_adapters(stack: Stack) -> None:
    """With two adapters and none configured, each start chooses hci0 and logs it."""
    first, second = stack.start(), stack.plug_in(VirtualRadio("00:1A:7D:DA:71:02"))
    assert (0, 1) == (first.index, second.index)
    for choice in range(ADAPTER_CHOICES):
        exporter = stack.start_exporter(THERMOMETERS)
        exporter.wait_until_it_listens()
        assert not second.scan_log, f"hci1 scanned at start {choice + 1}"
        exporter.terminate()
        wait_until(lambda: not first.scanning, "the adapter is idle")
    log = exporter.log()
    assert "hci0" in log, log
    assert "hci1" not in log, log
