"""Whole advertising payloads, as btmon and phone apps show them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.formats import bthome
from ble_exporter.formats.advertising_data import (
    Structure,
    begins_with_flags,
    content,
    has_known_service,
    structures,
)

PACKET = "4000b00151028d0a038d11"
PAIR_A = "020106" + "0e16d2fc" + PACKET


@given(payload=st.binary(max_size=300))
def test_structures_cover_the_payload(payload: bytes) -> None:
    """`decode` must show the user every byte, and only the last structure may be incomplete."""
    found = structures(payload)
    whole = b"".join(
        bytes([len(one.data) + 1 + one.missing, one.kind]) + one.data for one in found if one.kind is not None
    )

    assert payload.startswith(whole)
    assert [] == [one for one in found[:-1] if one.missing or one.kind is None]
    assert len(payload) - len(whole) == sum(1 + len(one.data) for one in found if one.kind is None)
    assert all(isinstance(one.text() + one.name + one.uuid, str) for one in found)


def test_service_data_of_each_width_has_its_uuid() -> None:
    """BlueZ shows all three widths as 128 bits, and the format of each must be recognised."""
    as_128_bits = "fb349b5f8000008000100000" + "d2fc0000"
    found = structures(bytes.fromhex("0416d2fc40" + "0620d2fc000040" + "1221" + as_128_bits + "40"))

    assert [bthome.UUID] * 3 == [one.uuid for one in found]
    assert [b"\x40"] * 3 == [one.service_data for one in found]


@pytest.mark.parametrize(("payload", "size"), [("0316d2fc", 2), ("0216d2", 0), ("0416d2fc40", 2)])
def test_a_structure_has_a_uuid_if_it_is_whole(payload: str, size: int) -> None:
    """`decode` must show the bytes of a cut UUID as bytes, and a whole one even if no data follow it."""
    (found,) = structures(bytes.fromhex(payload))

    assert (size, bthome.UUID if size else "") == (found.uuid_size, found.uuid)


def test_flags_names_and_power_are_read() -> None:
    """Users see these texts, and a name must not control the terminal."""
    found = structures(bytes.fromhex("020106" + "0509411b5b42" + "0309ff42" + "020af4" + "0101" + "0109" + "010a"))

    assert ["general discoverable, no BR/EDR", "A\\x1b[B", "\ufffdB", "-12 dBm", "", "", ""] == [
        one.text() for one in found
    ]


@pytest.mark.parametrize(
    ("structure", "text"), [("03010602", "general discoverable, no BR/EDR"), ("030af400", "-12 dBm")]
)
def test_bytes_after_flags_or_power_change_nothing(structure: str, text: str) -> None:
    """Later versions of the specification may add bytes at the end, which must not change the meaning of the first."""
    assert text == structures(bytes.fromhex(structure))[0].text()


def test_a_length_at_the_end_is_a_structure_without_a_type() -> None:
    """If a packet was cut after a length byte, the structures before that byte are still useful."""
    found = structures(b"\xfe" + bytes(254) + b"\x32" + bytes(50) + b"\x05")

    assert [(0, 0, 0), (255, 0, 0), (306, None, 5)] == [(one.offset, one.kind, one.missing) for one in found]


@pytest.mark.parametrize("before", ["", "020106", "020106020af40101"])
def test_zeros_end_the_payload(before: str) -> None:
    """Controllers fill packets with zeros, which `decode` must show, wherever they begin."""
    end = structures(bytes.fromhex(before + "0000"))[-1]

    assert Structure(len(bytes.fromhex(before)), None, b"\x00") == end
    assert ("nothing more", "") == (end.name, end.text())


def test_a_structure_that_is_cut_short_has_the_number_of_missing_bytes() -> None:
    """A user who copied too little must learn how many bytes are missing."""
    assert [0, 6] == [one.missing for one in structures(bytes.fromhex(PAIR_A[:-12]))]
    assert "cut short" == structures(b"\x05")[0].name


def test_a_uuid_with_its_bytes_swapped_is_noticed() -> None:
    """No receiver recognises a packet with the UUID's bytes in printed order; the firmware's author needs a hint."""
    found = structures(bytes.fromhex("0e16fcd24000b00151028d0a038d11"))[0]

    assert (bthome.UUID, "0000d2fc-0000-1000-8000-00805f9b34fb") == (found.swapped_uuid, found.uuid)


@pytest.mark.parametrize("payload", ["0416d2fc40", "0416adde40", "0620fcd2000040", "0301fcd2", "0216fc"])
def test_no_other_uuid_counts_as_swapped(payload: str) -> None:
    """A hint would mislead if the UUID is right, is unknown in either order, or does not have 16 bits."""
    assert "" == structures(bytes.fromhex(payload))[0].swapped_uuid


@pytest.mark.parametrize(
    "payload",
    [
        PAIR_A,
        PAIR_A[:-4],
        PAIR_A[6:],
        PAIR_A + "0000",
        "0e16fcd24000b00151028d0a038d11",
        "05030f18d2fc",
        "0503d2fc0f18",
        "0302d2fc",
    ],
)
def test_a_known_service_is_found_whole_or_cut_short(payload: str) -> None:
    """Users paste all of these: the UUID is in service data or a list, perhaps cut short, or has its bytes swapped."""
    assert has_known_service(bytes.fromhex(payload))


@pytest.mark.parametrize(
    "payload", ["", "0201060302d2", "0503d2fc0f", "050300d2fc00", "0201060303d2ff", "0301d2fc", "020106020af4", PACKET]
)
def test_no_known_service_is_found_where_there_is_none(payload: str) -> None:
    """Other bytes, or half of a UUID, must not be explained as an advertising payload."""
    assert not has_known_service(bytes.fromhex(payload))


@pytest.mark.parametrize(
    ("payload", "begins_so"),
    [
        ("020106020af4", True),
        ("020106020af4020941", True),
        ("020106", False),
        ("020166020af4", False),
        ("020106030a", False),
        ("02010600", False),
        ("020106020104", False),
        ("020106020104020af4", False),
        ("020af4020106", False),
        ("020a06020106", False),
        ("020006020106", False),
        ("020a06020af4", False),
        ("020006020af4", False),
        ("03010600020af4", False),
        ("", False),
    ],
)
def test_flags_come_first_once_and_not_alone(payload: str, begins_so: bool) -> None:
    """Service data may look like flags, but real flags have zeros in the upper bits, and complete structures follow."""
    assert begins_so == begins_with_flags(bytes.fromhex(payload))


@pytest.mark.parametrize(
    ("bit", "name"),
    [
        (0, "limited discoverable"),
        (1, "general discoverable"),
        (2, "no BR/EDR"),
        (3, "BR/EDR controller"),
        (4, "BR/EDR host"),
    ],
)
def test_each_flag_has_its_name(bit: int, name: str) -> None:
    """The names are those of the Core Specification Supplement, part A, 1.3, in which users look them up."""
    (flags,) = structures(bytes((2, 0x01, 1 << bit)))

    assert name == flags.text()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (0x01, "flags"),
        (0x02, "16-bit services, not all"),
        (0x03, "16-bit services"),
        (0x06, "128-bit services, not all"),
        (0x07, "128-bit services"),
        (0x08, "shortened name"),
        (0x09, "name"),
        (0x0A, "transmit power"),
        (0x16, "16-bit service data"),
        (0x19, "appearance"),
        (0x20, "32-bit service data"),
        (0x21, "128-bit service data"),
        (0x24, "type 0x24"),
        (0xFF, "manufacturer data"),
    ],
)
def test_a_structure_has_the_name_of_its_type(kind: int, name: str) -> None:
    """The types are those of the Bluetooth Assigned Numbers, 2.3; a wrong name would mislead a user of `decode`."""
    assert name == Structure(0, kind, b"").name


BTHOME, LONG = "0000fcd2-0000-1000-8000-00805f9b34fb", "12345678-9abc-def0-1234-56789abcdef0"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("", ({}, {}, "")),
        (PAIR_A, ({BTHOME: bytes.fromhex(PACKET)}, {}, "")),
        ("0620d2fc0000ab", ({BTHOME: b"\xab"}, {}, "")),
        ("1221f0debc9a78563412f0debc9a78563412ab", ({LONG: b"\xab"}, {}, "")),
        ("0316d2fc", ({BTHOME: b""}, {}, "")),
        ("0216d2", ({}, {}, "")),
        ("05ff9904abcd", ({}, {0x0499: b"\xab\xcd"}, "")),
        ("02010605ff9904abcd", ({}, {0x0499: b"\xab\xcd"}, "")),
        ("03ff9904", ({}, {0x0499: b""}, "")),
        ("02ff99", ({}, {}, "")),
        ("02010602ff99", ({}, {}, "")),
        ("01ff", ({}, {}, "")),
        ("01ff0416d2fcab", ({BTHOME: b"\xab"}, {}, "")),
        # Extended advertising may have 1,650 bytes.
        (3 * ("c909" + 200 * "41"), ({}, {}, 200 * "A")),
        ("05094142c3a4", ({}, {}, "ABä")),
        ("03084142", ({}, {}, "AB")),
        ("0309ff42", ({}, {}, "\ufffdB")),
        ("030941420416d2fcab", ({BTHOME: b"\xab"}, {}, "AB")),
        ("0416d2fcab0516d2fccd", ({BTHOME: b"\xab"}, {}, "")),
        ("00", ({}, {}, "")),
    ],
)
def test_the_content_is_what_the_structures_say(
    payload: str, expected: tuple[dict[str, bytes], dict[int, bytes], str]
) -> None:
    """Wrongly split structures would give wrong readings; a truncated structure must give no value at all."""
    assert expected == content(bytes.fromhex(payload))


SERVICE_STRUCTURES = st.tuples(
    st.integers(0, 40), st.sampled_from([0x08, 0x09, 0x16, 0x20, 0x21, 0xFF, 0x01]), st.binary(max_size=30)
).map(lambda parts: bytes(parts[:2]) + parts[2])


@given(payload=st.lists(SERVICE_STRUCTURES | st.binary(max_size=40), max_size=4).map(b"".join))
def test_the_fast_loop_finds_the_same_as_the_structures(payload: bytes) -> None:
    """The loop for the packets of sensors is a second description of the format, and must not differ from the first."""
    whole = [one for one in structures(payload) if not one.missing]
    names = [one.data.decode(errors="replace") for one in whole if one.kind in (0x08, 0x09)]
    companies = {
        int.from_bytes(one.data[:2], "little"): one.data[2:] for one in whole if one.kind == 0xFF and len(one.data) > 1
    }

    expected = {one.uuid: one.service_data for one in whole if one.uuid_size}, companies, names[-1] if names else ""
    assert expected == content(payload)
