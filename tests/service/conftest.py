"""Fixtures for the tests of reloads."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ble_exporter.service.systemd import Notifier
from ble_exporter.tasks import Tasks
from tests.service.house import House, Run


@pytest.fixture
def run(tmp_path: Path, log: logging.Logger) -> Iterator[Run]:
    """Return a function that runs a coroutine function with a service whose radio listens."""

    def run(script: Callable[[House], "asyncio.Future[None]"], text: str, address: str = "") -> None:
        path = tmp_path / "config.yaml"
        path.write_text(text)

        async def live() -> None:
            with Notifier(log, address) as notifier:
                house = House(path, log, notifier)
                async with Tasks() as tasks:
                    tasks.start(house.cycle.run())
                    tasks.start(house.reloading.run())
                    for _ in range(10):
                        await asyncio.sleep(0)
                    await script(house)
                    await tasks.end()

        asyncio.run(live())

    yield run
    # A reload may have changed the level.
    log.setLevel(logging.DEBUG)
