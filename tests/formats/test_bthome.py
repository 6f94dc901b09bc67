"""BTHome v2: rejected and truncated payloads, special values, guesses, and the quick way through the decoder."""

import sys
from types import FrameType

import pytest

from ble_exporter.errors import DecodeError
from ble_exporter.formats import bthome
from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.formats.ccm import Ccm
from ble_exporter.formats.decoded import CERTAIN, LIKELY, POSSIBLE, Guess
from ble_exporter.formats.field import Field
from tests.conftest import PACKET_A, PACKET_B, Vector, vectors
from tests.formats.sealing import ADDRESS, KEY, seal_v2

REJECTED = vectors("bthome_v2_rejected.json")


@pytest.mark.parametrize("vector", REJECTED, ids=lambda vector: vector["note"])
def test_an_invalid_payload_is_rejected_with_its_reason(vector: Vector) -> None:
    """A guess would put a wrong temperature on a graph, and users paste the message into bug reports."""
    with pytest.raises(DecodeError) as caught:
        bthome.decode(bytes.fromhex(vector["payload"]))

    assert (vector["reason"], vector["message"]) == (caught.value.reason, str(caught.value))


def test_the_reserved_bit_is_located() -> None:
    """`decode` marks the byte in the hex digits that the user pasted."""
    with pytest.raises(DecodeError) as caught:
        bthome.decode(bytes.fromhex("420161"))

    assert (0, 1) == (caught.value.offset, caught.value.size)


@pytest.mark.parametrize("payload", [PACKET_A, PACKET_B], ids=["A", "B"])
def test_a_packet_cut_anywhere_inside_an_object_is_rejected(payload: bytes) -> None:
    """A value that was read from too few bytes would be wrong but plausible."""
    ends = {1}
    while max(ends) < len(payload):
        object_id = payload[max(ends)]
        ends.add(max(ends) + 1 + (1 if object_id == 0 else OBJECTS[object_id].size))

    for length in range(1, len(payload) + 1):
        if length in ends:
            bthome.decode(payload[:length])
        else:
            with pytest.raises(DecodeError, match="needs"):
                bthome.decode(payload[:length])


_BEGIN = "it begins with 0x{}, as device information does"
_OBJECTS_FOLLOW = "known objects follow 0x{}, which is not valid device information"
_RESERVED_BIT = "it begins with 0x{}, device information with the reserved bit 1"


@pytest.mark.parametrize(
    ("payload", "rank", "why"),
    [
        ("400161", CERTAIN, _BEGIN),
        ("440161", CERTAIN, _BEGIN),
        ("40ff", POSSIBLE, _BEGIN),
        ("41", LIKELY, _BEGIN),
        ("45", LIKELY, _BEGIN),
        ("200161", POSSIBLE, _OBJECTS_FOLLOW),
        ("420161", POSSIBLE, _OBJECTS_FOLLOW),
        ("430161", POSSIBLE, _OBJECTS_FOLLOW),
        ("43ff00000000000000", POSSIBLE, _RESERVED_BIT),
        ("47ff00000000000000", POSSIBLE, _RESERVED_BIT),
        ("43ff0000000000000000", POSSIBLE, _RESERVED_BIT),
        ("43ff000000000000", None, ""),
        ("42ff00000000000000", None, ""),
        ("220161", None, ""),
        ("620161", None, ""),
        ("000161", None, ""),
        ("010161", None, ""),
        ("040161", None, ""),
        ("480161", None, ""),
        ("", None, ""),
    ],
)
def test_a_guess_gives_its_reason(payload: str, rank: int | None, why: str) -> None:
    """Users choose among the guesses by their reasons, and the rank decides which guess comes first."""
    expected = None if rank is None else Guess(rank, bthome.UUID, why.format(payload[:2].upper()))

    assert expected == bthome.guess(bytes.fromhex(payload))


@pytest.mark.parametrize(
    ("first", "note"),
    [
        ("40", "version 2, not encrypted"),
        ("41", "version 2, encrypted"),
        ("44", "version 2, not encrypted, trigger based"),
        ("42", "version 2, not encrypted, reserved bit 1"),
        ("27", "version 1, encrypted, trigger based, reserved bit 1"),
    ],
)
def test_the_device_information_is_explained(first: str, note: str) -> None:
    """`decode` explains each bit, so that users see why a packet is refused."""
    field = next(bthome.fields(bytes.fromhex(first)))

    assert isinstance(field, Field)
    assert note == field.note


def test_a_binary_sensor_is_0_or_1() -> None:
    """A binary sensor's metric promises 0 or 1, and must not show 255."""
    assert {"door": 1.0} == bthome.decode(b"\x40\x1a\xff").measurements


def test_an_unknown_event_keeps_its_code() -> None:
    """A code that is newer than this program is still worth reporting."""
    assert {"button": "unknown_0x99"} == bthome.decode(b"\x40\x3a\x99").others


@pytest.mark.parametrize("code", ["80", "fe"])
def test_a_held_button_has_one_name(code: str) -> None:
    """Shelly's firmware sent 0xFE before BTHome defined 0x80, and users must not need two queries."""
    assert {"button": "hold_press"} == bthome.decode(bytes.fromhex("403a" + code)).others


def test_text_that_is_not_utf_8_is_shown_with_replacement_characters() -> None:
    """An invalid text must not cause an error, and what is left of the text may help to find the sensor's fault."""
    assert {"text": "a�"} == bthome.decode(b"\x40\x53\x02a\xff").others


_OBJECTS = {
    "no object": "",
    "one object": "0161",
    "a packet id between objects": "02ca09000703bf13",
    "the same object three times": "016101620163",
    "a binary sensor": "1a01",
    "the least and the most": "01000164",
}
_PLAIN = {note: bytes.fromhex("40" + objects) for note, objects in _OBJECTS.items()} | {
    "triggered": bytes.fromhex("440161"),
    "255 bytes": b"\x40" + 127 * b"\x00\x07",
}
_ENCRYPTED = {note: seal_v2(bytes.fromhex(objects)) for note, objects in _OBJECTS.items()} | {
    "triggered": seal_v2(bytes.fromhex("0161"), information=0x45),
    "255 bytes": seal_v2(123 * b"\x00\x07"),
}


def _functions_of(payload: bytes) -> set[str]:
    """Return the names of the Python functions that run while a payload is decoded."""
    names = set()

    def note(frame: FrameType, _event: str, _value: object) -> None:
        names.add(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        bthome.decode(payload, ADDRESS, Ccm(KEY))
    finally:
        sys.setprofile(None)
    return names


@pytest.mark.parametrize(
    "payload",
    [*_PLAIN.values(), *_ENCRYPTED.values()],
    ids=[*_PLAIN, *(f"{note}, encrypted" for note in _ENCRYPTED)],
)
def test_numbers_are_decoded_without_their_fields(payload: bytes) -> None:
    """The loop for numbers exists for its speed. Through the fields, each packet would take several times as long."""
    assert "fields" not in _functions_of(payload)


def test_a_text_is_decoded_through_its_fields() -> None:
    """The test above proves something only if it notices that a payload is decoded through its fields."""
    assert "fields" in _functions_of(b"\x40\x53\x00")
