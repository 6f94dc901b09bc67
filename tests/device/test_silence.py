"""For each reason of a silence: evidence that gives this reason, and similar evidence that must not give it."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.signal_trend import Fall
from ble_exporter.device.silence import SILENCE_REASONS, Evidence, explain
from ble_exporter.errors import REJECT_REASONS

FALL = Fall(-71, -94, 600)
PLAIN = Evidence(silent_s=300, rssi=-62, listened_s=290, listened_recently_s=60, enough_s=30)
"""A sensor that stopped without a sign."""
CASES = {
    "refused": [
        (
            replace(PLAIN, refusal=("wrong_key", 3)),
            "Packets arrive under its address, the latest 3 s ago, but are refused: wrong key.",
        ),
        (
            replace(PLAIN, was_heard=False, refusal=("no_known_format", 59)),
            "Packets arrive under its address, the latest 59 s ago, but are refused: no known format.",
        ),
    ],
    "not_listening": [
        (
            replace(PLAIN, listened_s=29, listened_recently_s=0),
            "The exporter listened for only 29 s of the 5 min since its last packet.",
        ),
        (
            replace(PLAIN, listened_s=40, listened_recently_s=0),
            "The exporter listened for none of the last 60 s, and 40 s of the 5 min since its last packet.",
        ),
        (
            replace(PLAIN, listened_s=math.inf, listened_recently_s=12),
            "The exporter listened for only 12 s of the last 60 s.",
        ),
        (
            replace(PLAIN, listened_s=0, listened_recently_s=0, adapter="hci1"),
            "Adapter hci1, which heard it best, listened for none of the 5 min since its last packet.",
        ),
        (
            replace(PLAIN, listened_s=0, listened_recently_s=0, was_heard=False),
            "The exporter listened for none of the 5 min since the exporter started.",
        ),
    ],
    "never_heard": [
        (
            replace(PLAIN, was_heard=False, rssi=None),
            "Nothing was heard of it since the exporter started 5 min ago.",
        ),
        (
            replace(PLAIN, was_heard=False, others_heard=2),
            "Nothing was heard of it since the exporter started 5 min ago; 2 other sensors are heard.",
        ),
        (
            replace(PLAIN, was_heard=False, refusal=("wrong_key", 240)),
            (
                "No packet of it was accepted since the exporter started 5 min ago; the latest, 4 min ago, was "
                "refused: wrong key."
            ),
        ),
    ],
    "all_silent": [
        (
            replace(PLAIN, last_together=12, all_silent_s=298, strangers_ago_s=7),
            (
                "Nothing was heard from any sensor for 5 min: 12 sensors fell silent at the same time; another "
                "Bluetooth device was heard 7 s ago."
            ),
        ),
        (
            replace(PLAIN, last_together=2, all_silent_s=298, strangers_ago_s=293),
            (
                "Nothing was heard from any sensor for 5 min, nor from any other Bluetooth device: 2 sensors fell "
                "silent at the same time."
            ),
        ),
        (
            replace(PLAIN, last_together=2, all_silent_s=298, battery=3, fall=FALL),
            "Nothing was heard from any sensor for 5 min: 2 sensors fell silent at the same time.",
        ),
    ],
    "faded": [
        (
            replace(PLAIN, fall=FALL, battery=80),
            "Its signal fell from -71 to -94 dBm in the 10 min before its last packet.",
        ),
        (
            replace(PLAIN, fall=FALL, battery=4),
            "Its signal fell from -71 to -94 dBm in the 10 min before its last packet; its battery was at 4 %.",
        ),
    ],
    "battery_low": [
        (replace(PLAIN, battery=10), "Its battery was at 10 %."),
        (replace(PLAIN, is_battery_low=True), "Its battery was low."),
        (replace(PLAIN, is_battery_low=True, battery=40), "Its battery was low."),
    ],
    "left": [
        (PLAIN, "Its packets stopped; it had a signal of -62 dBm."),
        (
            replace(PLAIN, rssi=-91, battery=80, others_heard=1),
            "Its packets stopped; it had a weak signal of -91 dBm and a battery at 80 %; 1 other sensor is heard.",
        ),
        (replace(PLAIN, rssi=None, strangers_ago_s=280), "Its packets stopped; another device was heard 5 min ago."),
        (replace(PLAIN, rssi=None, battery=80), "Its packets stopped; it had a battery at 80 %."),
        (
            replace(PLAIN, strangers_ago_s=295),
            "Its packets stopped; it had a signal of -62 dBm; no other device was heard since.",
        ),
    ],
}
NEAR_MISSES = {
    "refused": [
        # The latest refused packet arrived too long ago.
        replace(PLAIN, refusal=("wrong_key", 60)),
        replace(PLAIN, was_heard=False, refusal=("wrong_key", 61)),
    ],
    "not_listening": [
        # A scan was missed, but there were enough others.
        replace(PLAIN, listened_s=30, listened_recently_s=30),
        # The exporter listened for little of the time, as configured.
        replace(PLAIN, listened_s=5, listened_recently_s=5, enough_s=5),
        # A packet that was refused a second ago proves that the scanner listens.
        replace(PLAIN, listened_recently_s=0, refusal=("wrong_key", 1)),
    ],
    "never_heard": [
        # Heard once, long ago.
        replace(PLAIN, silent_s=1e6),
        replace(PLAIN, was_heard=False, refusal=("encrypted", 1)),
        replace(PLAIN, was_heard=False, listened_recently_s=1),
    ],
    "all_silent": [
        # The only sensor.
        replace(PLAIN, last_together=1, strangers_ago_s=300),
        # Others were heard later.
        replace(PLAIN, last_together=0, others_heard=1),
        # Five sensors fell silent together because the scanner stopped.
        replace(PLAIN, last_together=5, listened_recently_s=0),
    ],
    "faded": [
        # Weak, but no weaker than before.
        replace(PLAIN, rssi=-94),
        # Another sensor fell silent at the same time, so this sensor's own signal is not the reason.
        replace(PLAIN, fall=FALL, last_together=2),
    ],
    "battery_low": [
        replace(PLAIN, battery=11),
        replace(PLAIN, battery=None),
        # The fall of the signal happened just before, while the battery may last for weeks.
        replace(PLAIN, battery=5, fall=FALL),
    ],
    "left": [
        replace(PLAIN, was_heard=False),
        replace(PLAIN, battery=2),
        replace(PLAIN, fall=FALL),
        replace(PLAIN, last_together=2),
    ],
}


@pytest.mark.parametrize(
    ("reason", "evidence", "sentence"), [(reason, *case) for reason, cases in CASES.items() for case in cases]
)
def test_the_evidence_gives_the_reason_and_its_sentence(reason: str, evidence: Evidence, sentence: str) -> None:
    """The user reads the sentence, and must find the evidence in it."""
    silence = explain(evidence)

    assert (reason, sentence) == (silence.reason, silence.text)


@pytest.mark.parametrize(
    ("reason", "evidence"), [(reason, case) for reason, cases in NEAR_MISSES.items() for case in cases]
)
def test_a_near_miss_has_another_reason(reason: str, evidence: Evidence) -> None:
    """A wrong reason is worse than none: the user would change a battery that is full."""
    assert reason != explain(evidence).reason


def test_each_reason_has_cases_and_near_misses() -> None:
    """A new reason without a case against it might hold for every sensor."""
    assert set(SILENCE_REASONS) == set(CASES) == set(NEAR_MISSES)


def test_the_reasons_have_an_order() -> None:
    """If several reasons have evidence, the most direct one wins: packets that arrive now before old battery levels."""
    everything = replace(
        PLAIN,
        was_heard=False,
        refusal=("wrong_key", 1),
        listened_recently_s=0,
        last_together=2,
        fall=FALL,
        battery=1,
    )
    without = [
        {"refusal": None},
        {"listened_recently_s": 60.0},
        {"was_heard": True},
        {"last_together": 0},
        {"fall": None},
        {"battery": None},
    ]
    found = [explain(everything).reason]
    for change in without:
        everything = replace(everything, **change)  # type: ignore[arg-type] # values of several types
        found.append(explain(everything).reason)

    assert list(SILENCE_REASONS) == found
    assert all(one != other for one, other in pairwise(found))


_EVIDENCE = st.builds(
    Evidence,
    silent_s=st.floats(60, 1e7),
    was_heard=st.booleans(),
    refusal=st.none() | st.tuples(st.sampled_from(REJECT_REASONS), st.floats(0, 1e7)),
    adapter=st.sampled_from(["", "hci0"]),
    listened_s=st.floats(0, 1e7) | st.just(math.inf),
    recent_s=st.floats(60, 1e5),
    listened_recently_s=st.floats(0, 1e5),
    enough_s=st.floats(0, 1e5),
    last_together=st.integers(0, 10_000),
    all_silent_s=st.floats(0, 1e7),
    others_heard=st.integers(0, 10_000),
    strangers_ago_s=st.none() | st.floats(0, 1e7),
    fall=st.none() | st.just(FALL),
    rssi=st.none() | st.integers(-128, 20),
    battery=st.none() | st.floats(0, 100),
    is_battery_low=st.booleans(),
)


@given(_EVIDENCE)
def test_any_silence_has_a_reason_and_one_sentence(evidence: Evidence) -> None:
    """Every gap in a graph must have an explanation that fits on the page."""
    silence = explain(evidence)
    reason, text = silence.reason, silence.text

    assert reason in SILENCE_REASONS
    assert text[0].isupper()
    assert text.endswith(".")
    assert len(text) < 200
