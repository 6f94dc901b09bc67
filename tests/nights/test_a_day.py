"""
24 hours with everything at once, in virtual time.

Sensors come and go, packets are lost, recordings are replayed, the configuration is reloaded, the wall clock jumps, the
machine sleeps, and the program starts again after it was killed or bluetoothd has ended. Every 30 s there is a scrape.
"""

import asyncio
import gc
import logging
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from ble_exporter.config.app_config import AppConfig
from ble_exporter.errors import ScannerError
from ble_exporter.service.replay_state import Marks
from ble_exporter.tasks import Tasks
from tests.formats.sealing import ADDRESS, KEY, seal_temperature
from tests.home import samples_of
from tests.nights import IS_LONG
from tests.nights.service import Machine, Service
from tests.radios import InVirtualTime
from tests.service.house import packet

HOURS = 24
SEEDS = range(20) if IS_LONG else range(1)
STEP_S = 10
STALE_S = 300.0
SENSORS = [f"A4:C1:38:00:00:{number:02X}" for number in range(10)]
OLD = 30
"""A replayed packet is at least this many counters old: ten minutes, twice the time between two saves of the state."""


class Day:
    """
    A day of one machine.

    Attributes:
        heard: The time and the value of the latest packet that each configured sensor has sent to this run.
        sent: The numbers of packets that this run must have decoded, rejected, and counted as from unknown devices.
        runs, scrapes, shown: The number of runs and scrapes, and of values that were compared.
        blocks: The memory blocks in use, every hour.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.machine = Machine()
        self.heard: dict[str, tuple[float, float]] = {}
        self.sent = {"decoded": 0, "rejected": 0, "unknown_device": 0}
        self.runs = self.scrapes = self.shown = 0
        self.blocks: list[int] = []
        self._chance = random.Random(seed)
        self._folder = folder
        self._log = logging.Logger("day")
        self._log.addHandler(logging.NullHandler())
        self._present = dict.fromkeys([*SENSORS, ADDRESS], True)
        self._devices = {address: f"sensor {number}" for number, address in enumerate(self._present)}
        self._recorded: list[bytes] = []
        self._before: dict[str, float] = {}
        self._step = 0

    def _config(self) -> AppConfig:
        keys = {ADDRESS: KEY} if ADDRESS in self._devices else {}
        return AppConfig(30, 30, 8000, dict(self._devices), stale_after_seconds=STALE_S, keys=keys)

    async def live(self) -> None:
        """Live through the day, in as many runs of the program as it takes."""
        while self._step < HOURS * 3600 // STEP_S:
            self.runs += 1
            self.heard.clear()
            self._before.clear()
            self.sent = dict.fromkeys(self.sent, 0)
            service = Service(self.machine, self._config(), self._log, self._folder)
            with suppress(ScannerError):
                await self._run(service)

    async def _run(self, service: Service) -> None:
        async with Tasks() as tasks:
            scanning = tasks.start(service.cycle.run())
            tasks.start(service.cycle.replay_state.keep(_at_once))
            while self._step < HOURS * 3600 // STEP_S:
                self._step += 1
                await asyncio.sleep(STEP_S)
                self._transmit(service)
                self._happen(service)
                if self._step % 3 == 0:
                    self._scrape(service)
                if self._is_time(1 / 700):
                    # bluetoothd ends, and so does the run, in an orderly way.
                    service.air.fail()
                    await tasks.wait(scanning)
                if self._is_time(1 / 700):
                    # Killed: the state is that of the latest save.
                    return
            await tasks.end()

    def _is_time(self, chance: float) -> bool:
        return self._chance.random() < chance

    def _transmit(self, service: Service) -> None:
        now = self.machine.now()
        counter = 50_000 + int(now / 20)
        for number, address in enumerate(self._present):
            if self._step % 3 == number % 3 and self._present[address] and not self._is_time(0.3):
                celsius = self._chance.randrange(15, 30)
                if address == ADDRESS:
                    self._recorded = [*self._recorded, seal_temperature(celsius, counter)][-200:]
                self._send(service, address, self._recorded[-1] if address == ADDRESS else packet(celsius * 100))
                if address in self._devices:
                    self.heard[address] = now, float(celsius)
        if self._is_time(0.2) and len(self._recorded) > 2 * OLD:
            old = self._chance.choice(self._recorded[:-OLD])
            self._send(service, ADDRESS, old, "rejected" if ADDRESS in self._devices else "unknown_device")

    def _send(self, service: Service, address: str, payload: bytes, count: str = "decoded") -> None:
        service.send(address, payload)
        self.sent[count if address in self._devices else "unknown_device"] += 1

    def _happen(self, service: Service) -> None:
        if self._is_time(1 / 40):
            address = self._chance.choice([*self._present])
            self._present[address] = not self._present[address]
        if self._is_time(1 / 100):
            self.machine.set_s = self._chance.uniform(-10, 10) * 86_400
        if self._is_time(1 / 1500):
            self.machine.asleep_s += self._chance.uniform(0, 3) * 3600
        if self._is_time(1 / 200):
            self._reload(service)
        if self._step % 360 == 0:
            gc.collect()
            self.blocks.append(sys.getallocatedblocks())

    def _reload(self, service: Service) -> None:
        """Rename a device, and remove or add one."""
        renamed, changed = self._chance.sample([*self._present], 2)
        if renamed in self._devices:
            self._devices[renamed] = f"renamed in step {self._step}"
        if self._devices.pop(changed, None) is None:
            self._devices[changed] = f"new in step {self._step}"
        self.heard.pop(changed, None)
        service.cycle.configure(self._config())

    def _scrape(self, service: Service) -> None:
        self.scrapes += 1
        now = self.machine.now()
        expected = {
            f"temperature_celsius[{self._devices[address]!r}]": value
            for address, (heard_s, value) in self.heard.items()
            if now - heard_s < STALE_S
        }
        found = {name: value for name, value in service.scrape().items() if name.startswith("temperature")}
        assert expected == found
        self.shown += len(found)
        own = {
            one.name: one.value for family in service.cycle.counts.collect() for one in family.samples if not one.labels
        }
        counts = service.cycle.counts
        assert self.sent == {
            "decoded": counts.decoded,
            "rejected": sum(counts.rejected.values()),
            "unknown_device": counts.unknown_device,
        }
        counters = {name: value for name, value in own.items() if name.endswith("_total")}
        counters |= samples_of(service.cycle.readings, of_reception=True)
        fallen = [name for name in counters.keys() & self._before.keys() if counters[name] < self._before[name]]
        assert [] == [name for name in fallen if "interval" not in name]
        self._before = counters


async def _at_once(write: Callable[[Marks], None], marks: Marks) -> None:
    write(marks)


@pytest.mark.night
@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_with_everything_at_once(seed: int, tmp_path: Path, in_virtual_time: InVirtualTime) -> None:
    """A scrape shows exactly the values that have not expired; in a run, no counter falls; memory use does not grow."""
    day = Day(seed, tmp_path)
    in_virtual_time(day.live())
    early, late = min(day.blocks[3:9]), min(day.blocks[-6:])
    print(  # noqa: T201 - the figures are for the reader of a long run
        f"seed {seed}: {day.runs} runs, {day.scrapes} scrapes, {day.shown} values; "
        f"{early} blocks of memory in the first hours, {late} in the last"
    )

    assert HOURS * 120 == day.scrapes
    assert late < early * 1.05
