"""The usual metrics of a Python process: CPU, memory, file descriptors, start time, garbage collection."""

import gc
import math
import os
import platform
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from weakref import finalize

from ble_exporter.device.clock import Clock
from ble_exporter.device.labels import Labels
from ble_exporter.metrics.column import UNLABELLED, Head
from ble_exporter.metrics.table import Layout, Table, Tables

_MAJOR, _MINOR, _PATCH = platform.python_version_tuple()
_PYTHON = Labels(
    {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "major": _MAJOR,
        "minor": _MINOR,
        "patchlevel": _PATCH,
    }
)
_GENERATIONS = [Labels({"generation": str(number)}) for number in range(len(gc.get_stats()))]
_COLLECTED = ("collected", "uncollectable", "collections")
_OF_PYTHON: Layout = [
    (Head("python_info", "gauge", "Python platform information"), [_PYTHON]),
    (Head("python_gc_objects_collected_total", "counter", "Objects collected during gc"), _GENERATIONS),
    (
        Head("python_gc_objects_uncollectable_total", "counter", "Uncollectable objects found during GC"),
        _GENERATIONS,
    ),
    (
        Head("python_gc_collections_total", "counter", "Number of times this generation was collected"),
        _GENERATIONS,
    ),
]
_OF_PROCESS: Layout = [
    (Head("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes."), UNLABELLED),
    (Head("process_resident_memory_bytes", "gauge", "Resident memory size in bytes."), UNLABELLED),
    (
        Head("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds."),
        UNLABELLED,
    ),
    (Head("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds."), UNLABELLED),
    (Head("process_open_fds", "gauge", "Number of open file descriptors."), UNLABELLED),
    (Head("process_max_fds", "gauge", "Maximum number of open file descriptors."), UNLABELLED),
]
_EVERYTHING: Layout = [*_OF_PROCESS, *_OF_PYTHON]
_STAT, _MEMORY, _FILES = "/proc/self/stat", "/proc/self/statm", "/proc/self/fd"
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = resource.getpagesize()
# /proc/self/statm has seven numbers of at most 20 digits.
_MOST_BYTES = 200


class ProcessMetrics(Tables):
    """
    The metrics that prometheus_client exports for every process, under the same names, in a tenth of the time.

    Without /proc, there are only the metrics of Python. If the wall clock is set, the start time changes with it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_s = _started_s()
        if self._started_s is not None:
            # Opening these files for each scrape takes longer than everything else here.
            self._memory, self._files = (os.open(path, os.O_RDONLY) for path in (_MEMORY, _FILES))
            for descriptor in (self._memory, self._files):
                finalize(self, os.close, descriptor)

    def tables(self) -> Sequence[Table]:
        """Return the values for a scrape."""
        stats = gc.get_stats()
        of_python: list[Sequence[float]] = [[1], *[[generation[key] for generation in stats] for key in _COLLECTED]]
        if self._started_s is None:
            return [Table(_OF_PYTHON, of_python)]
        virtual, resident, *_ = os.pread(self._memory, _MOST_BYTES, 0).split()
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        of_process: list[Sequence[float]] = [
            [int(virtual) * _PAGE_BYTES],
            [int(resident) * _PAGE_BYTES],
            [self._clock.unix(self._started_s)],
            [time.process_time()],
            [self._count_files()],
            [math.inf if soft == resource.RLIM_INFINITY else soft],
        ]
        return [Table(_EVERYTHING, [*of_process, *of_python])]

    def _count_files(self) -> int:
        """Return the number of open file descriptors, plus the one that prometheus_client opens to count them."""
        # Since Linux 6.2, the size of the folder is the number of its files; before, it was 0.
        return 1 + (os.fstat(self._files).st_size or len(os.listdir(self._files)))  # noqa: PTH208 - takes no descriptor


def _started_s() -> float | None:
    """Return the time at which this process started, in seconds since boot; None without /proc."""
    try:
        # The name of the program, in parentheses, may contain anything.
        return int(Path(_STAT).read_bytes().rpartition(b")")[2].split()[19]) / _TICKS_PER_S
    except OSError:
        return None
