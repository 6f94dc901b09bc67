"""Tests of the data collected about discovered devices."""

from collections import deque

import pytest

from ble_exporter.cli.discover.discovered import (
    MAX_MEASUREMENTS,
    MAX_OTHERS,
    MAX_SENSORS,
    RISE_SHOWN_S,
    DiscoveredDevice,
    Discovery,
    add_value,
)
from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.formats.ccm import Ccm
from ble_exporter.model import Advertisement
from tests.conftest import PACKET_A, PACKET_B, vectors

ADDRESS = "A4:C1:38:00:00:01"
ANOTHER = "A4:C1:38:00:00:02"
BEACON = {"0000feaa-0000-1000-8000-00805f9b34fb": b"\x00"}
ENCRYPTED_VECTOR = vectors("bthome_v2_encrypted.json")[0]


class Air:
    """A discovery with a clock that the test sets."""

    def __init__(self, keys: dict[str, bytes] | None = None) -> None:
        self.now = 0.0
        ciphers = {address: Ccm(key) for address, key in (keys or {}).items()}
        self.discovery = Discovery(lambda: self.now, ciphers)

    def say(
        self, service_data: dict[str, bytes], *, address: str = ADDRESS, name: str = "", rssi: int | None = -60
    ) -> None:
        """Receive one advertisement from a device."""
        assert self.discovery.wants(address)
        self.discovery.handle(Advertisement(address, service_data, rssi, name=name))

    def measure(self, celsius: float, percent: float) -> None:
        """Receive a temperature and a humidity, 10 s after the previous packet."""
        self.now += 10
        self.say(
            {
                bthome.UUID: b"\x40\x02"
                + round(celsius * 100).to_bytes(2, "little", signed=True)
                + b"\x03"
                + round(percent * 100).to_bytes(2, "little")
            }
        )

    @property
    def sensor(self) -> DiscoveredDevice:
        """The only sensor."""
        (sensor,) = self.discovery.sensors()
        return sensor


def test_the_packets_of_a_sensor_are_combined() -> None:
    """Temperature, voltage and name arrive in different packets, but a user wants one line per sensor."""
    air = Air()

    air.say({bthome.UUID: PACKET_A})
    air.say({}, name="ATC_000001")
    air.say({bthome.UUID: PACKET_B})

    assert ADDRESS == air.sensor.address
    assert "ATC_000001" == air.sensor.name
    assert ["BTHome"] == air.sensor.formats
    assert {"temperature": 27.01, "voltage": 2.848}.items() <= air.sensor.measurements.items()
    # BlueZ reports the name separately, so that report does not count as a packet.
    assert 2 == air.sensor.packets


def test_an_unknown_device_is_not_a_sensor() -> None:
    """The user must not be offered a device whose data the service can't decode."""
    air = Air()

    air.say(BEACON)
    air.say({}, address=ANOTHER)

    assert [] == air.discovery.sensors()
    assert {ADDRESS, ANOTHER} == {other.address for other in air.discovery.others()}


def test_a_device_with_rejected_data_is_not_a_sensor() -> None:
    """Other makers' devices also use the UUID 0x181A, Environmental Sensing."""
    air = Air()

    air.say({atc.UUID: b"\x01\x02"})

    assert ["no_known_format"] == [other.rejected for other in air.discovery.others()]


def test_an_announcement_alone_is_not_a_sensor() -> None:
    """Xiaomi lamps, scales and toothbrushes send MiBeacon packets too."""
    air = Air()

    air.say({mibeacon.UUID: bytes.fromhex("30585b0501") + bytes.fromhex(ADDRESS.replace(":", ""))[::-1] + b"\x08"})

    assert [] == air.discovery.sensors()
    assert [None] == [other.rejected for other in air.discovery.others()]


def test_a_device_whose_name_arrived_first_becomes_a_sensor() -> None:
    """If packets that carry only a name counted, the interval shown would be too short."""
    air = Air()

    for air.now in (0.0, 0.1, 0.2):
        air.say({}, name="x")
    for air.now in (1.0, 3.5, 6.0):
        air.say({bthome.UUID: PACKET_A})

    assert [] == air.discovery.others()
    assert (3, 2.5) == (air.sensor.packets, air.sensor.interval_s)


def test_a_lost_packet_does_not_change_the_interval() -> None:
    """The user wants to see the interval at which the sensor sends, and a lost packet lengthens only one gap."""
    air = Air()

    for air.now in (0.0, 2.5, 5.0, 10.0, 12.5):
        air.say({bthome.UUID: PACKET_A})

    assert 2.5 == air.sensor.interval_s


def test_the_gaps_within_a_burst_are_ignored() -> None:
    """Some sensors send a burst of packets once a minute, and the interval that matters to the user is that minute."""
    air = Air()

    for air.now in (0.0, 0.1, 0.2, 60.0, 60.1, 60.2, 120.0):
        air.say({bthome.UUID: PACKET_A})

    assert air.sensor.interval_s == pytest.approx(59.8)


def test_a_device_that_sends_twice_a_second_has_its_interval() -> None:
    """Beacons, and sensors during setup, send this fast; their packets must not count as one burst."""
    air = Air()

    for air.now in (0.0, 0.5, 1.0, 2.0, 2.5, 3.0):
        air.say({bthome.UUID: PACKET_A})

    assert 0.5 == air.sensor.interval_s


def test_one_packet_has_no_interval() -> None:
    """Without a second packet the interval is unknown, and a guess would mislead."""
    air = Air()

    air.say({bthome.UUID: PACKET_A})

    assert air.sensor.interval_s is None


def test_the_strongest_sensor_is_first() -> None:
    """The sensor that the user is looking for is usually the nearest."""
    air = Air()

    for address, rssi in ((ADDRESS, -80), (ANOTHER, -50), ("A4:C1:38:00:00:03", None)):
        air.say({bthome.UUID: PACKET_A}, address=address, rssi=rssi)

    assert [ANOTHER, ADDRESS, "A4:C1:38:00:00:03"] == [sensor.address for sensor in air.discovery.sensors()]


def test_the_rssi_is_smoothed() -> None:
    """The RSSI varies by several dB from packet to packet, and rows must not jump between refreshes."""
    air = Air()

    air.say({bthome.UUID: PACKET_A}, rssi=-60)
    air.say({bthome.UUID: PACKET_A}, rssi=-70)

    assert -62 == air.sensor.rssi


def test_an_encrypted_sensor_needs_its_key() -> None:
    """An encrypted sensor must be listed too, so that the user knows to look for its key."""
    air = Air()

    air.say({bthome.UUID: bytes.fromhex(ENCRYPTED_VECTOR["payload"])}, address=ENCRYPTED_VECTOR["address"])

    assert air.sensor.encrypts
    assert air.sensor.needs_key
    assert {} == air.sensor.measurements
    assert 1 == air.sensor.packets


def test_an_encrypted_sensor_with_its_key_is_decrypted() -> None:
    """A user who has configured the key expects to see the readings."""
    air = Air({ENCRYPTED_VECTOR["address"]: bytes.fromhex(ENCRYPTED_VECTOR["key"])})

    air.say({bthome.UUID: bytes.fromhex(ENCRYPTED_VECTOR["payload"])}, address=ENCRYPTED_VECTOR["address"])

    assert air.sensor.encrypts
    assert not air.sensor.needs_key
    assert air.sensor.measurements


def test_a_wrong_key_is_reported() -> None:
    """The table must distinguish a wrong key from a missing one."""
    air = Air({ENCRYPTED_VECTOR["address"]: bytes(16)})

    air.say({bthome.UUID: bytes.fromhex(ENCRYPTED_VECTOR["payload"])}, address=ENCRYPTED_VECTOR["address"])

    assert air.sensor.needs_key
    assert "wrong_key" == air.sensor.rejected


@pytest.mark.parametrize(
    ("uuid", "payload", "name"),
    [
        (bthome_v1.UUID, "23021ab2", "BTHome v1"),
        (atc.UUID, "01000038c1a4ab0a2c119c0b5a1e04", "pvvx"),
        (atc.UUID, "a4c1380000010110325a0b9c1e", "ATC1441"),
    ],
)
def test_a_format_has_the_name_that_users_know(uuid: str, payload: str, name: str) -> None:
    """Users know the name from the firmware's web page."""
    air = Air()

    air.say({uuid: bytes.fromhex(payload)})

    assert [name] == air.sensor.formats


def test_a_sensor_of_two_formats_has_both() -> None:
    """Some firmware alternates between formats, and a user may want to disable one."""
    air = Air()

    air.say({bthome.UUID: PACKET_A})
    air.say({bthome_v1.UUID: bytes.fromhex("23021ab2")})

    assert ["BTHome", "BTHome v1"] == air.sensor.formats


def test_a_breath_is_marked_for_a_while() -> None:
    """The user breathes on the sensors one by one to tell them apart."""
    air = Air()
    for _ in range(3):
        air.measure(21.0, 45.0)
    assert not air.sensor.just_rose(air.now)

    air.measure(21.3, 58.0)

    assert "humidity" == air.sensor.rose
    assert air.sensor.just_rose(air.now)
    assert air.sensor.just_rose(air.now + RISE_SHOWN_S)
    assert not air.sensor.just_rose(air.now + RISE_SHOWN_S + 0.1)


def test_a_warm_hand_is_detected_too() -> None:
    """Some users hold the sensor instead: under a warm hand, only the temperature rises."""
    air = Air()
    for _ in range(3):
        air.measure(21.0, 45.0)

    air.measure(21.6, 44.0)

    assert "temperature" == air.sensor.rose


@pytest.mark.parametrize(
    ("values", "rises"),
    [
        ([45.0], []),
        ([45.0, 47.9], []),
        ([45.0, 48.0], [48.0]),
        ([60.0, 45.0, 59.0], []),  # a dip and a recovery
        ([45.0, 60.0, 55.0, 50.0], [60.0]),
        ([45.0, 60.0, 70.0], [60.0, 70.0]),  # a breath over two measurements
        ([40.0, 42.5, 40.5, 46.0], []),  # a sensor in the wind: the rise is within three times its noise
        ([45.0 + 0.5 * step for step in range(20)], []),  # a shower in the next room
    ],
)
def test_a_rise_is_well_beyond_the_noise(values: list[float], rises: list[float]) -> None:
    """A false mark would point the user to the wrong sensor."""
    latest: deque[float] = deque(maxlen=8)

    assert rises == [value for value in values if add_value(latest, value, 3.0)]


def test_changing_addresses_do_not_fill_the_memory() -> None:
    """An attacker can send from any number of addresses; the sensors already found must be kept."""
    air = Air()

    for number in range(MAX_OTHERS + 1):
        air.say({bthome.UUID: PACKET_A}, address=f"sensor {number:04}")
        air.say(BEACON, address=f"other {number:04}")
    air.say({bthome.UUID: PACKET_B}, address="sensor 0000")

    packets = {sensor.address: sensor.packets for sensor in air.discovery.sensors()}
    assert {f"sensor {number:04}": 1 + (number == 0) for number in range(MAX_SENSORS)} == packets
    assert MAX_OTHERS == len(air.discovery.others())


def test_a_long_name_is_cut() -> None:
    """A Bluetooth name has at most 248 bytes; a longer one from an attacker must not fill the memory."""
    air = Air()

    air.say({bthome.UUID: PACKET_A}, name="x" * 10_000)

    assert 248 == len(air.sensor.name)


def test_changing_measurements_do_not_fill_the_memory() -> None:
    """An attacker can send different objects in each packet: thousands of measurements from each of 500 addresses."""
    air = Air()

    air.measure(20.0, 40.0)
    for object_id in (b"\x01", b"\x09"):
        air.say({bthome.UUID: b"\x40" + (object_id + b"\x50") * 127})
    air.measure(21.0, 41.0)

    assert MAX_MEASUREMENTS == len(air.sensor.measurements)
    assert {"temperature": 21.0, "humidity": 41.0, "battery": 80}.items() <= air.sensor.measurements.items()
