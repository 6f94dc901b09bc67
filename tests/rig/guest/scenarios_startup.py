"""The exporter starts without working Bluetooth: it reports the cause in one line, and ends."""

from __future__ import annotations

from .air import Thermometer
from .exporter import Setting
from .registry import scenario
from .stack import Stack

THERMOMETER = Thermometer("living_room", "A4:C1:38:00:00:01", 21.5, 45.0, 88, 2.9, -60)


def assert_refusal(stack: Stack, *phrases: str, **settings: Setting) -> None:
    """Start the exporter, and check that it ends with one line that contains each phrase."""
    stack.start_exporter([THERMOMETER], **settings).wait_for_failure(*phrases)


@scenario
def no_dbus(stack: Stack) -> None:
    """Without a system bus, the error names D-Bus."""
    assert_refusal(stack, "D-Bus")


@scenario
def no_bluetoothd(stack: Stack) -> None:
    """With a system bus but no bluetoothd, the error names bluetoothd."""
    stack.start_dbus()
    assert_refusal(stack, "bluetoothd")


@scenario
def no_adapter(stack: Stack) -> None:
    """With bluetoothd but no adapter, the error names the missing adapter."""
    stack.start_dbus()
    stack.start_bluetoothd()
    assert_refusal(stack, "no Bluetooth adapter")


@scenario
def named_adapter_missing(stack: Stack) -> None:
    """With an adapter other than the configured one, the error names the configured one."""
    stack.start()
    assert_refusal(stack, "hci9", adapter="hci9")
