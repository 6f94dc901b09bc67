"""
A sender with bad intentions: 1,000 packets a second under configured addresses, or one from each of 100,000 others.

Without a bindkey, anybody can send values under a sensor's address; these tests show the limits of such an attack. Half
of the packets are well-formed BTHome v2 with random values; the others are random bytes under the UUID of any format.
"""

import gc
import logging
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ble_exporter.config.app_config import AppConfig
from ble_exporter.device.series import MOST_SERIES
from ble_exporter.exporter.exposition import TEXT, Exposition
from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.logger import LogFile
from ble_exporter.model import Advertisement
from tests.nights import IS_LONG
from tests.nights.service import Machine, Service
from tests.radios import InVirtualTime
from tests.service.house import packet

PER_SECOND = 1000
SECONDS = 600 if IS_LONG else 6
VICTIMS = [f"A4:C1:38:00:00:{number:02X}" for number in range(10)]
UNHARMED = [f"A4:C1:38:00:01:{number:02X}" for number in range(10)]
STRANGERS = 100_000
UNKNOWN = "0000feaa-0000-1000-8000-00805f9b34fb"
MOST_LOG_BYTES = 32 * 400
"""At most 32 warnings a device, each of which contains a packet."""
NOISE_BLOCKS = 1000


def hostile_packets(chance: random.Random) -> Iterator[dict[str, bytes]]:
    """Yield service data without end."""
    uuids = [bthome.UUID, bthome_v1.UUID, bthome_v1.UUID_ENCRYPTED, atc.UUID, mibeacon.UUID, UNKNOWN]
    rows = [*OBJECTS.items()]
    while True:
        chosen = sorted(chance.sample(rows, 4))
        objects = b"".join(bytes([number]) + chance.randbytes(row.size) for number, row in chosen)
        well_formed = {bthome.UUID: b"\x40\x00" + chance.randbytes(1) + objects}
        yield well_formed if chance.random() < 0.5 else {chance.choice(uuids): chance.randbytes(chance.randrange(60))}


class Attack:
    """A service under attack, in which ten sensors are attacked and ten are not."""

    def __init__(self, folder: Path) -> None:
        self.log_file = folder / "x.log"
        self._handler = LogFile(str(self.log_file), print)
        log = logging.Logger("attack", logging.INFO)
        log.addHandler(self._handler)
        devices = {address: f"device {number}" for number, address in enumerate([*VICTIMS, *UNHARMED])}
        self._machine = Machine()
        self.service = Service(self._machine, AppConfig(30, 30, 8000, devices, stale_after_seconds="auto"), log)
        self._chance = random.Random(1)
        self._packets = hostile_packets(self._chance)

    def last(self, seconds: int, second_s: float = 1) -> None:
        """Attack for this time; each second, the other sensors send, too. A second takes `second_s` on the clock."""
        for _second in range(seconds):
            self._machine.asleep_s += second_s  # moves the clock
            for _packet in range(PER_SECOND):
                self._hear(self._chance.choice(VICTIMS), next(self._packets))
            for number, address in enumerate(UNHARMED):
                self._hear(address, {bthome.UUID: packet(2000 + number)})

    def strangers(self) -> None:
        """Send a packet from each of 100,000 addresses."""
        for number in range(STRANGERS):
            digits = f"C000{number:08X}"
            self._hear(":".join(digits[at : at + 2] for at in range(0, 12, 2)), {})

    def _hear(self, address: str, service_data: dict[str, bytes]) -> None:
        self.service.hear(Advertisement(address, service_data, -60, "hci0"))

    def close(self) -> None:
        """Close the log."""
        self._handler.close()


@pytest.fixture
def attack(tmp_path: Path, in_virtual_time: InVirtualTime) -> Iterator[Attack]:
    """A service that is about to be attacked."""
    attack = Attack(tmp_path)
    in_virtual_time(attack.service.start())
    yield attack
    attack.close()


def blocks() -> int:
    """Return the number of memory blocks in use."""
    gc.collect()
    return sys.getallocatedblocks()


@pytest.mark.night
def test_an_attack_costs_nobody_else_anything(attack: Attack) -> None:
    """An attacker may disturb the sensors that it imitates, but neither other sensors nor the exporter."""
    # A minute in each step, until all histories of an hour are full.
    attack.last(65, second_s=60)
    attack.last(SECONDS // 2)
    half_way = blocks()
    attack.last(SECONDS // 2)
    at_end = blocks()
    cycle, log_bytes = attack.service.cycle, attack.log_file.stat().st_size
    body = Exposition({"readings": cycle.readings, "exporter": cycle.counts}).render(TEXT).decode()
    series = [line for line in body.splitlines() if line.startswith("ble_sensor_")]
    values = attack.service.scrape()
    print(  # noqa: T201 - the figures are for the reader of a long run
        f"{PER_SECOND * SECONDS} packets: {half_way} blocks of memory half-way, {at_end} at the end; "
        f"{len(series)} series in {len(body)} bytes; log {log_bytes} bytes"
    )

    assert at_end - half_way < NOISE_BLOCKS
    assert len(series) < (MOST_SERIES + 40) * len(VICTIMS) + 20 * len(UNHARMED)
    assert log_bytes < MOST_LOG_BYTES * len(VICTIMS)
    assert [20.0 + number / 100 for number in range(10)] == [
        values[f"temperature_celsius['device {number}']"] for number in range(10, 20)
    ]


def test_a_hundred_thousand_strangers_leave_no_trace(attack: Attack) -> None:
    """Phones change their addresses all the time, and anybody can send from any number of them."""
    attack.last(1)
    unknown, before = attack.service.cycle.counts.unknown_device, blocks()
    attack.strangers()

    assert STRANGERS == attack.service.cycle.counts.unknown_device - unknown
    assert blocks() - before < NOISE_BLOCKS
