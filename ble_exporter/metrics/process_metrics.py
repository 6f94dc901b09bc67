"""The usual metrics of a Python process: CPU, memory, file descriptors, start time, garbage collection."""

import gc
import math
import os
import platform
import resource
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ble_exporter.device.clock import Clock
from ble_exporter.device.labels import NO_LABELS, Labels
from ble_exporter.metrics.column import Column

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
_GENERATIONS = tuple(Labels({"generation": str(number)}) for number in range(len(gc.get_stats())))
_STAT, _FILES = Path("/proc/self/stat"), Path("/proc/self/fd")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = resource.getpagesize()


class ProcessMetrics(Collector):
    """
    The metrics that prometheus_client exports for every process, under the same names, in a quarter of the time.

    Without /proc, there are only the metrics of Python. If the wall clock is set, the start time changes with it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Return the families for a scrape."""
        yield from self._of_process()
        yield _family("python_info", "Python platform information", _PYTHON, 1)
        for name, documentation, key in (
            ("objects_collected", "Objects collected during gc", "collected"),
            ("objects_uncollectable", "Uncollectable objects found during GC", "uncollectable"),
            ("collections", "Number of times this generation was collected", "collections"),
        ):
            column = Column(f"python_gc_{name}_total")
            for labels, stats in zip(_GENERATIONS, gc.get_stats(), strict=True):
                column.add(labels, stats[key])
            yield column.family("counter", documentation)

    def _of_process(self) -> Iterator[Metric]:
        try:
            # The name of the program, in parentheses, may contain anything.
            fields = _STAT.read_bytes().rpartition(b")")[2].split()
            open_files = len(os.listdir(_FILES))  # noqa: PTH208 - a Path for each file takes long
        except OSError:
            return
        ticks = int(fields[11]) + int(fields[12])
        started = self._clock.unix(int(fields[19]) / _TICKS_PER_S)
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        most_files = math.inf if soft == resource.RLIM_INFINITY else soft
        for name, documentation, value in (
            ("virtual_memory_bytes", "Virtual memory size in bytes.", int(fields[20])),
            ("resident_memory_bytes", "Resident memory size in bytes.", int(fields[21]) * _PAGE_BYTES),
            ("start_time_seconds", "Start time of the process since unix epoch in seconds.", started),
            ("cpu_seconds_total", "Total user and system CPU time spent in seconds.", ticks / _TICKS_PER_S),
            ("open_fds", "Number of open file descriptors.", open_files),
            ("max_fds", "Maximum number of open file descriptors.", most_files),
        ):
            yield _family(f"process_{name}", documentation, NO_LABELS, value)


def _family(name: str, documentation: str, labels: Labels, value: float) -> Metric:
    column = Column(name)
    column.add(labels, value)
    return column.family("counter" if name.endswith("_total") else "gauge", documentation)
