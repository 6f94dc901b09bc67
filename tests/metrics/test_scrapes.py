"""How long a new counter shows 0; tests/metrics/test_readings_events.py has the effect on a scrape."""

import pytest

from ble_exporter.metrics.scrapes import Scrapes


def hold_after(*moments_s: float) -> float:
    """Return how long a new counter shows 0 after scrapes at these times."""
    scrapes = Scrapes()
    for moment_s in moments_s:
        scrapes.hear(moment_s)
    return scrapes.hold_s


def test_before_the_rhythm_is_known_it_is_the_time_of_a_usual_interval() -> None:
    """
    A second server must see the 0, too, and 15 s is a common scrape interval.

    A single slower server has seen the 0 in its first scrape.
    """
    assert 15 == hold_after() == hold_after(1000)


@pytest.mark.parametrize(("interval_s", "hold_s"), [(1, 5), (4, 10), (15, 37.5), (30, 55), (60, 55), (3600, 55)])
def test_it_follows_the_scrapes_within_limits(interval_s: float, hold_s: float) -> None:
    """The first press must not be counted hours late, and a single slow server must see it in its next scrape."""
    assert hold_s == hold_after(*[1000 + interval_s * number for number in range(5)])


def test_the_longest_of_the_latest_gaps_counts() -> None:
    """If two servers scrape every 20 s, one second apart, the short gap is not the interval of either."""
    assert 47.5 == hold_after(1000, 1001, 1020, 1021, 1040)


def test_an_old_gap_is_forgotten() -> None:
    """After a server was down for a day, the next presses must not be delayed by that gap."""
    assert 5 == hold_after(0, *[86_400 + second for second in range(20)])


def test_somebody_who_reloads_the_page_is_no_server() -> None:
    """Reloading /metrics in a browser must not use up the 0 before a server has seen it."""
    assert 15 == hold_after(*[1000 + 0.1 * number for number in range(50)])
