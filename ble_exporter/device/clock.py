"""The boot clock, which measures the times of devices and values, and the conversion of these times to Unix time."""

import time
from collections.abc import Callable

# Values age while the machine sleeps. CLOCK_BOOTTIME, which macOS lacks, counts that time; time.monotonic does not.
_BOOT_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

# The wall clock counts as set if it has moved by more than this against the boot clock. Smaller movements, which NTP
# causes all the time, are ignored: the timestamp of one measurement must not differ from scrape to scrape.
_SET_S = 0.5


def seconds_since_boot() -> float:
    """Return monotonic seconds; on Linux, they include the time during which the machine was asleep."""
    return time.clock_gettime(_BOOT_CLOCK)


class Clock:
    """
    The boot clock, which measures times, and the wall clock, which is used only when a time is shown.

    A Pi without a battery for its clock starts with a date in the past, and sets the wall clock when the network comes
    up. A time that was stored as Unix time before that would remain wrong.

    Args:
        boot: Returns monotonic seconds.
        wall: Returns seconds since the Unix epoch.
    """

    def __init__(self, boot: Callable[[], float] = seconds_since_boot, wall: Callable[[], float] = time.time) -> None:
        self.now = boot
        self._wall = wall
        self._boot_at = wall() - boot()

    @property
    def boot_at(self) -> float:
        """The Unix time of the boot clock's zero; it changes when the wall clock is set."""
        boot_at = self._wall() - self.now()
        if abs(boot_at - self._boot_at) > _SET_S:
            self._boot_at = boot_at
        return self._boot_at

    def unix(self, moment_s: float) -> float:
        """Return the Unix time of a moment, according to the present wall clock."""
        return moment_s + self.boot_at


def fast_clock(speed: float, boot: Callable[[], float] = seconds_since_boot) -> Clock:
    """
    Return a clock on which `speed` seconds pass in each second from now on.

    If a capture is replayed faster than it was recorded, the intervals between its packets are right on this clock.
    """
    began, began_wall = boot(), time.time()

    def passed() -> float:
        return (boot() - began) * speed

    return Clock(lambda: began + passed(), lambda: began_wall + passed())
