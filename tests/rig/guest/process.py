"""What /proc tells of a process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
"""The unit of CPU time; it is also how the kernel measures it: at each tick, by whoever runs then."""
_UTIME, _STIME = 11, 12
"""Fields of /proc/PID/stat, counted from behind the program's name."""


@dataclass(frozen=True)
class Footprint:
    """What a process has: resident memory, open file descriptors, threads."""

    rss_kib: int
    descriptors: int
    threads: int


def footprint(pid: int) -> Footprint:
    """What the process has now."""
    lines = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    status = {key: value.split() for key, _, value in lines}
    descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return Footprint(int(status["VmRSS"][0]), descriptors, int(status["Threads"][0]))


def cpu_seconds(pid: int) -> float:
    """CPU time of all its threads, its own and the kernel's on its behalf."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) * TICK_S
