"""The resources of a process, read from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
"""The unit of CPU time; the kernel charges each tick to the process that runs at that instant."""
_UTIME, _STIME = 11, 12
"""Fields of /proc/PID/stat, counted after the program's name."""


@dataclass(frozen=True)
class Footprint:
    """A process's resident memory, and its numbers of open file descriptors and threads."""

    rss_kib: int
    descriptors: int
    threads: int


def footprint(pid: int) -> Footprint:
    """Return the current footprint of a process."""
    lines = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    status = {key: value.split() for key, _, value in lines}
    descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return Footprint(int(status["VmRSS"][0]), descriptors, int(status["Threads"][0]))


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of all threads of a process, in user and kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) * TICK_S
