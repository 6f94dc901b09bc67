"""A sensor with a key, and a replay guard that checks its packets, for the tests of replays."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from ble_exporter.device.replay import ReplayGuard
from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import Counter

ADVERTISED_EVERY_S = 2.5
PACKETS_PER_COUNTER = 4  # A B A B


@dataclass(frozen=True)
class Packet:
    """
    A packet of the sensor.

    Attributes:
        value: The counter of the packet.
        digest: Differs for each battery, counter and kind of packet.
        bits: The size of the counter.
        uuid: The 16-bit UUID of the service, in hex digits.
    """

    value: int
    digest: bytes
    bits: int = 32
    uuid: str = "fcd2"


@dataclass
class Air:
    """A replay guard, its clock, and the packets that it accepted, which an attacker could have recorded."""

    scan_interval_s: float = 0.0
    now: float = 0.0
    accepted: list[Packet] = field(default_factory=list)
    guard: ReplayGuard = field(init=False)

    def __post_init__(self) -> None:
        self.guard = ReplayGuard(lambda: self.now, self.scan_interval_s)

    def send(self, packet: Packet, adapter: str = "hci0") -> bool:
        """Pass a packet to the guard now; return whether the guard accepts it."""
        try:
            self.guard.admit({packet.uuid: Counter(packet.value, packet.bits)}, [packet.digest], adapter)
        except DecodeError:
            return False
        self.accepted.append(packet)
        return True

    def send_all(self, packets: Iterator[tuple[float, Packet]]) -> list[bool]:
        """Send packets, each after its delay in seconds; return for each whether it was accepted."""
        began = self.now
        results = []
        for after_s, packet in packets:
            self.now = began + after_s
            results.append(self.send(packet))
        return results


def sensor(counters: range, battery: int = 1, lost: random.Random | None = None) -> Iterator[tuple[float, Packet]]:
    """Yield (seconds, packet): two kinds alternate under each counter, A B A B; `lost` drops 60 % at random."""
    for index in range(len(counters) * PACKETS_PER_COUNTER):
        value = counters[index // PACKETS_PER_COUNTER]
        if lost is None or lost.random() > 0.6:
            yield index * ADVERTISED_EVERY_S, Packet(value, f"{battery} {value} {index % 2}".encode())
