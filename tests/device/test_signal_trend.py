"""Whether a signal fell before a sensor was no longer heard."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.signal_trend import SAMPLE_S, SAMPLES, WEAK_DBM, Fall, SignalTrend


def fall_of(samples: Iterable[int | None], *, every_s: float = SAMPLE_S) -> Fall | None:
    """Return the fall of a signal with these samples, the last of which is the latest packet's; None without a fall."""
    trend = SignalTrend()
    now_s, rssi = 1000.0, None
    for rssi in samples:
        now_s += every_s
        trend.add(rssi, now_s)
    return trend.fall(rssi, now_s)


def test_a_slow_fall_is_found() -> None:
    """A sensor that is carried away, or whose battery fails, loses its signal over minutes."""
    assert Fall(-74, -94, 460) == fall_of([-71 - step * 23 // 30 for step in range(32)])


def test_a_fall_within_a_minute_is_found() -> None:
    """A sensor in somebody's bag is out of range within a minute."""
    assert Fall(-60, -90, 60) == fall_of([-60] * 20 + [-85, -90, -95])


def test_the_fall_after_an_approach_is_found() -> None:
    """A sensor may come near and leave again: its weak signal before the approach must not hide the fall."""
    assert Fall(-60, -92, 60) == fall_of([-90] * 12 + [-60] * 10 + [-92] * 3)


def test_the_latest_packet_counts_even_between_two_samples() -> None:
    """The last packets before the silence are the best evidence, and may come before the next sample is due."""
    trend = SignalTrend()
    for number, rssi in enumerate([-60] * 10 + [-90, -92]):
        trend.add(rssi, SAMPLE_S * number)

    assert trend.fall(-92, SAMPLE_S * 11) is None
    assert Fall(-60, -92, 47) == trend.fall(-95, SAMPLE_S * 11 + 7)


@given(st.lists(st.tuples(st.integers(-110, -50), st.booleans()), max_size=80))
def test_an_answer_that_is_remembered_is_the_same_as_a_new_one(heard: list[tuple[int, bool]]) -> None:
    """Each scrape asks again; the remembered answer must change if the sensor was heard in between."""
    asked, now_s = SignalTrend(), 1000.0
    for number, (rssi, is_sample) in enumerate(heard):
        now_s += SAMPLE_S
        if is_sample:
            asked.add(rssi, now_s)
        fresh, at_s = SignalTrend(), 1000.0
        for other, was_sample in heard[: number + 1]:
            at_s += SAMPLE_S
            if was_sample:
                fresh.add(other, at_s)
        expected = fresh.fall(rssi, now_s)

        assert [expected, expected] == [asked.fall(rssi, now_s), asked.fall(rssi, now_s)]


@pytest.mark.parametrize(
    "samples",
    [
        [],
        [-95] * 3,
        [-60, -60, -60, -95, -95, -95],
        [-92] * 32,
        [-60] * 29 + [-80] * 3,
        [-60] * 31 + [-95],
        [-60] * 30 + [-95] * 2,
        [-60] * 29 + [-95, -60, -95],
        [-80] * 29 + [-91] * 3,
        [-95 + step for step in range(32)],
        [None] * 32,
        [127] * 29 + [-95] * 3,
    ],
    ids=[
        "no sample",
        "only the end",
        "too few before",
        "weak all the time",
        "still strong enough",
        "one weak packet",
        "two weak packets",
        "not all of the last ones",
        "noise",
        "approaching",
        "unknown",
        "not an RSSI",
    ],
)
def test_what_is_no_fall(samples: list[int | None]) -> None:
    """A fall that did not happen would make the user look for the wrong cause of the silence."""
    assert fall_of(samples) is None


def test_samples_of_another_time_are_forgotten() -> None:
    """A sensor that was moved while its battery was out did not lose its signal."""
    trend = SignalTrend()
    for number in range(20):
        trend.add(-60, SAMPLE_S * number)
    for number in range(3):
        trend.add(-95, 2000 + SAMPLE_S * number)

    assert trend.fall(-95, 2000 + SAMPLE_S * 2) is None


def test_a_fall_long_before_the_silence_is_no_reason() -> None:
    """A sensor that moved to the cellar ten minutes ago, and worked there, stopped for another reason."""
    assert fall_of([-60] * 20 + [-90] * SAMPLES) is None


@pytest.mark.parametrize(("spread_db", "most"), [(4, 0.005), (6, 0.03)])
def test_the_noise_of_a_weak_signal_is_seldom_a_fall(spread_db: float, most: float) -> None:
    """The RSSI of a sensor that does not move varies by several dB, which must not look like a fall."""
    noise = random.Random(1)
    falls = sum(fall_of([round(noise.gauss(-88, spread_db)) for _ in range(SAMPLES)]) is not None for _ in range(500))

    assert falls <= most * 500


@given(st.lists(st.none() | st.integers(-200, 200), max_size=80), st.floats(1, 2000))
def test_a_fall_is_always_one(samples: list[int | None], every_s: float) -> None:
    """Whatever an adapter reports, a fall must go down, end in a weak signal and take some time."""
    fall = fall_of(samples, every_s=every_s)

    assert fall is None or (fall.to_dbm <= WEAK_DBM < fall.from_dbm + 20 and fall.from_dbm - fall.to_dbm >= 11)
    assert fall is None or 0 < fall.span_s <= SAMPLES * every_s


@given(st.lists(st.integers(-127, 20), max_size=200))
def test_the_memory_is_limited(samples: list[int]) -> None:
    """A sensor sends for years, and its samples must not fill the memory."""
    trend, fresh = SignalTrend(), SignalTrend()
    for number, rssi in enumerate(samples):
        trend.add(rssi, SAMPLE_S * number)
    for number, rssi in list(enumerate(samples))[-SAMPLES:]:
        fresh.add(rssi, SAMPLE_S * number)

    assert fresh.fall(None, 0) == trend.fall(None, 0)
