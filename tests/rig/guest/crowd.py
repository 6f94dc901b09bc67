"""
A house full of sensors in a street full of strangers, for the long runs.

Each sensor numbers its packets by what it measures: its n-th packet A has a temperature of n hundredths of a degree,
its n-th packet B a voltage of n millivolts. So whoever sees the served values knows which packets arrived, one by one.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator

from .air import APPLE, FLAGS_ONLY, Sender, Thermometer, bthome, local_name, manufacturer_data
from .exporter import Scrape
from .hci import AdvertisingType
from .virtual_radio import VirtualRadio

SENSOR_CADENCE_S = 2.5
"""The firmware's own."""
ANSWERED_SHARE = 0.7
"""How many of the radio's scan requests are answered: some requests, and some answers, collide on air."""
LARGEST_NUMBER = 32000
"""A temperature has 16 bits, of which one is the sign."""
SPREAD = 89
"""From one sensor's first number to the next one's: what is served for the wrong sensor is none of its own numbers."""
PACKET_IDS = 256
PHONE_BYTES = 12

TEMPERATURE = "ble_sensor_temperature_celsius"
VOLTAGE = "ble_sensor_voltage_volts"
STEPS = {TEMPERATURE: 100, VOLTAGE: 1000}
"""The metrics that tell a packet's number: how many steps a unit has."""

_BTHOME_START = bthome(b"")[len(FLAGS_ONLY) + 1 :]
VOLTAGE_ID = 0x0C
VOLTAGE_AT, TEMPERATURE_AT = 3, 5
"""Where the values are in packets B and A, behind the device information."""

Packet = tuple[str, str, int]
"""A device's name, the metric that tells the packet's number, and that number."""


def sensors(count: int) -> list[Thermometer]:
    """So many thermometers, as the configuration names them; what they measure is up to `NumberedSensor`."""
    addresses = (f"A4:C1:38:00:{serial >> 8:02X}:{serial & 0xFF:02X}" for serial in range(count))
    return [Thermometer(f"sensor_{serial}", address, 0, 45, 88, 0, -70) for serial, address in enumerate(addresses)]


def packet_in(data: bytes, name: str) -> Packet:
    """The packet of the sensor of this name that is in advertising data."""
    objects = data[data.index(_BTHOME_START) + len(_BTHOME_START) :]
    if objects[VOLTAGE_AT - 1] == VOLTAGE_ID:
        return (name, VOLTAGE, int.from_bytes(objects[VOLTAGE_AT : VOLTAGE_AT + 2], "little"))
    return (name, TEMPERATURE, int.from_bytes(objects[TEMPERATURE_AT : TEMPERATURE_AT + 2], "little"))


def served(scrape: Scrape) -> set[Packet]:
    """The packets whose values a scrape shows."""
    return {
        (device, metric, round(value * steps))
        for metric, steps in STEPS.items()
        for device, value in scrape.by_device(metric).items()
    }


class NumberedSensor(Sender):
    """
    A thermometer that measures before each pair of packets, A and B.

    Attributes:
        reported: The packets that the radio reported to the kernel.
    """

    def __init__(self, thermometer: Thermometer, serial: int) -> None:
        """Begin at a number of its own."""
        self.reported: set[Packet] = set()
        self._name = thermometer.name
        self._number = SPREAD * serial
        self._on_air: Packet = (self._name, TEMPERATURE, self._number)
        self._answer = local_name(thermometer.name)
        super().__init__(
            address=thermometer.address,
            packets=self._pairs(thermometer),
            rssi_dbm=thermometer.rssi_dbm,
            kind=AdvertisingType.ADV_IND,
            cadence_s=SENSOR_CADENCE_S,
        )

    def send(self, radio: VirtualRadio) -> bool:
        """Send, and note it if the radio reported it."""
        self.scan_response = _sometimes(self._answer)
        if reported := super().send(radio):
            self.reported.add(self._on_air)
        return reported

    def _pairs(self, thermometer: Thermometer) -> Iterator[bytes]:
        for packet_id in itertools.cycle(range(PACKET_IDS)):
            self._number = (self._number + 1) % LARGEST_NUMBER
            now = thermometer.measuring(self._number / STEPS[TEMPERATURE], self._number / STEPS[VOLTAGE])
            self._on_air = (self._name, TEMPERATURE, self._number)
            yield now.packet_a(packet_id)
            self._on_air = (self._name, VOLTAGE, self._number)
            yield now.packet_b(packet_id)


class Phone(Sender):
    """
    A stranger that takes another random address every so often, as phones do for their owner's privacy.

    Attributes:
        addresses: How many it has had.
        reported: How many of its advertisements the radio reported to the kernel.
    """

    def __init__(self, cadence_s: float, address_lasts_s: float) -> None:
        """Be at any moment of the first address's time."""
        self.addresses = 1
        self.reported = 0
        self._address_lasts_s = address_lasts_s
        self._until = time.monotonic() + random.random() * address_lasts_s
        super().__init__(
            address=_resolvable_private_address(),
            packets=_babble(),
            rssi_dbm=random.randint(-95, -50),
            kind=random.choice((AdvertisingType.ADV_IND, AdvertisingType.ADV_NONCONN_IND)),
            random_address=True,
            cadence_s=cadence_s,
        )

    def send(self, radio: VirtualRadio) -> bool:
        """Send, from another address if it is time for one."""
        if time.monotonic() > self._until:
            self._until += self._address_lasts_s
            self.addresses += 1
            self.address = _resolvable_private_address()
        self.scan_response = _sometimes(FLAGS_ONLY)
        reported = super().send(radio)
        self.reported += reported
        return reported


class Crowd:
    """
    Sensors and strangers, who together send so many advertisements a second.

    Attributes:
        thermometers: For the configuration.
        sensors: The same, as senders.
        phones: The strangers.
    """

    def __init__(self, sensor_count: int, stranger_count: int, per_second: float, address_lasts_s: float) -> None:
        """Prepare them; to send, they need an Air."""
        self.thermometers = sensors(sensor_count)
        self.sensors = [NumberedSensor(one, serial) for serial, one in enumerate(self.thermometers)]
        of_strangers = per_second - sensor_count / SENSOR_CADENCE_S
        self.phones = [Phone(stranger_count / of_strangers, address_lasts_s) for _ in range(stranger_count)]

    def reported_of_sensors(self) -> set[Packet]:
        """The sensors' packets that the radio reported so far."""
        return {packet for sensor in self.sensors for packet in sensor.reported.copy()}

    def reported_of_strangers(self) -> int:
        """How many advertisements of strangers the radio reported so far."""
        return sum(phone.reported for phone in self.phones)

    def reported(self) -> int:
        """How many advertisements the radio reported so far, without their scan responses."""
        return sum(len(sensor.reported) for sensor in self.sensors) + self.reported_of_strangers()

    def addresses(self) -> int:
        """How many addresses the strangers have had, all together."""
        return sum(phone.addresses for phone in self.phones)


def _sometimes(answer: bytes) -> bytes | None:
    return answer if random.random() < ANSWERED_SHARE else None


def _babble() -> Iterator[bytes]:
    while True:
        yield manufacturer_data(APPLE, random.randbytes(PHONE_BYTES))


def _resolvable_private_address() -> str:
    # The two uppermost bits are 01.
    first, *others = random.randbytes(6)
    return ":".join(f"{byte:02X}" for byte in (0x40 | first & 0x3F, *others))
