"""Bluetooth goes wrong, in mid-scan or before the start: the exporter says what it is in one line, and ends."""

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
"""How soon after the event the exporter must have ended."""
SILENCE_LIMIT_S = 5
SENDING_GAP_S = 1.0
"""How much before the event the last advertisement may have been heard; the thermometers send more often."""
ADAPTER_CHOICES = 5
"""How often the exporter chooses one of two adapters: a choice at random goes unnoticed once in 32 times."""


def without_temperature(scrape: Scrape) -> list[str]:
    """What is wrong with a scrape taken in the exporter's first scan, once all have been heard."""
    return [
        f"{thermometer.name} has no temperature"
        for thermometer in THERMOMETERS
        if scrape.value("ble_sensor_temperature_celsius", device=thermometer.name) is None
    ]


def start_reading(stack: Stack, radio: VirtualRadio, **settings: Setting) -> Exporter:
    """Start the exporter on a long scan, and wait until it serves each thermometer, and the scan goes on."""
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
    """Let it happen: the exporter ends in time, with the one line that has each phrase; return how soon, in seconds."""
    happened, happened_here = time.monotonic(), CLOCK.now()
    event()
    exporter.wait_for_exit()
    took, took_here = time.monotonic() - happened, CLOCK.now() - happened_here
    sys.stdout.write(f"ended {took:.2f} s after the event, {took_here:.2f} s of the guest's: {exporter.stderr()}")
    exporter.wait_for_failure(*phrases)
    assert took_here <= within_s, f"it took {took_here:.2f} s of the guest's to end after the event"
    return took


def start_powered_off(stack: Stack, *options: str) -> None:
    """Start a stack whose one adapter is switched off, with these options of bluetoothd."""
    radio = stack.start(*options)
    stack.set_powered(radio, False)
    wait_until(lambda: not stack.is_powered(radio), "the adapter is off")


@scenario
def bluetoothd_killed(stack: Stack) -> None:
    """It ends without a word to anybody, as in a crash."""
    exporter = start_reading(stack, stack.start())
    assert_noticed(
        exporter,
        lambda: stack.stop_daemon("bluetoothd", signal.SIGKILL),
        "hci0",
        "bluetoothd went away",
    )


@scenario
def bluetoothd_restarted(stack: Stack) -> None:
    """It ends in good order, switching the adapter off, and is back at once: of our scan it knows nothing."""
    exporter = start_reading(stack, stack.start())

    def restart() -> None:
        stack.stop_daemon("bluetoothd", signal.SIGTERM)
        stack.start_bluetoothd()

    assert_noticed(exporter, restart, "hci0", "bluetoothd went away")


@scenario
def adapter_unplugged(stack: Stack) -> None:
    """The adapter is taken out: BlueZ forgets it and all devices."""
    radio = stack.start()
    assert_noticed(start_reading(stack, radio), radio.unplug, "hci0", "unplugged")


@scenario
def adapter_powered_off(stack: Stack) -> None:
    """Somebody switches the adapter off, as `bluetoothctl power off` does."""
    radio = stack.start()
    exporter = start_reading(stack, radio)
    assert_noticed(exporter, lambda: stack.set_powered(radio, False), "hci0", "powered off")


@scenario
def dbus_killed(stack: Stack) -> None:
    """The system bus goes, and with it whoever could tell of anything."""
    exporter = start_reading(stack, stack.start())
    assert_noticed(exporter, lambda: stack.stop_daemon("dbus-daemon", signal.SIGKILL), "D-Bus went away")


@scenario
def controller_hangs(stack: Stack) -> None:
    """The adapter hears nothing more, and says nothing of that: only the silence tells, once it lasts."""
    radio = stack.start()
    took = assert_noticed(
        start_reading(stack, radio, silence_limit_seconds=SILENCE_LIMIT_S),
        radio.hang,
        "hci0",
        f"nothing was heard for {SILENCE_LIMIT_S} s",
        within_s=SILENCE_LIMIT_S + NOTICED_WITHIN_S,
    )
    assert took > SILENCE_LIMIT_S - SENDING_GAP_S, f"it took only {took:.2f} s of silence"


@scenario
def powered_off_at_start(stack: Stack) -> None:
    """The only adapter is switched off; the configuration names none."""
    start_powered_off(stack)
    assert_refusal(stack, "hci0", "powered off")


@scenario
def named_powered_off_at_start(stack: Stack) -> None:
    """The adapter that the configuration names is switched off."""
    start_powered_off(stack)
    assert_refusal(stack, "hci0", "powered off", adapter="hci0")


@scenario
def blocked_by_rfkill(stack: Stack) -> None:
    """The adapter is switched off below BlueZ, where `bluetoothctl power on` does not help."""
    radio = stack.start()
    stack.block(radio)
    wait_until(lambda: not stack.is_powered(radio), "the adapter is off")
    assert not stack.set_powered(radio, True), "it can be switched on while blocked"
    assert_refusal(stack, "hci0", "rfkill")


@scenario
def scan_refused(stack: Stack) -> None:
    """The controller refuses to scan, which BlueZ tells as if somebody else were scanning."""
    radio = stack.start()
    radio.failing[Opcode.LE_SET_SCAN_ENABLE] = Status.COMMAND_DISALLOWED
    assert_refusal(stack, "another program")


@scenario
def two_adapters(stack: Stack) -> None:
    """There are two, and the configuration names neither: each start chooses hci0, and says so."""
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
