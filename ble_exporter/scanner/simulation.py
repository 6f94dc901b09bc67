"""
Simulated sensors that send as the real firmware does, in rooms whose climate drifts, among foreign devices.

A sensor sends an advertisement every 2.5 s, and measures every four of them. Temperature, humidity and battery are in
one kind of packet, voltage and the switches in another. In which order depends on the firmware's age:

    "abab"  v5.1_2 and newer: A B A B under one packet id, and the next id for the next measurement
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
# Bluetooth Core, vol. 6, part B, 4.4.2.2.1: a sender adds 0 to 10 ms to each interval.
_MAX_ADVERTISING_DELAY_S = 0.010
# All sensors start within this time: a first scan hears each.
_START_S = 0.1

_PACKET_A = struct.Struct("<BBBBBBhBH")
_PACKET_B = struct.Struct("<BBBBHBBBB")
_PACKET_OF_A_NEIGHBOUR = struct.Struct("<BBh")
_INFORMATION = 0x40
_INFORMATION_ENCRYPTED = 0x41
_CIPHERTEXT = 8  # bytes, as battery, temperature and humidity are
_COUNTER = struct.Struct("<I")

# What a breath adds, in one measurement.
_BREATH_CELSIUS = 0.9
_BREATH_PERCENT = 17.0


@dataclass(frozen=True)
class Simulation:
    """
    What a simulated radio hears.

    Attributes:
        addresses: The sensors' addresses.
        seed: The same seed gives the same simulation, to the byte; None gives another each time.
        loss: Which part of all advertisements is not heard, from 0 to 1.
        strangers: How many foreign devices are in reach, each sending once a second.
        order: The sensors' firmware, by the order of its packets.
        encrypted: Addresses of sensors that encrypt, beside the others; nobody has their keys.
        breath_at_s: When somebody breathes on the first sensor; None where nobody does.
    """

    addresses: Sequence[str]
    seed: int | None = None
    loss: float = 0.0
    strangers: int = 0
    order: PacketOrder = "abab"
    encrypted: Sequence[str] = ()
    breath_at_s: float | None = None

    def transmissions(self) -> Iterator[Transmission]:
        """Yield what is heard, in the order of time, without end."""
        seed = random.SystemRandom().getrandbits(32) if self.seed is None else self.seed
        breaths = [self.breath_at_s, *[None] * len(self.addresses)]
        senders = [
            _sensor(address, random.Random(f"{seed} {address}"), self.order, breath_at_s)
            for address, breath_at_s in zip(self.addresses, breaths, strict=False)
        ]
        senders += [_encrypted_sensor(address, random.Random(f"{seed} locked {address}")) for address in self.encrypted]
        senders += [_stranger(random.Random(f"{seed} stranger {number}")) for number in range(self.strangers)]
        reception = random.Random(f"{seed} reception")
        if self.loss >= 1:
            return  # nothing will ever be heard: there is no next one to look for
        for transmission in merge(*senders, key=attrgetter("at")):
            if reception.random() >= self.loss:
                yield transmission


class _Room:
    """The climate of one room: each measurement wanders a little, and comes back."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._usual_celsius = self.celsius = rng.uniform(17.0, 24.0)
        self._usual_percent = self.percent = rng.uniform(35.0, 60.0)

    def drift(self) -> None:
        self.celsius += self._rng.gauss(0.0, 0.03) + 0.01 * (self._usual_celsius - self.celsius)
        self.percent += self._rng.gauss(0.0, 0.10) + 0.01 * (self._usual_percent - self.percent)

    def take_breath(self) -> None:
        """Become what a sensor measures that was breathed on."""
        self.celsius += _BREATH_CELSIUS
        self.percent += _BREATH_PERCENT


def _sensor(address: str, rng: random.Random, order: PacketOrder, breath_at_s: float | None) -> Iterator[Transmission]:
    room = _Room(rng)
    name = _name(address)
    battery = rng.randint(40, 100)
    millivolts = 2200 + 8 * battery
    usual_rssi = rng.uniform(-85.0, -50.0)
    packet_id = rng.randrange(256)
    at = rng.uniform(0.0, _START_S)
    while True:
        packet_a = _PACKET_A.pack(
            _INFORMATION,
            0x00,
            packet_id,
            0x01,
            battery,
            0x02,
            round(room.celsius * 100),
            0x03,
            round(room.percent * 100),
        )
        # The older firmware counts its voltage packet on; each packet of the newer carries the measurement's id.
        id_of_b = packet_id if order == "abab" else (packet_id + 1) % 256
        packet_b = _PACKET_B.pack(_INFORMATION, 0x00, id_of_b, 0x0C, millivolts + rng.randint(-9, 9), 0x10, 0, 0x11, 1)
        for number in range(_MEASUREMENT_ADVERTISEMENTS):
            is_b = number % 2 == 1 if order == "abab" else number == _MEASUREMENT_ADVERTISEMENTS - 1
            yield Transmission(at, address, _rssi(usual_rssi, rng), {UUID: packet_b if is_b else packet_a}, name)
            at += _INTERVAL_S + rng.uniform(0.0, _MAX_ADVERTISING_DELAY_S)
        packet_id = (id_of_b + 1) % 256
        room.drift()
        if breath_at_s is not None and at >= breath_at_s:
            room.take_breath()
            breath_at_s = None


def _encrypted_sensor(address: str, rng: random.Random) -> Iterator[Transmission]:
    """A sensor that encrypts: without its key what it sends is noise, and so is what is sent here."""
    usual_rssi = rng.uniform(-85.0, -50.0)
    counter = rng.getrandbits(16)
    at = rng.uniform(0.0, _START_S)
    while True:
        payload = (
            bytes([_INFORMATION_ENCRYPTED]) + rng.randbytes(_CIPHERTEXT) + _COUNTER.pack(counter) + rng.randbytes(4)
        )
        yield Transmission(at, address, _rssi(usual_rssi, rng), {UUID: payload}, _name(address))
        at += _INTERVAL_S + rng.uniform(0.0, _MAX_ADVERTISING_DELAY_S)
        counter += 1


def _name(address: str) -> str:
    """Return what the pvvx firmware calls itself."""
    return f"ATC_{address.replace(':', '')[-6:].upper()}"


def _stranger(rng: random.Random) -> Iterator[Transmission]:
    """A foreign device: a sensor of the neighbours, a beacon of another kind, or something without service data."""
    address = ":".join(f"{byte:02X}" for byte in [rng.randrange(0x40, 0x80), *rng.randbytes(5)])
    service_data = rng.choice(
        [
            {UUID: _PACKET_OF_A_NEIGHBOUR.pack(_INFORMATION, 0x02, rng.randint(1500, 2500))},
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
