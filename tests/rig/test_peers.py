"""Tests of the counting in the comparison with other programs."""

from __future__ import annotations

from .guest.crowd import TEMPERATURE, VOLTAGE, Crowd
from .guest.scenarios_peers import MONITOR, THEENGS, Result, packets_of, table

OURS = ("1.2", "46.0", "0.200", "0.200", "1.0", "(1.0–1.0)")
OTHER = ("2.2", "40.2", "0.600", "1.000", "5.0", "(4.0–10.0)")


def test_a_decoded_value_identifies_its_packet() -> None:
    """Programs report floating-point numbers, and values of devices that the comparison must ignore."""
    crowd = Crowd(2, 0, 1.0, 900.0, "ATC")
    values = [
        ("A4:C1:38:00:00:00", TEMPERATURE, 0.29),
        ("A4:C1:38:00:00:01", VOLTAGE, 2.0029999),
        ("11:22:33:44:55:66", VOLTAGE, 3.0),
    ]

    assert {("ATC_0", TEMPERATURE, 29), ("ATC_1", VOLTAGE, 2003)} == packets_of(crowd, values)


def test_the_table_has_medians_sums_and_ratios_within_a_round() -> None:
    """A ratio of medians would compare rounds in which the machine had different loads."""
    rounds = [
        {MONITOR: Result(1.0, 46.0, 0.1, 0.1, 80, 80, 80), THEENGS: Result(2.0, 40.0, 0.5, 1.0, 80, 79, 78)},
        {MONITOR: Result(1.2, 46.0, 0.2, 0.2, 80, 80, 80), THEENGS: Result(2.2, 40.2, 0.6, 1.0, 80, 80, 80)},
        {MONITOR: Result(1.4, 46.0, 0.3, 0.3, 80, 80, 80), THEENGS: Result(2.4, 40.4, 0.7, 1.2, 80, 80, 80)},
    ]

    *_, ours, other = table(rounds).splitlines()
    assert [*MONITOR.split(), "240", "240", "240", *OURS] == ours.split()
    assert [THEENGS, "240", "239", "238", *OTHER] == other.split()
