"""The resources of a process, read from /proc."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_CPU_CLOCK = 2
"""CPUCLOCK_SCHED of the kernel: the kind of CPU clock that is as precise as the scheduler's own clock."""

BLUETOOTH_SOCKETS = Path("/proc/net/hci")
_RECEIVED, _INODE = 2, 5
"""Fields of a line: the bytes in the receive buffer, as the kernel counts them, and the socket's inode."""
_SAMPLE_S = 0.01


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
    # The number of the clock, as clock_getcpuclockid(3) returns it; /proc/PID/stat counts in units of 10 ms.
    return time.clock_gettime(~pid << 3 | _CPU_CLOCK)


def _open_files(pid: int) -> Iterator[str]:
    """Yield the target of each open descriptor of a process, without those that it closes meanwhile."""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            yield str(descriptor.readlink())


class SocketBuffers:
    """
    The receive buffers of a process's Bluetooth sockets, watched during a `with` block.

    Attributes:
        fullest: The highest number of bytes in any of the buffers, as the kernel counts them against a buffer's size.
    """

    def __init__(self, pid: int) -> None:
        """Watch the sockets that the process has now."""
        self.fullest = 0
        self._inodes = {link.strip("socket:[]") for link in _open_files(pid) if link.startswith("socket:")}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="socket buffers", daemon=True)

    def __enter__(self) -> SocketBuffers:
        """Start watching."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop watching."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLE_S):
            for line in BLUETOOTH_SOCKETS.read_text().splitlines()[1:]:
                fields = line.split()
                if fields[_INODE] in self._inodes:
                    self.fullest = max(self.fullest, int(fields[_RECEIVED]))
