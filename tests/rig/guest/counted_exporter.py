"""
Run the exporter unchanged; on a signal, write a census of its event loop and heap to a file.

    python -m rig.guest.counted_exporter --config …

On SIGUSR1 it writes the number of memory blocks and the names of the tasks; on SIGUSR2 it also writes the largest
containers, which takes longer.
"""

from __future__ import annotations

import asyncio
import gc
import json
import reprlib
import signal
import sys
from collections.abc import Collection
from pathlib import Path
from types import FrameType

CENSUS = Path("/run/exporter.census")
LARGEST = 8
CONTAINERS = (dict, list, set, frozenset, tuple)


def _write_census(number: int, _frame: FrameType | None) -> None:
    # Each closed transport of asyncio is a reference cycle: without a collection, the garbage would be counted, too.
    gc.collect()
    # A signal handler runs in the main thread, where the event loop runs.
    tasks = asyncio.all_tasks(asyncio.get_running_loop())
    census = {
        "blocks": sys.getallocatedblocks(),
        "tasks": sorted(_name(task) for task in tasks),
        "largest": _largest_containers() if number == signal.SIGUSR2 else [],
    }
    new = CENSUS.with_suffix(".new")
    new.write_text(json.dumps(census))
    new.replace(CENSUS)


def _name(task: asyncio.Task[object]) -> str:
    return getattr(task.get_coro(), "__qualname__", repr(task))


def _largest_containers() -> list[str]:
    """Return the type, length and first member of the largest containers, one of which would hold a leak."""
    containers = [one for one in gc.get_objects() if isinstance(one, CONTAINERS) and type(one) in CONTAINERS]
    largest = sorted(containers, key=len, reverse=True)[:LARGEST]
    return [f"{type(one).__name__} of {len(one)}: {_first(one)}" for one in largest]


def _first(container: Collection[object]) -> str:
    # reprlib limits the length; the member may be large.
    return reprlib.repr(next(iter(container), None))


def main() -> int:
    """Run the exporter; return its exit status."""
    # Imported late, because scenarios import this module only for its constants.
    from ble_exporter.main import main as exporter

    signal.signal(signal.SIGUSR1, _write_census)
    signal.signal(signal.SIGUSR2, _write_census)
    return exporter()


if __name__ == "__main__":
    sys.exit(main())
