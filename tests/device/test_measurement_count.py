"""The counts of heard and missed measurements, compared with the true counts of simulated sensors."""

import random
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.measurement_count import MeasurementCount

ADVERTISING_S = 2.5
ABAB, AAAB = (4,), (3, 1)
"""The number of packets under each of the successive packet ids, for the two packet orders of the pvvx firmware."""
HOURS = 6
FIRST_UNCOUNTED = 8
"""The largest number of measurements before the first one is counted."""


class Truth(NamedTuple):
    """The number of measurements of which at least one packet was heard, and of those of which none was."""

    heard: int
    missed: int


def listen(
    count: MeasurementCount, order: tuple[int, ...], loss: float, *, seed: int = 1, hours: float = HOURS
) -> Truth:
    """Simulate a sensor whose packets are lost at random; return the true counts."""
    rng = random.Random(seed)
    now_s, packet_id, heard, missed = rng.random() * 100, rng.randrange(256), 0, 0
    while now_s < hours * 3600:
        for packets in order:
            times = [now_s + (number + rng.random() / 100) * ADVERTISING_S for number in range(packets)]
            now_s += packets * ADVERTISING_S
            first = next((at for at in times if rng.random() >= loss), None)
            if first is None:
                missed += 1
            else:
                heard += 1
                count.hear(packet_id, first)
            packet_id = (packet_id + 1) % 256
    return Truth(heard, missed)


def steady(
    count: MeasurementCount, number: int, *, first: int = 0, start_s: float = 0.0, every_s: float = 10.0
) -> None:
    """Hear every measurement of a sensor, with successive ids."""
    for index in range(number):
        count.hear((first + index) % 256, start_s + index * every_s)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("loss", [0.0, 0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("order", [ABAB, AAAB], ids=["ABAB", "AAAB"])
def test_the_counts_are_the_truth(order: tuple[int, ...], loss: float, seed: int) -> None:
    """Operators judge reception by the share that was heard, whose hourly scatter is far above an error of 0.5 %."""
    count = MeasurementCount()
    heard, missed = listen(count, order, loss, seed=seed)

    assert count.is_known
    assert 0 <= heard - count.heard <= FIRST_UNCOUNTED
    assert abs(heard / (heard + missed) - count.heard / (count.heard + count.missed)) < 0.005


def test_the_recent_share_forgets() -> None:
    """After a sensor was moved, its owner must soon see whether it is heard better."""
    count = MeasurementCount()
    listen(count, ABAB, 0.9)
    before = count.recent_share
    steady(count, 400, start_s=HOURS * 3600 + 100)

    assert before is not None
    assert before < 0.5
    assert count.recent_share is not None
    assert count.recent_share > 0.9


def random_ids(rng: random.Random) -> Iterator[int]:
    """Yield ids without an order."""
    while True:
        yield rng.randrange(256)


@pytest.mark.parametrize("seed", range(5))
def test_random_ids_count_nothing(seed: int) -> None:
    """Ids without an order say nothing about losses, and an invented number would mislead the operator."""
    count = MeasurementCount()
    for index, packet_id in zip(range(5000), random_ids(random.Random(seed)), strict=False):
        count.hear(packet_id, index * 10.0)

    assert not count.is_known
    assert (0, 0, None) == (count.heard, count.missed, count.recent_share)


def test_a_measurement_that_is_heard_again_counts_once() -> None:
    """A sensor that measures every five minutes may be out of range for two minutes, within one measurement."""
    count = MeasurementCount()
    steady(count, 20, every_s=300.0)
    before = (count.heard, count.missed)
    count.hear(19, 19 * 300.0 + 120)
    again = (count.heard, count.missed)
    count.hear(20, 20 * 300.0)

    assert before == again
    assert (before[0] + 1, before[1]) == (count.heard, count.missed)


def test_a_new_battery_is_no_loss() -> None:
    """After a battery change the ids begin elsewhere, and no measurement is lost while the sensor is off."""
    count = MeasurementCount()
    steady(count, 100)
    steady(count, 100, first=237, start_s=100 * 10 + 60)

    assert (True, 0) == (count.is_known, count.missed)
    assert count.heard >= 200 - FIRST_UNCOUNTED


def test_another_interval_is_learned() -> None:
    """After the user sets a longer interval, no losses may be shown that did not happen."""
    count = MeasurementCount()
    steady(count, 100)
    steady(count, 100, first=100, start_s=100 * 10 + 50, every_s=60.0)

    assert 0 == count.missed
    assert pytest.approx(60.0, rel=0.02) == count.interval_s


@pytest.mark.parametrize("lost", [1, 100, 254, 255, 256, 300, 800, 1100])
def test_an_outage_is_counted_although_the_ids_wrap(lost: int) -> None:
    """In an hour, a sensor makes 360 measurements with only 256 ids, and each lost one must be counted."""
    count = MeasurementCount()
    steady(count, 100)
    steady(count, 1, first=100 + lost, start_s=(100 + lost) * 10.0)

    assert lost == count.missed


def test_an_outage_that_is_too_long_to_tell_is_not_counted() -> None:
    """After half a day, nobody knows how often the ids have wrapped, and a guess could be wrong by hundreds."""
    count = MeasurementCount()
    steady(count, 100)
    before = count.heard
    steady(count, 1, first=100, start_s=5000 * 10.0)

    assert (before + 1, 0) == (count.heard, count.missed)


@given(heard=st.lists(st.tuples(st.integers(0, 255), st.floats(-10, 1e7)), max_size=60))
def test_whatever_is_heard_nothing_is_negative(heard: list[tuple[int, float]]) -> None:
    """Ids may be forged and packets may be late, but no counter may fall: Prometheus would take that for a restart."""
    count = MeasurementCount()
    before = (0, 0)
    for packet_id, now_s in heard:
        was_known = count.is_known
        count.hear(packet_id, now_s)
        if was_known:
            assert count.heard >= before[0]
            assert count.missed >= before[1]
        before = (count.heard, count.missed)
    share = count.recent_share

    assert min(count.heard, count.missed) >= 0
    assert share is None or 0 <= share <= 1
