"""Tests of the readers, which turn an advertisement into a reading."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.replay import ReplayGuard
from ble_exporter.errors import DecodeError
from ble_exporter.formats import atc, bthome_v1, mibeacon
from ble_exporter.formats.bthome import UUID
from ble_exporter.formats.ccm import Ccm
from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.registry import FORMATS
from ble_exporter.model import Advertisement, Reading, Remarks
from ble_exporter.parser import keyed_reader, parse_bthome, plain_reader
from tests.conftest import PACKET_A, PACKET_B, vectors
from tests.formats import sealing

ADDRESS = "A4:C1:38:00:00:01"
PVVX_PACKET = bytes.fromhex("01000038c1a46c07fa13d60a520900")  # 19 °C, 51.14 %, 2.774 V, 82 %, counter 9
ANNOUNCEMENT = bytes.fromhex("30585b050201000038c1a408")


def read(service_data: dict[str, bytes]) -> Reading:
    """Return the reading of a device without a key."""
    return plain_reader(Advertisement(ADDRESS, service_data))


def test_parse_bthome_gives_the_contract_s_example() -> None:
    """The name, the signature and this result are public API."""
    assert {
        "battery": 97.0,
        "temperature": 25.06,
        "humidity": 50.55,
    } == parse_bthome(bytes.fromhex("40016102ca0903bf13"))


def test_parse_bthome_raises_a_value_error() -> None:
    """Programs that call this public function catch a ValueError."""
    with pytest.raises(ValueError, match="version 1 is not 2"):
        parse_bthome(b"\x20")


def test_a_reading_is_the_meaning_of_one_advertisement() -> None:
    """The reading must contain everything that the device stores from one advertisement."""
    assert read({UUID: PACKET_B}) == Reading(
        measurements={Measurement("voltage"): 2.848, Measurement("power_on"): 0.0, Measurement("opening"): 1.0},
        others={},
        packet_id=0xB0,
        formats=("BTHome v2",),
        remarks=None,
    )


VECTORS = [
    (f"0000{short}-0000-1000-8000-00805f9b34fb", bytes.fromhex(vector["payload"]))
    for short, file in (("fcd2", "bthome_v2"), ("181c", "bthome_v1"), ("181a", "atc"), ("fe95", "mibeacon"))
    for vector in vectors(f"{file}.json")
]


def outcome_of(service_data: dict[str, bytes]) -> Reading | tuple[str, str]:
    """Return the reading, or the reason and the text of the error."""
    try:
        return plain_reader(Advertisement(sealing.ADDRESS, service_data))
    except DecodeError as error:
        return error.reason, str(error)


@given(
    st.one_of(
        st.sampled_from(VECTORS),
        st.tuples(st.sampled_from(list(FORMATS)), st.binary(max_size=40)),
        st.binary(max_size=40).map(lambda objects: (UUID, b"\x40" + objects)),
    )
)
def test_one_payload_alone_is_read_as_next_to_an_unknown_format(one: tuple[str, bytes]) -> None:
    """A single payload, the usual case, has a faster code path, whose result must not differ."""
    uuid, payload = one

    assert outcome_of({uuid: payload}) == outcome_of({uuid: payload, "another": b""})


def test_a_reading_numbers_what_is_no_measurement() -> None:
    """Two formats may each send a button event, and neither event may replace the other."""
    reading = read({UUID: bytes.fromhex("403a013a02"), bthome_v1.UUID: bytes.fromhex("023a04") + b"\x64\x53abc"})

    assert {"button": "press", "button_2": "double_press", "button_3": "long_press", "text": "abc"} == reading.others
    assert ("BTHome v2", "BTHome v1") == reading.formats


def test_a_packet_without_id_gives_a_reading_without_one() -> None:
    """With an invented id, for example 0, every later packet without an id would seem to be a repeat."""
    assert read({UUID: b"\x40\x01\x61"}).packet_id is None


def test_service_data_of_an_unknown_format_next_to_a_known_one_is_ignored() -> None:
    """Sensors may send more than one kind of service data in one advertisement."""
    service_data = {"0000feaa-0000-1000-8000-00805f9b34fb": b"x", UUID: PACKET_A}

    assert 27.01 == read(service_data).measurements[Measurement("temperature")]


@pytest.mark.parametrize(
    ("service_data", "reason", "text"),
    [
        ({}, "no_service_data", "no service data, perhaps only a name"),
        ({"fe95": b"\x50\x20"}, "no_known_format", "no service data of a known format, but fe95 5020"),
    ],
)
def test_an_advertisement_without_a_known_format_says_what_it_had(
    service_data: dict[str, bytes], reason: str, text: str
) -> None:
    """A user who set the sensor to another format must be able to see the packet's format and bytes in the log."""
    with pytest.raises(DecodeError) as caught:
        read(service_data)

    assert (caught.value.reason, str(caught.value)) == (reason, text)


def test_a_reading_knows_where_decoding_stopped() -> None:
    """The objects after an unknown one can't be read, and the log must explain the missing values."""
    assert Remarks(unknown_objects=(0xFE,)) == read({UUID: b"\x40\x01\x61\xfe"}).remarks


def test_two_formats_in_one_advertisement_are_merged() -> None:
    """A sensor that sends two formats at once must lose no values."""
    reading = read({mibeacon.UUID: bytes.fromhex("50585b050301000038c1a406100202020a10014f"), UUID: PACKET_B})

    assert {
        "voltage": 2.848,
        "power_on": 0.0,
        "opening": 1.0,
        "humidity": 51.4,
        "battery": 79.0,
    } == reading.measurements
    assert 0xB0 == reading.packet_id


@pytest.mark.parametrize("turn", [1, -1], ids=["heard in one order", "and in the other"])
def test_the_same_measurement_in_two_formats_is_kept_twice(turn: int) -> None:
    """The positions must not depend on the order in which D-Bus returns the formats."""
    service_data = dict([(UUID, b"\x40\x00\x07\x02\x8d\x0a\x02\x8e\x0a"), (atc.UUID, PVVX_PACKET)][::turn])

    reading = read(service_data)

    assert {
        "temperature": 27.01,
        "temperature_2": 27.02,
        "temperature_3": 19.0,
    } == {name: value for name, value in reading.measurements.items() if name.startswith("temperature")}
    assert 7 == reading.packet_id


def test_an_impossible_value_keeps_its_position_among_formats() -> None:
    """If a device's first sensor breaks, the value of the second must not take its place."""
    reading = read({UUID: b"\x40\x02\xff\x7f\x01\x50", atc.UUID: PVVX_PACKET.replace(b"\x52\x09", b"\xff\x09")})

    assert 19.0 == reading.measurements[Measurement("temperature", 2)]
    assert 80.0 == reading.measurements[Measurement("battery")]
    assert Remarks(impossible=(Measurement("temperature"), Measurement("battery", 2))) == reading.remarks


def test_a_refused_payload_does_not_affect_the_other_one() -> None:
    """Only one of the three formats can be read. The packet is that of bthome-ble's test_bthome_multiple_uuids."""
    reading = plain_reader(
        Advertisement(
            "A4:C1:38:81:24:C4",
            {
                atc.UUID: bytes.fromhex("c4248138c1a456088318bf"),
                mibeacon.UUID: bytes.fromhex("30585b0501c4248138c1a4280100"),
                bthome_v1.UUID: bytes.fromhex("0200b4021000030cbe0b"),
            },
        )
    )

    assert {"power_on": 0.0, "voltage": 3.006} == reading.measurements
    assert reading.remarks is not None
    assert ["encrypted"] == [error.reason for error in reading.remarks.refused]


def test_of_several_payloads_that_are_all_refused_the_first_is_reported() -> None:
    """The first format in the table decides, so that the counted reason is the same for each packet."""
    with pytest.raises(DecodeError, match="the payload is encrypted, and there is no key"):
        read({mibeacon.UUID: b"\x00", UUID: bytes.fromhex("41e445f3c9962b332211006c7c4519")})


def test_an_announcement_next_to_a_refused_payload_is_no_reading() -> None:
    """If an announcement hid the refusal, a user whose device lacks a key would see no error."""
    with pytest.raises(DecodeError, match="encrypted"):
        read({mibeacon.UUID: ANNOUNCEMENT, atc.UUID: bytes(11)})


def test_an_announcement_alone_is_a_reading_without_measurements() -> None:
    """An announcement is valid: the device must count as heard, and no error may be counted."""
    reading = read({mibeacon.UUID: ANNOUNCEMENT})

    assert reading == Reading({}, {}, None, ("MiBeacon",))


def test_an_impossible_value_is_left_out_and_reported() -> None:
    """One impossible value must not cost the user the valid values of the packet."""
    reading = read({UUID: b"\x40\x01\xff\x02\x8d\x0a"})

    assert ({"temperature": 27.01}, Remarks(impossible=(Measurement("battery"),))) == (
        reading.measurements,
        reading.remarks,
    )


def test_a_key_reads_what_is_encrypted() -> None:
    """Decryption must agree with the specification: this packet is the worked example of bthome.io/encryption."""
    advertisement = Advertisement("54:48:E6:8F:80:A5", {UUID: bytes.fromhex("41e445f3c9962b332211006c7c4519")})
    cipher = Ccm(bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932"))
    reading = keyed_reader(cipher, ReplayGuard(lambda: 0.0))(advertisement)

    assert {"temperature": 25.06, "humidity": 50.55} == reading.measurements
    assert (0x33, ("BTHome v2, encrypted",), None) == (reading.packet_id, reading.formats, reading.remarks)


class Keyed:
    """A device with a key, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self._read = keyed_reader(Ccm(sealing.KEY), ReplayGuard(lambda: self.now))

    def read(self, service_data: dict[str, bytes], adapter: str = "", age_s: float = 0.0) -> Reading:
        """Return the reading of an advertisement, which was received `age_s` seconds ago."""
        return self._read(Advertisement(sealing.ADDRESS, service_data, adapter=adapter, age_s=age_s))


def test_an_announcement_next_to_an_encrypted_payload_does_no_harm() -> None:
    """An announcement has no values, so an attacker gains nothing by adding one, and the reading must stay valid."""
    announcement = bytes.fromhex("30585b0502") + sealing.REVERSED + b"\x08"
    reading = Keyed().read({UUID: sealing.seal_temperature(21, 5), mibeacon.UUID: announcement})

    assert ({"temperature": 21.0}, ("BTHome v2, encrypted",)) == (reading.measurements, reading.formats)


def test_a_sensor_does_not_count_fast_because_its_packets_are_read_in_batches() -> None:
    """If batches made the sensor look fast, a recording far ahead would be accepted, and would lock the sensor out."""
    keyed = Keyed()
    for counter in range(0, 600, 2):
        keyed.now += 5
        for later in range(2):
            keyed.read({UUID: sealing.seal_temperature(21, counter + later)}, age_s=2.5 - 2.5 * later)
    keyed.now += 1

    with pytest.raises(DecodeError, match="further ahead of 599 than the sensor can have counted"):
        keyed.read({UUID: sealing.seal_temperature(21, 800)})


def test_two_encrypted_formats_in_one_advertisement_are_merged() -> None:
    """Merging must work with a key as it does without one."""
    reading = Keyed().read({UUID: sealing.seal_temperature(21, 5), atc.UUID: sealing.seal_atc(b"\xa0\x65\x50", 7)})

    assert ("BTHome v2, encrypted", "ATC, encrypted") == reading.formats
    assert {"temperature", "temperature_2"} <= reading.measurements.keys()


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        ("c4248138c1a4" + "0a09" + "5c12" + "b80b" + "51" + "07" + "04", "pvvx custom"),
        ("a4c1388124c4" + "00e7" + "32" + "51" + "0bb8" + "07", "ATC1441"),
    ],
)
def test_formats_that_share_a_uuid_are_told_apart(payload: str, name: str) -> None:
    """The formats of pvvx and ATC1441 share a UUID, and /status must show the one that the sensor sends."""
    reading = plain_reader(Advertisement("A4:C1:38:81:24:C4", {atc.UUID: bytes.fromhex(payload)}))

    assert (name,) == reading.formats


@pytest.mark.parametrize(
    ("service_data", "reason"),
    [
        ({}, "no_service_data"),
        ({"0000feaa-0000-1000-8000-00805f9b34fb": b"x"}, "no_known_format"),
        ({UUID: b""}, "truncated"),
        ({UUID: PACKET_A}, "not_encrypted"),
        ({UUID: sealing.seal_temperature(21, 5, sealing.OTHER_KEY)}, "wrong_key"),
        ({UUID: sealing.seal_temperature(21, 5), atc.UUID: b"x"}, "no_known_format"),
    ],
)
def test_a_key_accepts_nothing_else(service_data: dict[str, bytes], reason: str) -> None:
    """One payload that is not authentic is enough to reject the advertisement: anybody may have added it."""
    with pytest.raises(DecodeError) as caught:
        Keyed().read(service_data)

    assert reason == caught.value.reason


def test_a_restart_is_among_the_remarks() -> None:
    """The log must report each accepted restart, so that the owner can check that the battery was really changed."""
    device = Keyed()
    device.read({UUID: sealing.seal_temperature(21, 500_000)})
    remarks: list[Remarks | str | None] = []
    for counter in range(4):
        device.now += 30
        try:
            remarks.append(device.read({UUID: sealing.seal_temperature(20 + counter, counter)}).remarks)
        except DecodeError as error:
            remarks.append(error.reason)

    assert ["replayed", "replayed", Remarks(has_restarted=True), None] == remarks
