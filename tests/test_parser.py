"""From advertisement to reading."""

import pytest

from ble_exporter.errors import DecodeError
from ble_exporter.formats.bthome import UUID
from ble_exporter.formats.decoded import Decoded
from ble_exporter.model import Advertisement, Reading
from ble_exporter.parser import DECODERS, decode, parse_bthome
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
        measurements={"voltage": 2.848, "power_on": 0.0, "opening": 1.0},
        heard_at=1716480000.5,
        rssi=-61,
        adapter="hci1",
        packet_id=0xB0,
    )


def test_a_packet_without_id_gives_a_reading_without_one() -> None:
    """An invented id, 0 for example, would make every further packet a repeat."""
    assert decode(Advertisement(ADDRESS, {UUID: b"\x40\x01\x61"}, 0.0), "living_room").packet_id is None


def test_service_data_of_an_unknown_format_beside_a_known_one_is_ignored() -> None:
    """Sensors may send more than one kind of service data in one advertisement."""
    advertisement = Advertisement(ADDRESS, {"0000feaa-0000-1000-8000-00805f9b34fb": b"x", UUID: PACKET_A}, 0.0)

    assert decode(advertisement, "living_room").measurements["temperature"] == 27.01


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


def test_two_formats_in_one_advertisement_are_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing heard is lost when a sensor speaks two formats at once."""
    other = Decoded({"pressure": 1013.0}, {}, None, None)
    monkeypatch.setattr("ble_exporter.parser.DECODERS", {**DECODERS, "other": lambda _payload, _address, _cipher: other})

    reading = decode(Advertisement(ADDRESS, {"other": b"", UUID: PACKET_B}, 0.0), "living_room")

    assert reading.measurements == {"voltage": 2.848, "power_on": 0.0, "opening": 1.0, "pressure": 1013.0}
    assert reading.packet_id == 0xB0
