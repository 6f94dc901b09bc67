"""From advertisement to reading."""

import pytest

from ble_exporter.errors import DecodeError
from ble_exporter.formats import atc, bthome_v1, mibeacon
from ble_exporter.formats.bthome import UUID
from ble_exporter.formats.ccm import Ccm
from ble_exporter.formats.measurement import Measurement
from ble_exporter.model import Advertisement, Reading
from ble_exporter.parser import decode, parse_bthome
from tests.conftest import PACKET_A, PACKET_B

ADDRESS = "A4:C1:38:00:00:01"


def test_parse_bthome_gives_the_contract_s_example() -> None:
    """The name, the signature and this result are public API."""
    assert parse_bthome(bytes.fromhex("40016102ca0903bf13")) == {
        "battery": 97.0,
        "temperature": 25.06,
        "humidity": 50.55,
    }


def test_parse_bthome_raises_a_value_error() -> None:
    """Callers catch ValueError: that is the contract."""
    with pytest.raises(ValueError, match="version 1 is not 2"):
        parse_bthome(b"\x20")


def test_a_reading_carries_all_that_was_heard() -> None:
    """Device, values, time, RSSI and adapter arrive together, or an exported time would not belong to its value."""
    advertisement = Advertisement(ADDRESS, {UUID: PACKET_B}, 1716480000.5, -61, "hci1")

    assert decode(advertisement, "living_room") == Reading(
        device="living_room",
        measurements={Measurement("voltage"): 2.848, Measurement("power_on"): 0.0, Measurement("opening"): 1.0},
        heard_at=1716480000.5,
        rssi=-61,
        adapter="hci1",
        packet_id=0xB0,
        formats=("BTHome v2",),
    )


def test_a_reading_tells_what_is_no_measurement_by_its_position() -> None:
    """A button of one format beside that of another: none takes the other's place."""
    reading = heard({UUID: bytes.fromhex("403a013a02"), bthome_v1.UUID: bytes.fromhex("023a04") + b"\x64\x53abc"})

    assert {"button": "press", "button_2": "double_press", "button_3": "long_press", "text": "abc"} == reading.others
    assert ("BTHome v2", "BTHome v1") == reading.formats


def test_a_packet_without_id_gives_a_reading_without_one() -> None:
    """An invented id, 0 for example, would make every further packet a repeat."""
    assert decode(Advertisement(ADDRESS, {UUID: b"\x40\x01\x61"}, 0.0), "living_room").packet_id is None


def test_service_data_of_an_unknown_format_beside_a_known_one_is_ignored() -> None:
    """Sensors may send more than one kind of service data in one advertisement."""
    advertisement = Advertisement(ADDRESS, {"0000feaa-0000-1000-8000-00805f9b34fb": b"x", UUID: PACKET_A}, 0.0)

    assert decode(advertisement, "living_room").measurements[Measurement("temperature")] == 27.01


@pytest.mark.parametrize(
    ("service_data", "reason", "said"),
    [
        ({}, "no_service_data", "no service data: a name alone, or something else"),
        ({"fe95": b"\x50\x20"}, "no_known_format", "no service data of a known format, but fe95 5020"),
    ],
)
def test_an_advertisement_without_a_known_format_says_what_it_had(
    service_data: dict[str, bytes], reason: str, said: str
) -> None:
    """The user who set the sensor to another format must be able to read that in the log, with the bytes."""
    with pytest.raises(DecodeError) as caught:
        decode(Advertisement(ADDRESS, service_data, 0.0), "living_room")

    assert (caught.value.reason, str(caught.value)) == (reason, said)


def test_a_reading_knows_where_decoding_stopped() -> None:
    """What stood behind an unknown object was not read: somebody must be told."""
    assert decode(Advertisement(ADDRESS, {UUID: b"\x40\x01\x61\xfe"}, 0.0), "living_room").unknown_objects == (0xFE,)


PVVX_PACKET = bytes.fromhex("01000038c1a46c07fa13d60a520900")  # 19 °C, 51.14 %, 2.774 V, 82 %, counter 9


def heard(service_data: dict[str, bytes], cipher: Ccm | None = None) -> Reading:
    """Decode an advertisement."""
    return decode(Advertisement(ADDRESS, service_data, 0.0), "living_room", cipher)


def test_two_formats_in_one_advertisement_are_merged() -> None:
    """Nothing heard is lost when a sensor speaks two formats at once."""
    reading = heard({mibeacon.UUID: bytes.fromhex("50585b050301000038c1a406100202020a10014f"), UUID: PACKET_B})

    assert reading.measurements == {
        "voltage": 2.848,
        "power_on": 0.0,
        "opening": 1.0,
        "humidity": 51.4,
        "battery": 79.0,
    }
    assert reading.packet_id == 0xB0


@pytest.mark.parametrize("turn", [1, -1], ids=["heard in one order", "and in the other"])
def test_the_same_measurement_in_two_formats_is_kept_twice(turn: int) -> None:
    """And which of them is the first does not change with what D-Bus gives first."""
    service_data = dict([(UUID, b"\x40\x00\x07\x02\x8d\x0a\x02\x8e\x0a"), (atc.UUID, PVVX_PACKET)][::turn])

    reading = heard(service_data)

    assert {name: value for name, value in reading.measurements.items() if name.startswith("temperature")} == {
        "temperature": 27.01,
        "temperature_2": 27.02,
        "temperature_3": 19.0,
    }
    assert reading.packet_id == 7


def test_an_impossible_value_keeps_its_position_among_formats() -> None:
    """The second sensor's value must not become the first's when the first breaks."""
    reading = heard({UUID: b"\x40\x02\xff\x7f\x01\x50", atc.UUID: PVVX_PACKET.replace(b"\x52\x09", b"\xff\x09")})

    assert reading.measurements[Measurement("temperature", 2)] == 19.0
    assert reading.measurements[Measurement("battery")] == 80.0
    assert reading.impossible == ("temperature", "battery_2")


def test_a_payload_that_is_refused_does_not_cost_the_other_one() -> None:
    """A real advertisement (bthome-ble's test_bthome_multiple_uuids): one format is encrypted, one says nothing."""
    reading = decode(
        Advertisement(
            "A4:C1:38:81:24:C4",
            {
                atc.UUID: bytes.fromhex("c4248138c1a456088318bf"),
                mibeacon.UUID: bytes.fromhex("30585b0501c4248138c1a4280100"),
                bthome_v1.UUID: bytes.fromhex("0200b4021000030cbe0b"),
            },
            0.0,
        ),
        "living_room",
    )

    assert reading.measurements == {"power_on": 0.0, "voltage": 3.006}
    assert [error.reason for error in reading.refused] == ["encrypted"]


def test_of_several_payloads_that_are_all_refused_the_first_is_told() -> None:
    """By the order of the table, so that the count's reason does not change from packet to packet."""
    with pytest.raises(DecodeError, match="the BTHome payload is encrypted"):
        heard({mibeacon.UUID: b"\x00", UUID: bytes.fromhex("41e445f3c9962b332211006c7c4519")})


def test_an_announcement_beside_a_payload_that_is_refused_is_no_reading() -> None:
    """Who lacks a key would be told that all is well."""
    with pytest.raises(DecodeError, match="encrypted"):
        heard({mibeacon.UUID: bytes.fromhex("30585b050201000038c1a408"), atc.UUID: bytes(11)})


def test_an_announcement_alone_is_a_reading_without_measurements() -> None:
    """The device was heard, and nothing is wrong with it."""
    reading = heard({mibeacon.UUID: bytes.fromhex("30585b050201000038c1a408")})

    assert reading == Reading("living_room", {}, 0.0, formats=("MiBeacon",))


def test_an_impossible_value_is_left_out_and_told() -> None:
    """The others are sound: only this one is not exported."""
    reading = heard({UUID: b"\x40\x01\xff\x02\x8d\x0a"})

    assert (reading.measurements, reading.impossible) == ({"temperature": 27.01}, ("battery",))


def test_a_cipher_opens_what_is_encrypted() -> None:
    """The worked example of bthome.io/encryption."""
    advertisement = Advertisement("54:48:E6:8F:80:A5", {UUID: bytes.fromhex("41e445f3c9962b332211006c7c4519")}, 0.0)
    cipher = Ccm(bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932"))

    assert decode(advertisement, "x", cipher).measurements == {"temperature": 25.06, "humidity": 50.55}
