"""
Simulated sensors that send like the real firmware, in rooms with a drifting climate, among unknown devices.

A sensor sends an advertisement every 2.5 s, and takes a measurement every four advertisements. Packet A contains
temperature, humidity and battery; packet B contains the voltage. Most thermometers also send the levels of two pins in
packet B (see status/pins.py); the simulated ones have no such pins, because nothing would be connected to them. The
order of the packets depends on the firmware version:

    "abab"  v5.1_2 and newer: A B A B under one packet id, then the next id
    "aaab"  v4.5 to v5.1: A A A under one id, B under the next
"""

import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from operator import attrgetter
from typing import Literal

from ble_exporter.formats.bthome import UUID
from ble_exporter.scanner.capture import Transmission

PacketOrder = Literal["abab", "aaab"]

_INTERVAL_S = 2.5
_MEASUREMENT_ADVERTISEMENTS = 4
# Bluetooth Core, vol. 6, part B, 4.4.2.2.1: a sender adds a random delay of 0 to 10 ms to each interval.
_MAX_ADVERTISING_DELAY_S = 0.010
# All sensors start within this time, so that the first scan can hear each of them.
_START_S = 0.1

# BTHome v2: device information, then each object's id and value.
_PACKET_A = struct.Struct("<BBBBBBhBH")
_PACKET_B = struct.Struct("<BBBBH")
_PACKET_OF_A_NEIGHBOUR = struct.Struct("<BBh")
_CIPHERTEXT = 8  # bytes: battery, temperature and humidity with their object ids

# A breath on a sensor raises its measurements by these amounts.
_BREATH_CELSIUS = 0.9
_BREATH_PERCENT = 17.0


@dataclass(frozen=True)
class Simulation:
    """The advertisements that a simulated radio hears."""

    addresses: Sequence[str]  # of the sensors
    seed: int | None = None  # the same seed gives the same bytes; None gives a different simulation each time
    loss: float = 0.0  # the fraction of all advertisements that is not received, from 0 to 1
    strangers: int = 0  # the number of unknown devices in range; each sends once a second
    order: PacketOrder = "abab"
    encrypted: Sequence[str] = ()  # addresses of additional sensors, which encrypt with unknown keys
    breath_at_s: float | None = None  # time in seconds of a breath on the first sensor; None: never

    def transmissions(self) -> Iterator[Transmission]:
        """Yield the advertisements in chronological order, without end; none if all are lost."""
        seed = random.SystemRandom().getrandbits(32) if self.seed is None else self.seed
        senders = [
            _sensor(address, random.Random(f"{seed} {address}"), self.order, None if number else self.breath_at_s)
            for number, address in enumerate(self.addresses)
        ]
        senders += [_encrypted_sensor(address, random.Random(f"{seed} locked {address}")) for address in self.encrypted]
        senders += [_unknown_device(random.Random(f"{seed} stranger {number}")) for number in range(self.strangers)]
        reception = random.Random(f"{seed} reception")
        if self.loss >= 1:
            return  # every advertisement is lost, so the loop below would never yield
        for transmission in merge(*senders, key=attrgetter("at")):
            if reception.random() >= self.loss:
                yield transmission


def _sensor(address: str, rng: random.Random, order: PacketOrder, breath_at_s: float | None) -> Iterator[Transmission]:
    usual_celsius = celsius = rng.uniform(17.0, 24.0)
    usual_percent = percent = rng.uniform(35.0, 60.0)
    battery = rng.randint(40, 100)
    millivolts = 2200 + 8 * battery
    usual_rssi = rng.uniform(-85.0, -50.0)
    packet_id = rng.randrange(256)
    at = rng.uniform(0.0, _START_S)
    while True:
        climate = (0x02, round(celsius * 100), 0x03, round(percent * 100))
        packet_a = _PACKET_A.pack(0x40, 0x00, packet_id, 0x01, battery, *climate)
        # Older firmware gives packet B the next id; newer firmware gives all packets of a measurement the same id.
        id_of_b = packet_id if order == "abab" else (packet_id + 1) % 256
        packet_b = _PACKET_B.pack(0x40, 0x00, id_of_b, 0x0C, millivolts + rng.randint(-9, 9))
        for number in range(_MEASUREMENT_ADVERTISEMENTS):
            is_b = number % 2 == 1 if order == "abab" else number == _MEASUREMENT_ADVERTISEMENTS - 1
            payload = packet_b if is_b else packet_a
            yield Transmission(at, address, _rssi(usual_rssi, rng), {UUID: payload}, _name(address))
            at += _INTERVAL_S + rng.uniform(0.0, _MAX_ADVERTISING_DELAY_S)
        packet_id = (id_of_b + 1) % 256
        # Each value drifts a little, and returns to its usual level.
        celsius += rng.gauss(0.0, 0.03) + 0.01 * (usual_celsius - celsius)
        percent += rng.gauss(0.0, 0.10) + 0.01 * (usual_percent - percent)
        if breath_at_s is not None and at >= breath_at_s:
            celsius += _BREATH_CELSIUS
            percent += _BREATH_PERCENT
            breath_at_s = None


def _encrypted_sensor(address: str, rng: random.Random) -> Iterator[Transmission]:
    """Yield packets with random bytes as ciphertext; without the key, nobody can tell them from real ones."""
    usual_rssi = rng.uniform(-85.0, -50.0)
    counter = rng.getrandbits(16)
    at = rng.uniform(0.0, _START_S)
    while True:
        payload = b"\x41" + rng.randbytes(_CIPHERTEXT) + counter.to_bytes(4, "little") + rng.randbytes(4)
        yield Transmission(at, address, _rssi(usual_rssi, rng), {UUID: payload}, _name(address))
        at += _INTERVAL_S + rng.uniform(0.0, _MAX_ADVERTISING_DELAY_S)
        counter += 1


def _name(address: str) -> str:
    """Return the local name that the pvvx firmware sends."""
    return f"ATC_{address.replace(':', '')[-6:].upper()}"


def _unknown_device(rng: random.Random) -> Iterator[Transmission]:
    """Yield the packets of a neighbour's sensor, of a beacon of another kind, or of a device without service data."""
    address = ":".join(f"{byte:02X}" for byte in [rng.randrange(0x40, 0x80), *rng.randbytes(5)])
    service_data = rng.choice(
        [
            {UUID: _PACKET_OF_A_NEIGHBOUR.pack(0x40, 0x02, rng.randint(1500, 2500))},
            {"0000feaa-0000-1000-8000-00805f9b34fb": rng.randbytes(18)},
            {},
        ]
    )
    usual_rssi = rng.uniform(-95.0, -60.0)
    at = rng.uniform(0.0, 1.0)
    while True:
        yield Transmission(at, address, _rssi(usual_rssi, rng), service_data)
        at += 1.0 + rng.uniform(0.0, _MAX_ADVERTISING_DELAY_S)


def _rssi(usual: float, rng: random.Random) -> int:
    return max(-100, min(-30, round(rng.gauss(usual, 3.0))))
