"""Tests of `on_end`: SIGTERM and SIGHUP during a block."""

import signal

import pytest

from ble_exporter.system.signals import on_end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_signal_is_given_to_the_block_s_owner_and_later_to_its_former_handler(number: signal.Signals) -> None:
    """A command cleans up when it is ended; the handlers that others have set must be in force again afterwards."""
    during: list[int] = []
    former: list[int] = []
    original = signal.signal(number, lambda received, _frame: former.append(received))
    try:
        with on_end(during.append):
            signal.raise_signal(number)
        signal.raise_signal(number)
    finally:
        signal.signal(number, original)

    assert ([number], [number]) == (during, former)


def test_an_ignored_signal_stays_ignored() -> None:
    """`nohup ble-exporter …` must survive the end of its terminal."""
    during: list[int] = []
    original = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with on_end(during.append):
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, original)

    assert [] == during
