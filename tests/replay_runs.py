"""Runs of the program that share one file with the replay guards' state, for the tests of restarts."""

import logging
from hashlib import blake2b
from pathlib import Path

from ble_exporter.device.clock import Clock
from ble_exporter.device.mark import DIGEST_SIZE
from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import Counter
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.service.replay_state import ReplayState

ADDRESS = "A4:C1:38:00:00:01"
KEY = bytes(range(16))


class Run:
    """One run of the program, on a machine whose clocks the test sets."""

    def __init__(
        self,
        folder: Path | None,
        log: logging.Logger,
        *,
        now: float = 1000.0,
        wall: float = 1.8e9,
        boot: str = "first",
        key: bytes = KEY,
        bits: int = 32,
    ) -> None:
        self.now, self.wall = now, wall
        self._bits = bits
        self.counts = SelfMetrics()
        clock = Clock(lambda: self.now, lambda: self.wall)
        self.state = ReplayState(folder, {ADDRESS: key}, self.counts, log, clock=clock, boot=boot)
        self._guard = self.state.guard(ADDRESS, 0.0)

    def hear(self, *counters: int, every_s: float = 10.0, battery: int = 1) -> list[bool]:
        """Hear a packet with each counter, `every_s` seconds apart; return for each whether it was accepted."""
        results = []
        for counter in counters:
            results.append(not self.refusal(counter, battery))
            self.now += every_s
            self.wall += every_s
        return results

    def refusal(self, counter: int, battery: int = 1) -> str:
        """Hear a packet; return the text of its refusal, or an empty string."""
        digest = blake2b(f"{battery} {counter}".encode(), digest_size=DIGEST_SIZE).digest()
        try:
            self._guard.admit({"fcd2": Counter(counter, self._bits)}, [digest], "hci0")
        except DecodeError as error:
            return str(error)
        return ""
