"""
Packet ids and counters: how far one is behind another, and what is a late copy. The one rule for all of them.

A sensor numbers its measurements, and the numbers wrap around. With several adapters, the copy that one of them heard
may arrive after newer packets from another: the kernel holds some reports back until the next one comes.
"""

PACKET_IDS = 256
"""BTHome packet ids wrap around after so many."""

LATE_STEPS = 4
"""A late copy is at most so many numbers behind. One further behind counts as new: the sensor has restarted."""

LATE_S = 5.0
"""A late copy arrives within so many seconds after the packet that overtook it."""


def steps_behind(number: int, latest: int, size: int = PACKET_IDS) -> int:
    """
    Return how many steps a wrapping number is behind the latest one, from 0 to `size` - 1.

    Args:
        number: From 0 to `size` - 1.
        latest: In the same range.
        size: The number that wraps around to 0.
    """
    return (latest - number) % size


def is_late_copy(behind: int, age_s: float) -> bool:
    """
    Return whether a packet from another adapter is a late copy of one that was overtaken.

    Args:
        behind: How many steps its number is behind the latest one.
        age_s: Seconds since the packet that overtook it was heard.
    """
    return 0 < behind <= LATE_STEPS and age_s < LATE_S
