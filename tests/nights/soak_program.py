"""
The program with a hostile radio, for the soak: `python -m tests.nights.soak_program COUNTS ARGUMENTS…`.

The radio plays the simulation of the configured sensors, 200 packets a second under two of their addresses and under
random ones, and resets its adapter now and then, as healing does. On SIGUSR1, it falls silent, and writes to the file
COUNTS how many packets it has delivered, by address: "?" for addresses that the program does not want.
"""

import asyncio
import json
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from ble_exporter.errors import LossReason, ResetOutcome
from ble_exporter.main import main
from ble_exporter.model import Advertisement
from ble_exporter.scanner import Listener
from ble_exporter.scanner.simulation import Simulation
from tests.nights.test_enemy import hostile_packets

SENSORS = tuple(f"A4:C1:38:00:00:{number:02X}" for number in range(60))
VICTIMS = SENSORS[:2]
TICK_S = 0.05
HOSTILE_A_TICK = 10
RESET_EVERY_S = 5.0
RESET_S = 0.5


class HostileRadio:
    """A radio that loses no packet of the sensors: those sent during a reset are delivered after it."""

    adapters: Mapping[str, bool] = MappingProxyType({"hci0": True})
    lost_events: Mapping[tuple[str, LossReason], int] = MappingProxyType({})
    silence: str | None = None

    def __init__(self, counts: Path) -> None:
        self.adapter_resets: dict[tuple[str, ResetOutcome], int] = {}
        self.is_resetting = False
        self._counts = counts
        self._delivered: Counter[str] = Counter()
        self._is_over = False

    def end(self) -> None:
        """Fall silent, and write the counts."""
        self._is_over = True
        beside = self._counts.with_suffix(".new")
        beside.write_text(json.dumps(self._delivered))
        beside.replace(self._counts)

    def catch_up(self) -> None:
        """See Radio: every packet is delivered at once."""

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Deliver packets until cancelled, or until `end`."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self.end)
        started()
        chance = random.Random(1)
        hostile = hostile_packets(chance)
        transmissions = Simulation(SENSORS, 1).transmissions()
        sent = next(transmissions)
        began = loop.time()
        reset_s = began + RESET_EVERY_S
        while True:
            await asyncio.sleep(TICK_S)
            if self._is_over:
                break
            while sent.at <= loop.time() - began and not self.is_resetting:
                self._deliver(listener, sent.advertisement())
                sent = next(transmissions)
            for _ in range(0 if self.is_resetting else HOSTILE_A_TICK):
                address = chance.choice([*VICTIMS, f"C0:{chance.randbytes(5).hex(':').upper()}"])
                self._deliver(listener, Advertisement(address, next(hostile), -60, "hci0"))
            if loop.time() > reset_s:
                self.is_resetting = not self.is_resetting
                reset_s = loop.time() + (RESET_S if self.is_resetting else RESET_EVERY_S)
                if self.is_resetting:
                    key: tuple[str, ResetOutcome] = ("hci0", "heard")
                    self.adapter_resets[key] = self.adapter_resets.get(key, 0) + 1
        await asyncio.Event().wait()

    def _deliver(self, listener: Listener, advertisement: Advertisement) -> None:
        is_wanted = listener.wants(advertisement.address)
        self._delivered[advertisement.address if is_wanted else "?"] += 1
        if is_wanted:
            listener.handle(advertisement)


if __name__ == "__main__":
    radio = HostileRadio(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:], lambda *_arguments, **_options: radio))
