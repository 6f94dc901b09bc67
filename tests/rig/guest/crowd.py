"""
Many sensors among many unknown devices, for the long runs.

A sensor numbers its packets with its measurements: its n-th packet A has a temperature of n hundredths of a degree, and
its n-th packet B a voltage of n millivolts. The served values therefore identify each packet that arrived.
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
"""The sending interval of the firmware."""
ANSWERED_SHARE = 0.7
"""The fraction of scan requests that are answered; the others, or their answers, are lost in collisions."""
LARGEST_NUMBER = 32000
"""A temperature has 16 bits, one of which is the sign."""
SPREAD = 89
"""The distance between the first numbers of consecutive sensors, which reveals a value served for the wrong sensor."""
PACKET_IDS = 256
PHONE_BYTES = 12

TEMPERATURE = "ble_sensor_temperature_celsius"
VOLTAGE = "ble_sensor_voltage_volts"
STEPS = {TEMPERATURE: 100, VOLTAGE: 1000}
"""Maps each metric that identifies a packet to the number of steps per unit."""

_BTHOME_START = bthome(b"")[len(FLAGS_ONLY) + 1 :]
VOLTAGE_ID = 0x0C
VOLTAGE_AT, TEMPERATURE_AT = 3, 5
"""Offsets of the values in packets B and A, counted after the device information."""

Packet = tuple[str, str, int]
"""A device's name, the metric that identifies the packet, and the packet's number."""


def sensors(count: int, kind: str = "sensor") -> list[Thermometer]:
    """Return thermometers for the configuration, named after `kind`; `NumberedSensor` sets their measurements."""
    addresses = (f"A4:C1:38:00:{serial >> 8:02X}:{serial & 0xFF:02X}" for serial in range(count))
    return [Thermometer(f"{kind}_{serial}", address, 0, 45, 88, 0, -70) for serial, address in enumerate(addresses)]


def packet_in(data: bytes, name: str) -> Packet:
    """Return the packet that this advertising data of the named sensor contains."""
    objects = data[data.index(_BTHOME_START) + len(_BTHOME_START) :]
    if objects[VOLTAGE_AT - 1] == VOLTAGE_ID:
        return (name, VOLTAGE, int.from_bytes(objects[VOLTAGE_AT : VOLTAGE_AT + 2], "little"))
    return (name, TEMPERATURE, int.from_bytes(objects[TEMPERATURE_AT : TEMPERATURE_AT + 2], "little"))


def served(scrape: Scrape) -> set[Packet]:
    """Return the packets whose values are in a scrape."""
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
        """Start at a number that depends on `serial`."""
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
        """Send the next packet, and record it if the radio reported it."""
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
    An unknown device that changes its random address regularly, as phones do for their owner's privacy.

    Attributes:
        addresses: Number of addresses used so far.
        reported: Number of advertisements that the radio reported to the kernel.
    """

    def __init__(self, cadence_s: float, address_lasts_s: float) -> None:
        """Start at a random time within the first address's lifetime."""
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
        """Send the next packet, from a new address if the current one has expired."""
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
    Sensors and phones that together send `per_second` advertisements a second.

    Attributes:
        thermometers: The sensors' entries in the configuration.
        sensors: The senders of these thermometers.
        phones: The unknown devices.
    """

    def __init__(
        self, sensor_count: int, phone_count: int, per_second: float, address_lasts_s: float, kind: str = "sensor"
    ) -> None:
        """Create the senders; an `Air` sends their packets. The names of sensors on air begin with `kind`."""
        self.thermometers = sensors(sensor_count, kind)
        self.sensors = [NumberedSensor(one, serial) for serial, one in enumerate(self.thermometers)]
        of_phones = per_second - sensor_count / SENSOR_CADENCE_S
        self.phones = [Phone(phone_count / of_phones, address_lasts_s) for _ in range(phone_count)]

    def reported_of_sensors(self) -> set[Packet]:
        """Return the sensors' packets that the radio has reported."""
        return {packet for sensor in self.sensors for packet in sensor.reported.copy()}

    def reported_of_phones(self) -> int:
        """Return the number of phones' advertisements that the radio has reported."""
        return sum(phone.reported for phone in self.phones)

    def reported(self) -> int:
        """Return the number of advertisements that the radio has reported, without scan responses."""
        return sum(len(sensor.reported) for sensor in self.sensors) + self.reported_of_phones()

    def addresses(self) -> int:
        """Return the number of addresses that all phones have used."""
        return sum(phone.addresses for phone in self.phones)


def _sometimes(answer: bytes) -> bytes | None:
    return answer if random.random() < ANSWERED_SHARE else None


def _babble() -> Iterator[bytes]:
    while True:
        yield manufacturer_data(APPLE, random.randbytes(PHONE_BYTES))


def _resolvable_private_address() -> str:
    # The two most significant bits are 01.
    first, *others = random.randbytes(6)
    return ":".join(f"{byte:02X}" for byte in (0x40 | first & 0x3F, *others))
