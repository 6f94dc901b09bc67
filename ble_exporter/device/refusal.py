"""
Why the replay guard refuses a packet, in words for the owner of the sensor.

Each text names the cause, and either states when the sensor is accepted again or refers to docs/security.md.
"""

from typing import NamedTuple

from ble_exporter.utils import in_words

_OR_REPLAY = "otherwise somebody may be replaying a recording, see docs/security.md"
_LONG_AGO = (
    "the sensor restarted long ago without being heard, or somebody is replaying a recording; "
    "docs/security.md says how to have the sensor accepted"
)


class Refusal(NamedTuple):
    """
    The refusal of a packet.

    Attributes:
        cause: One of a few identifiers; the log warns once about each cause.
        text: The cause with its counters, and advice for the owner of the sensor.
    """

    cause: str
    text: str


def known(value: int) -> Refusal:
    """Return the refusal of a packet that was heard before."""
    text = f"this packet, with counter {value}, was already heard"
    return Refusal("known", f"{text}: somebody may be replaying a recording, see docs/security.md")


def held(value: int, age_s: float, silence_s: float | None) -> Refusal:
    """
    Return the refusal of a counter first heard `age_s` seconds ago.

    `silence_s` is the silence before this packet in seconds; None if it is not the reason for the refusal.
    """
    after = "" if silence_s is None else f", and again after a silence of {in_words(silence_s)}"
    text = "if the sensor hangs, or measures less often than before, it is accepted with its next counter"
    return Refusal("held", f"counter {value} was first heard {in_words(age_s)} ago{after}: {text}; {_OR_REPLAY}")


def leap(value: int, last: int, wait_s: float) -> Refusal:
    """Return the refusal of a counter far ahead, which is accepted after `wait_s` seconds without other packets."""
    text = f"counter {value} is further ahead of {last} than the sensor can have counted"
    wait = f"if the sensor sends it, it is accepted after {in_words(wait_s)} without other counters"
    return Refusal("ahead", f"{text}: {wait}; {_OR_REPLAY}")


def behind(value: int, last: int) -> Refusal:
    """Return the refusal of a counter that is behind, and too high for a restart."""
    return Refusal("behind", f"counter {value} is behind the latest, {last}: {_LONG_AGO}")


def too_high(value: int, last: int, most: float, since: str) -> Refusal:
    """Return the refusal of a counter that is behind, and too high for a restart in the time that `since` names."""
    could = f"a sensor that restarted {since} can have counted to {most:.0f}"
    return Refusal("too high", f"counter {value} is behind the latest, {last}, and {could}: {_LONG_AGO}")


def trial(value: int, last: int, steps: int, needed: int, step_s: float) -> Refusal:
    """Return the refusal of a packet that may come from a sensor that has restarted, after `steps` counters."""
    soon = "a minute" if needed * step_s <= 60 else in_words(needed * step_s)
    text = f"counter {value} is behind the latest, {last}; {steps} of the {needed} counters that a restart needs"
    return Refusal(
        "restart", f"{text}: after a battery change the sensor is accepted within about {soon}; {_OR_REPLAY}"
    )


def other_format(wait_s: float) -> Refusal:
    """Return the refusal of a format that the sensor did not send recently."""
    wait = f"if its owner has changed the format, the new one is accepted after {in_words(wait_s)} without the old one"
    return Refusal("format", f"the sensor sent another format until recently: {wait}; {_OR_REPLAY}")
