"""Tests of `listen_for`, which several commands use to listen."""

import os
import signal

import pytest

from ble_exporter.cli.listening import listen_for
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.scanner import MockScanner
from ble_exporter.scanner.capture import Transmission
from ble_exporter.scanner.radio import Everything
from tests.conftest import PACKET_A
from tests.radios import InVirtualTime

AIR = [Transmission(float(second), "A4:C1:38:00:00:01", -60, {UUID: PACKET_A}) for second in range(60)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(in_virtual_time: InVirtualTime, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C must end a recording cleanly, so that its file is complete."""
    heard: list[Advertisement] = []

    def show(left_s: float) -> bool:
        if left_s == 20:
            os.kill(os.getpid(), number)
        return True

    before = signal.getsignal(number)
    took_s = in_virtual_time(
        listen_for(MockScanner(air=AIR), Everything(heard.append), 30.0, show, (signal.SIGINT, signal.SIGTERM))
    )
    signal.signal(number, before)

    assert (10, 11) == (round(took_s), len(heard))


def test_it_ends_when_nothing_more_is_wanted(in_virtual_time: InVirtualTime) -> None:
    """When the file of a capture has reached its maximum size, further listening is useless."""
    took_s = in_virtual_time(
        listen_for(MockScanner(air=AIR), Everything(lambda _one: None), 30.0, lambda left_s: left_s > 25)
    )

    assert 5.0 == took_s


def test_it_ends_with_the_capture_that_is_replayed(in_virtual_time: InVirtualTime) -> None:
    """After the last packet of a capture, there is nothing to wait for."""
    took_s = in_virtual_time(
        listen_for(MockScanner(air=AIR[:3]), Everything(lambda _one: None), 30.0, lambda _left_s: True)
    )

    assert 2.0 == took_s
