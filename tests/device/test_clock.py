"""The boot clock and its conversion to Unix time."""

import pytest

from ble_exporter.device.clock import Clock, fast_clock


def test_a_moment_has_its_true_time_once_the_wall_clock_is_set() -> None:
    """A Pi boots in 1970 and hears its sensors before the network sets the clock: no timestamp may stay in 1970."""
    wall = {"now": 60.0}
    clock = Clock(lambda: 60.0, lambda: wall["now"])

    wall["now"] = 1_700_000_060.0

    assert 1_700_000_050.0 == clock.unix(50.0)


@pytest.mark.parametrize("slewed_s", [-0.3, 0.3])
def test_a_wall_clock_that_ntp_slews_changes_no_timestamp(slewed_s: float) -> None:
    """A timestamp that differs from scrape to scrape would look like a new measurement each time."""
    wall = {"now": 1_700_000_060.0}
    clock = Clock(lambda: 60.0, lambda: wall["now"])

    wall["now"] += slewed_s

    assert 1_700_000_050.0 == clock.unix(50.0)


def test_a_fast_clock_begins_now_and_is_fast() -> None:
    """Values of a capture that is replayed 20 times as fast must expire 20 times as fast."""
    boot = {"now": 60.0}
    clock = fast_clock(20, lambda: boot["now"])
    shown = clock.unix(60.0)

    boot["now"] = 63.0

    assert 120.0 == clock.now()
    assert pytest.approx(shown, abs=0.001) == clock.unix(60.0)
