"""A service in virtual time, on a machine that sleeps, whose wall clock is set, and whose bluetoothd ends."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from ble_exporter.config.app_config import AppConfig
from ble_exporter.device.clock import Clock
from ble_exporter.errors import ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.scanner import Listener
from ble_exporter.service.scan_cycle import ScanCycle
from ble_exporter.tasks import Tasks
from tests.home import samples_of
from tests.radios import Radio

EPOCH_S = 1_800_000_000.0


class Air(Radio):
    """A radio that delivers the test's packets, and fails at the test's request."""

    listener: Listener

    def __init__(self) -> None:
        super().__init__()
        self._has_failed = asyncio.Event()

    def fail(self) -> None:
        """Fail as if bluetoothd had ended."""
        self._has_failed.set()

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Listen until cancelled, or until bluetoothd ends."""
        self.listener = listener
        started()
        await self._has_failed.wait()
        raise ScannerError("bluetoothd has ended")


class Machine:
    """
    The clocks of a machine.

    Attributes:
        asleep_s: The seconds for which the machine was asleep; the event loop's clock does not count them.
        set_s: The seconds by which the wall clock was set ahead.
    """

    def __init__(self) -> None:
        self.asleep_s = self.set_s = 0.0
        self.clock = Clock(self.now, lambda: EPOCH_S + self.set_s + self.now())

    def now(self) -> float:
        """Return the seconds since boot."""
        try:
            awake_s = asyncio.get_running_loop().time()
        except RuntimeError:
            awake_s = 0.0
        return 1000.0 + awake_s + self.asleep_s

    def wall(self) -> float:
        """Return the time of the machine's wall clock, in Unix seconds."""
        return EPOCH_S + self.set_s + self.now()


class Service:
    """The scan cycle with a radio that delivers the test's packets."""

    def __init__(
        self, machine: Machine, config: AppConfig, log: logging.Logger, state_folder: Path | None = None
    ) -> None:
        self.machine = machine
        self.air = Air()
        self.cycle = ScanCycle(config, self.air, log, machine.clock, state_folder=state_folder)

    def send(self, address: str, payload: bytes) -> None:
        """Deliver a BTHome packet."""
        self.hear(Advertisement(address, {UUID: payload}, -60, "hci0"))

    def hear(self, advertisement: Advertisement) -> None:
        """Deliver an advertisement, unless its sender is unknown."""
        if self.air.listener.wants(advertisement.address):
            self.air.listener.handle(advertisement)

    async def start(self) -> None:
        """Scan for a second; afterwards, the test can deliver packets without an event loop."""
        async with Tasks() as tasks:
            tasks.start(self.cycle.run())
            await asyncio.sleep(1)
            await tasks.end()

    def scrape(self) -> dict[str, float]:
        """Return the series of the sensors: see samples_of."""
        return samples_of(self.cycle.readings)

    def reasons(self) -> dict[str, str]:
        """Return the reason of the silence of each silent device."""
        for _step in self.cycle.silence_reasons.refresh():
            pass
        samples = [one for family in self.cycle.silence_reasons.collect() for one in family.samples]
        return {one.labels["device"]: one.labels["reason"] for one in samples if one.value}
