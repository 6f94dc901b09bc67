"""The exporter starts where Bluetooth is not to be had: it says so in one line, and ends."""

from __future__ import annotations

from pathlib import Path

from .air import Thermometer
from .exporter import Setting
from .registry import scenario
from .stack import Stack

BLUETOOTH_UNAVAILABLE = 69
"""EX_UNAVAILABLE of sysexits.h."""
LOG_FILE = "/run/exporter.log"
THERMOMETER = Thermometer("living_room", "A4:C1:38:00:00:01", 21.5, 45.0, 88, 2.9, -60)


def assert_refusal(stack: Stack, phrase: str, **settings: Setting) -> None:
    """Start the exporter, and check that it ends with the one line that has `phrase` in it."""
    exporter = stack.start_exporter([THERMOMETER], log_file=LOG_FILE, **settings)
    status = exporter.wait_for_exit()
    stderr = exporter.stderr()
    assert status == BLUETOOTH_UNAVAILABLE, f"status {status}"
    assert len(stderr.splitlines()) == 1, f"not one line on stderr but:\n{stderr}"
    assert stderr.startswith("ble-exporter: error: "), stderr
    assert phrase in stderr, f"no {phrase!r} in: {stderr}"
    log = Path(LOG_FILE).read_text() if Path(LOG_FILE).exists() else ""
    assert "Traceback" not in log, log


@scenario
def no_dbus(stack: Stack) -> None:
    """Not even a system bus."""
    assert_refusal(stack, "D-Bus")


@scenario
def no_bluetoothd(stack: Stack) -> None:
    """A system bus, but no bluetoothd."""
    stack.start_dbus()
    assert_refusal(stack, "bluetoothd")


@scenario
def no_adapter(stack: Stack) -> None:
    """Everything runs, but no adapter is plugged in."""
    stack.start_dbus()
    stack.start_bluetoothd()
    assert_refusal(stack, "no Bluetooth adapter")


@scenario
def named_adapter_missing(stack: Stack) -> None:
    """There is an adapter, but not the one that the configuration names."""
    stack.start()
    assert_refusal(stack, "hci9", adapter="hci9")
