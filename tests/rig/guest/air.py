"""
The packets of thermometers and unknown devices, byte for byte, and a thread that sends them.

The thermometers are Xiaomi LYWSD03MMC with the pvvx firmware, which sends BTHome v2 in two packets:
A has battery, temperature and humidity, B has the voltage and two binary values. Format: https://bthome.io/format
"""

from __future__ import annotations

import itertools
import random
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from .hci import AdvertisingType
from .virtual_radio import VirtualRadio

# Types of advertising structures (Bluetooth assigned numbers, common data types).
FLAGS = 0x01
COMPLETE_LOCAL_NAME = 0x09
SERVICE_DATA_16_BIT_UUID = 0x16
MANUFACTURER_SPECIFIC_DATA = 0xFF

GENERAL_DISCOVERABLE_LE_ONLY = 0x06
BTHOME_UUID = 0xFCD2
ENVIRONMENTAL_SENSING_UUID = 0x181A
"""The service UUID of pvvx's own format."""
BTHOME_V2_PLAIN = 0x40
"""The device-information byte: version 2, not encrypted, at regular intervals."""
BTHOME_ENCRYPTED = bytes.fromhex("41e445f3c9962b332211006c7c4519")
"""The example of https://bthome.io/encryption: 25.06 °C and 50.55 %, sent by 54:48:E6:8F:80:A5."""
APPLE = 0x004C

ABAB = ("ABAB",)
"""The order of packets since firmware 5.1_2; the packets in one string share a packet id."""
AAAB = ("AAA", "B")
"""The order of packets in older firmware."""

CADENCE_S = 0.4
"""The sending interval, shortened from the thermometers' 2.5 s."""
CADENCE_JITTER_S = 0.01
"""The maximum of the specification's advDelay; the jitter also avoids synchronising with the guest's 10 ms tick."""
PROMPTNESS_S = 0.02
"""The maximum random delay of a packet; without it, all work could fall between two ticks and seem to cost nothing."""


def _field(kind: int, value: bytes) -> bytes:
    return bytes([len(value) + 1, kind]) + value


FLAGS_ONLY = _field(FLAGS, bytes([GENERAL_DISCOVERABLE_LE_ONLY]))


def local_name(name: str) -> bytes:
    """Return advertising data with only a device's name."""
    return _field(COMPLETE_LOCAL_NAME, name.encode())


def manufacturer_data(company: int, data: bytes) -> bytes:
    """Return advertising data in a company's own format, as phones and trackers send it."""
    return FLAGS_ONLY + _field(MANUFACTURER_SPECIFIC_DATA, struct.pack("<H", company) + data)


def bthome(objects: bytes) -> bytes:
    """Return advertising data with these BTHome v2 objects."""
    return service_data(bytes([BTHOME_V2_PLAIN]) + objects)


def service_data(payload: bytes, uuid: int = BTHOME_UUID) -> bytes:
    """Return advertising data with service data for this UUID."""
    return FLAGS_ONLY + _field(SERVICE_DATA_16_BIT_UUID, struct.pack("<H", uuid) + payload)


@dataclass(frozen=True)
class Thermometer:
    """A thermometer: its name in the configuration, its address, and its constant measurements."""

    name: str
    address: str
    temperature_celsius: float
    humidity_percent: float
    battery_percent: int
    voltage_volts: float
    rssi_dbm: int

    def measuring(self, temperature_celsius: float, voltage_volts: float) -> Thermometer:
        """Return the same thermometer with other measurements."""
        return replace(self, temperature_celsius=temperature_celsius, voltage_volts=voltage_volts)

    def packet_a(self, packet_id: int) -> bytes:
        """Return packet A: packet id, battery, temperature and humidity."""
        temperature, humidity = self.temperature_celsius * 100, self.humidity_percent * 100
        return bthome(
            struct.pack("<BB", 0x00, packet_id)
            + struct.pack("<BB", 0x01, self.battery_percent)
            + struct.pack("<Bh", 0x02, round(temperature))
            + struct.pack("<BH", 0x03, round(humidity))
        )

    def packet_b(self, packet_id: int) -> bytes:
        """Return packet B: packet id, voltage, and two binary objects, power (on) and opening (closed)."""
        return bthome(
            struct.pack("<BB", 0x00, packet_id)
            + struct.pack("<BH", 0x0C, round(self.voltage_volts * 1000))
            + bytes([0x10, 1, 0x11, 0])
        )

    def packet_custom(self, packet_id: int) -> bytes:
        """Return all measurements in pvvx's own format, the firmware's default: 15 bytes, including the address."""
        address = bytes.fromhex(self.address.replace(":", ""))[::-1]
        temperature, humidity = round(self.temperature_celsius * 100), round(self.humidity_percent * 100)
        millivolts = round(self.voltage_volts * 1000)
        values = struct.pack("<hHHBBB", temperature, humidity, millivolts, self.battery_percent, packet_id, 0)
        return service_data(address + values, ENVIRONMENTAL_SENSING_UUID)

    def packets(self, order: tuple[str, ...] = ABAB) -> Iterator[bytes]:
        """Yield the thermometer's packets in the firmware's order, without end."""
        groups = itertools.cycle(order)
        for packet_id, group in zip(itertools.cycle(range(256)), groups):
            for letter in group:
                yield self.packet_a(packet_id) if letter == "A" else self.packet_b(packet_id)


@dataclass
class Sender:
    """A device that advertises."""

    address: str
    packets: Iterator[bytes]
    rssi_dbm: int
    kind: AdvertisingType = AdvertisingType.ADV_NONCONN_IND
    random_address: bool = False
    scan_response: bytes | None = None
    cadence_s: float = CADENCE_S
    due: float = 0.0
    """The time of the next packet, on the clock of time.monotonic()."""

    def begin(self) -> None:
        """Schedule the first packet at a random time within one interval."""
        self.due = time.monotonic() + random.random() * self.cadence_s

    def send(self, radio: VirtualRadio) -> bool:
        """Send the next packet; return whether the radio reported it."""
        return radio.advertise(
            self.address,
            next(self.packets),
            rssi_dbm=self.rssi_dbm,
            kind=self.kind,
            random_address=self.random_address,
            scan_response=self.scan_response,
        )


def thermometer_sender(thermometer: Thermometer, order: tuple[str, ...] = ABAB) -> Sender:
    """Return a sender like a real thermometer: connectable, with its name only in the scan response."""
    serial = thermometer.address.replace(":", "")[-6:]
    return Sender(
        address=thermometer.address,
        packets=thermometer.packets(order),
        rssi_dbm=thermometer.rssi_dbm,
        kind=AdvertisingType.ADV_IND,
        scan_response=local_name(f"ATC_{serial}"),
    )


def unknown_devices() -> list[Sender]:
    """Return a neighbour's devices: a thermometer of the same make, a phone, and a scale that sends only its name."""
    neighbour = Thermometer("neighbour", "A4:C1:38:EE:00:01", 19.0, 60.0, 50, 2.7, -85)
    phone = manufacturer_data(APPLE, bytes.fromhex("1006031eabcdef01"))
    return [
        thermometer_sender(neighbour),
        Sender("5A:12:9C:33:44:55", itertools.repeat(phone), -78, random_address=True),
        Sender("C0:98:E5:00:00:07", itertools.repeat(local_name("Scale")), -90),
    ]


class Air:
    """The devices in range of `radio`; a thread sends their packets."""

    def __init__(self, radio: VirtualRadio, *senders: Sender) -> None:
        """Start advertising immediately."""
        self.radio = radio
        self._senders: dict[str, Sender] = {}
        self.add(*senders)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._send_all, name="air", daemon=True)
        self._thread.start()

    def add(self, *senders: Sender) -> None:
        """Add senders; a sender replaces an earlier one with the same address."""
        for sender in senders:
            sender.begin()
        self._senders = {**self._senders, **{sender.address: sender for sender in senders}}

    def silence(self, thermometer: Thermometer) -> None:
        """Stop this thermometer's advertisements."""
        others = self._senders.items()
        self._senders = {a: sender for a, sender in others if a != thermometer.address}

    def end(self) -> None:
        """Stop every sender, and wait until the thread has ended."""
        self._over.set()
        self._thread.join()

    def _send_all(self) -> None:
        while not self._over.wait(random.random() * PROMPTNESS_S):
            now = time.monotonic()
            for sender in self._senders.values():
                if sender.due <= now:
                    # The interval starts at the due time, not now, so that delays do not add up.
                    sender.due = max(sender.due + sender.cadence_s, now) + random.random() * CADENCE_JITTER_S
                    sender.send(self.radio)
