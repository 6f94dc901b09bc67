"""
Runs the exporter unchanged, and on a signal writes what can't be seen from outside: what its event loop and heap hold.

    python -m rig.guest.counted_exporter --config …

SIGUSR1 asks for the numbers, SIGUSR2 also for the largest containers, which takes longer.
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
    # A signal's handler runs in the main thread, and so within the event loop that runs there.
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
    """Where a leak would be: the largest dicts and lists, by their length and by what their first member is."""
    containers = [one for one in gc.get_objects() if isinstance(one, CONTAINERS) and type(one) in CONTAINERS]
    largest = sorted(containers, key=len, reverse=True)[:LARGEST]
    return [f"{type(one).__name__} of {len(one)}: {_first(one)}" for one in largest]


def _first(container: Collection[object]) -> str:
    # Not repr(): what stands there may be large.
    return reprlib.repr(next(iter(container), None))


def main() -> int:
    """Be the exporter."""
    # Imported late: the scenarios, which import this file for its names, have no use for the exporter.
    from ble_exporter.main import main as exporter

    signal.signal(signal.SIGUSR1, _write_census)
    signal.signal(signal.SIGUSR2, _write_census)
    return exporter()


if __name__ == "__main__":
    sys.exit(main())
