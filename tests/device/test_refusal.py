"""Why packets are refused, in words: each text names its cause and what the owner can expect."""

import pytest

from ble_exporter.device import refusal
from ble_exporter.device.refusal import Refusal


@pytest.mark.parametrize(
    ("refused", "cause", "words"),
    [
        (refusal.known(5), "known", "this packet, with counter 5, was already heard"),
        (
            refusal.held(5, 1800, None),
            "held",
            "counter 5 was first heard 30 min ago: if the sensor hangs, or measures less",
        ),
        (refusal.held(5, 1800, 400), "held", "and again after a silence of 7 min: if the sensor hangs"),
        (refusal.leap(900, 5, 50), "ahead", "counter 900 is further ahead of 5 than the sensor can have counted"),
        (refusal.leap(900, 5, 50), "ahead", "it is accepted after 50 s without other counters"),
        (
            refusal.behind(2000, 5000),
            "behind",
            "counter 2000 is behind the latest, 5000: the sensor restarted long",
        ),
        (
            refusal.too_high(900, 5000, 66.2, "while the program was off"),
            "too high",
            "restarted while the program was off can have counted to 66: the sensor",
        ),
        (refusal.trial(3, 9, 1, 3, 10), "restart", "the sensor is accepted within about a minute"),
        (refusal.trial(3, 9, 2, 3, 1275), "restart", "2 of the 3 counters that a restart needs"),
        (refusal.trial(3, 9, 2, 3, 1275), "restart", "the sensor is accepted within about 64 min"),
        (refusal.other_format(480), "format", "the new one is accepted after 8 min without the old one"),
    ],
)
def test_a_refusal_names_its_cause(refused: Refusal, cause: str, words: str) -> None:
    """A wrong cause would send the owner to a wrong remedy, such as a new battery for a sensor that is only slow."""
    assert cause == refused.cause
    assert words in refused.text


@pytest.mark.parametrize("refused", [refusal.known(5), refusal.behind(9, 10), refusal.held(5, 400, None)])
def test_a_refusal_says_where_to_read_more(refused: Refusal) -> None:
    """The whole rule does not fit into a log line, so the text must name the page."""
    assert "docs/security.md" in refused.text
