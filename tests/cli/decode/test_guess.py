"""Tests of how `decode` guesses the format of a payload if the user names no format."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.cli.decode.guess import best_rank, embedded, guesses, is_advertising
from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.formats.advertising_reports import MOST_BYTES
from ble_exporter.formats.decoded import ANYTHING, CERTAIN
from ble_exporter.formats.registry import FORMATS
from tests.conftest import Vector, vectors
from tests.formats.sealing import VECTOR_FILES

# An encrypted packet of BTHome version 1 has no header, so its format can't be recognised.
RECOGNISABLE = [
    (one.uuid, vector)
    for one in VECTOR_FILES
    for vector in vectors(one.vectors)
    if one.uuid != bthome_v1.UUID_ENCRYPTED
]


@pytest.mark.parametrize(("uuid", "vector"), RECOGNISABLE, ids=str)
def test_the_guesses_include_the_right_format(uuid: str, vector: Vector) -> None:
    """
    A user can choose the right format only if it is listed.

    Vectors of BTHome version 1 with an unknown object, or without measurements, are exempt.
    """
    if uuid == bthome_v1.UUID and ("unknown_object" in vector or not vector["measurements"]):
        return

    assert uuid in [guess.uuid for guess in guesses(bytes.fromhex(vector["payload"]))]


def test_more_bytes_than_a_packet_has_get_no_guess() -> None:
    """In thousands of bytes, a packet could begin at any byte, and trying them all would take too long."""
    head, structure, tail = b"\xff\x01", bytes.fromhex("0416d2fc40"), bytes.fromhex("ff0102030405060708")
    packet = head + structure + bytes(MOST_BYTES - len(head) - len(structure))

    assert [CERTAIN, ANYTHING + 1] == [best_rank(structure), best_rank(packet + tail)]


@pytest.mark.parametrize(("tail", "expected"), [("ff01", (2, 7)), ("ff0102030405060708", None)])
def test_only_a_few_bytes_may_follow_embedded_structures(tail: str, expected: tuple[int, int] | None) -> None:
    """A sniffer adds a checksum and the RSSI to a packet. If more bytes follow, the structures are not a packet."""
    assert expected == embedded(bytes.fromhex("ff01" + "0416d2fc40" + tail))


def test_the_first_guess_is_nearly_always_right() -> None:
    """After a wrong guess the user needs the option --service, and must know what a BLE service is."""
    first = [guesses(bytes.fromhex(vector["payload"]))[:1] for _, vector in RECOGNISABLE]
    right = [bool(found) and found[0].uuid == uuid for found, (uuid, _) in zip(first, RECOGNISABLE, strict=True)]

    assert sum(right) / len(right) > 0.93


@pytest.mark.parametrize(
    ("payload", "uuids"),
    [
        ("4000b00151028d0a038d11", [bthome.UUID, atc.UUID, bthome_v1.UUID_ENCRYPTED]),
        ("41e445f3c9962b332211006c7c4519", [bthome.UUID]),
        ("ccbbaa38c1a46c07fa13d60a52090f", [atc.UUID, bthome_v1.UUID_ENCRYPTED]),
        ("a4c138aabbcc00ce33430a6ec3", [atc.UUID, bthome_v1.UUID_ENCRYPTED]),
        ("bde9b75db856f303", [atc.UUID]),
        ("58585b05f4ccbbaa38c1a413df92a81cb30000acc46fda", [mibeacon.UUID, bthome_v1.UUID_ENCRYPTED]),
        ("10585b051bccbbaa38c1a4", [mibeacon.UUID, atc.UUID, bthome_v1.UUID_ENCRYPTED]),
        ("015b0841965713bab66a43", [atc.UUID, mibeacon.UUID, bthome_v1.UUID_ENCRYPTED]),
        ("2302c4090303bf13", [bthome_v1.UUID, atc.UUID]),
        ("0200b00201612302c40903034013", [bthome_v1.UUID, bthome_v1.UUID_ENCRYPTED]),
        ("0201100303bf13", [bthome_v1.UUID, ""]),
        ("", []),
        ("ff", []),
    ],
)
def test_the_other_possible_formats_are_listed(payload: str, uuids: list[str]) -> None:
    """If the first guess is wrong, the next is the likeliest, so the user usually needs only one more try."""
    assert uuids == [guess.uuid for guess in guesses(bytes.fromhex(payload))][: max(len(uuids), 1)]


@given(payload=st.binary(max_size=300))
def test_any_bytes_can_be_guessed_at(payload: bytes) -> None:
    """Users paste any bytes: no bytes may cause an error, and no format may be offered twice."""
    found = [guess.uuid for guess in guesses(payload)]

    assert len(set(found)) == len(found)
    assert set(found) <= {*FORMATS, ""}


@pytest.mark.parametrize(
    "payload",
    [
        "0201060e16d2fc4000b00151028d0a038d11",
        "0201060e16d2fc4000b001510245",
        "0e16fcd24000b00151028d0a038d11",
        "0201060302d2fc",
        "02010603031a18",
        "02011a0bff4c00100501102233444b",
        "020106020af4",
        "02010609094154435f41424344",
        "0201060509524f4f4d",
    ],
)
def test_an_advertising_payload_is_recognised(payload: str) -> None:
    """Users paste complete payloads, truncated ones, and ones without service data."""
    assert is_advertising(bytes.fromhex(payload))


@pytest.mark.parametrize(
    "payload", ["0201100303bf13", "020110030c860b", "02011f0303bf13030c860b0200b0", "020100020164", "0200b0020110", ""]
)
def test_objects_of_version_1_are_not_taken_for_an_advertising_payload(payload: str) -> None:
    """A battery level below 32 % looks like flags, and other unsigned objects look like other AD structures."""
    assert not is_advertising(bytes.fromhex(payload))


def test_service_data_is_not_taken_for_an_advertising_payload() -> None:
    """Service data that is taken for an advertising payload is explained wrongly, whatever its format."""
    payloads = [vector["payload"] for one in VECTOR_FILES for vector in vectors(one.vectors)]

    assert (bthome_v1.UUID, "020161") in [
        (one.uuid, row["payload"]) for one in VECTOR_FILES for row in vectors(one.vectors)
    ]
    assert [] == [payload for payload in payloads if is_advertising(bytes.fromhex(payload))]
