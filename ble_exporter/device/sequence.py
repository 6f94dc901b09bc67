"""
Recognises late copies by their packet ids or counters: the one rule for both.

With several adapters, one adapter's copy of a packet may arrive after newer packets from another adapter, because the
kernel holds some reports back until the next one arrives.
"""

LATE_STEPS = 4
"""A late copy is at most this many numbers behind. A packet further behind counts as new: the sensor restarted."""

LATE_S = 5.0
"""A late copy arrives within this many seconds after the newer packet that overtook it."""


def steps_behind(packet_id: int | None, latest: int | None) -> int:
    """Return how many steps a packet id (0 to 255, wrapping) is behind the latest; 0 if one of the two is None."""
    return 0 if packet_id is None or latest is None else (latest - packet_id) % 256


def is_late_copy(behind: int, age_s: float) -> bool:
    """
    Return whether a packet from another adapter is a late copy.

    Args:
        behind: The number of steps from the number of the packet to the latest number.
        age_s: Seconds since the newer packet that overtook it was heard.
    """
    return 0 < behind <= LATE_STEPS and age_s < LATE_S
