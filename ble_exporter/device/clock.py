"""The boot clock, which gives every moment, and its conversion to Unix time."""

import time
from collections.abc import Callable

# Values age while the machine sleeps. CLOCK_BOOTTIME, which macOS lacks, counts that time; time.monotonic does not.
_BOOT_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

# The wall clock counts as set if it moved this far against the boot clock. NTP moves it a little all the time, and the
# timestamp of one measurement must not differ from scrape to scrape.
_SET_S = 0.5


def seconds_since_boot() -> float:
    """Return monotonic seconds, which on Linux include the time for which the machine has slept."""
    return time.clock_gettime(_BOOT_CLOCK)


class Clock:
    """
    The boot clock, which gives every moment, and the wall clock, to which a moment is converted when it is shown.

    A Pi without a battery for its clock boots in the past, and sets the wall clock when the network comes up. A moment
    that was stored in Unix time would stay in the past.

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
        """Return the Unix time of a moment, by the present wall clock."""
        return moment_s + self.boot_at
