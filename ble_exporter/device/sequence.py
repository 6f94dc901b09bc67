"""
Compares packet ids and counters that wrap, and recognises late copies.

With several adapters, one adapter's copy of a packet may arrive after newer packets from another adapter, because the
kernel holds some reports back until the next one arrives.
"""

LATE_STEPS = 4
"""A late copy is at most this many numbers behind. A packet further behind counts as new: the sensor restarted."""

LATE_S = 5.0
"""A late copy arrives within this many seconds after the newer packet that overtook it."""

NARROW_BITS = 16
"""A counter with this many bits or fewer wraps often: a value at least half the range ahead counts as behind."""

LOW = 1024
"""A counter below this has restarted, or wrapped, recently: less than three hours ago, at 10 s for each count."""

_WRAPS = (1 << 16, 1 << 24, 1 << 32)
"""The values at which counters wrap: a sensor may use fewer bits than its packets have (PHY62x2 firmware: 16 of 32)."""


def steps_behind(packet_id: int | None, latest: int | None) -> int:
    """Return how many steps a packet id (0 to 255, wrapping) is behind the latest; 0 if either is None."""
    return 0 if packet_id is None or latest is None else (latest - packet_id) % 256


def is_late_copy(behind: int, age_s: float) -> bool:
    """
    Return whether a packet from another adapter is a late copy.

    Args:
        behind: The number of steps by which the packet is behind the latest one.
        age_s: Seconds since a newer packet overtook this one.
    """
    return 0 < behind <= LATE_STEPS and age_s < LATE_S


def steps_ahead(value: int, last: int, bits: int, *, has_wrapped: bool = False) -> int:
    """
    Return how many steps a counter is ahead of the last one; negative if it is behind.

    Args:
        value: The counter.
        last: The last counter of this sensor.
        bits: The width of the counter in its packets.
        has_wrapped: Whether the latest counters include a wrap, so that a late copy may be from before the wrap.
    """
    if bits <= NARROW_BITS:
        half = 1 << (bits - 1)
        return (value - last + half) % (2 * half) - half
    if value < LOW:
        return value - last + next((size for size in _WRAPS if size - LOW <= last < size), 0)
    if has_wrapped:
        return value - last - next((size for size in _WRAPS if size - LOW <= value < size), 0)
    return value - last
