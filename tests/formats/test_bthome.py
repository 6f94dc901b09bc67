"""BTHome v2: rejected and truncated payloads, arbitrary bytes, and special values."""

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.errors import REJECT_REASONS, DecodeError
from ble_exporter.formats import bthome
from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.formats.ccm import Ccm
from ble_exporter.formats.decoded import CERTAIN, LIKELY, POSSIBLE, Decoded, Guess
from ble_exporter.formats.field import Field
from ble_exporter.formats.values import fold
from tests.conftest import PACKET_A, PACKET_B, Vector, vectors
from tests.formats.packets import packet
from tests.formats.sealing import ADDRESS, KEY

REJECTED = vectors("bthome_v2_rejected.json")
_CIPHER = Ccm(KEY)
# 60,000 packets in `make test-properties`, and 1,800 in the fast tests.
_PACKETS_PER_EXAMPLE = 60


@pytest.mark.parametrize("vector", REJECTED, ids=lambda vector: vector["note"])
def test_an_invalid_payload_is_rejected_with_its_reason(vector: Vector) -> None:
    """A guess would put a wrong temperature on a graph, and users paste the message into bug reports."""
    with pytest.raises(DecodeError) as caught:
        bthome.decode(bytes.fromhex(vector["payload"]))

    assert (vector["reason"], vector["message"]) == (caught.value.reason, str(caught.value))


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
        ("43ff000000000000", None, ""),
        ("42ff00000000000000", None, ""),
        ("220161", None, ""),
        ("000161", None, ""),
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


@given(st.binary(max_size=300))
def test_any_bytes_give_values_or_a_decode_error(payload: bytes) -> None:
    """Anybody can send any bytes: the decoder must raise no other exception."""
    result: set[object]
    try:
        result = {type(value) for value in bthome.decode(payload).measurements.values()}
    except DecodeError as error:
        result = {error.reason}

    assert result <= {float, *REJECT_REASONS}


@given(st.lists(st.sampled_from(sorted(OBJECTS)), max_size=40), st.data())
def test_no_object_of_a_valid_payload_is_lost(object_ids: list[int], data: st.DataObject) -> None:
    """Repeated names get positions, so there must be as many values as objects."""
    payload = bytearray([0x40])
    for object_id in object_ids:
        size = OBJECTS[object_id].size
        payload += bytes([object_id]) + data.draw(st.binary(min_size=size, max_size=size))

    # The additional text prevents the rejection of a payload with only impossible values.
    decoded = bthome.decode(bytes(payload) + b"\x53\x00")

    assert len(object_ids) == len(decoded.measurements) + len(decoded.impossible)


@given(st.integers(min_value=-27315, max_value=2**15 - 2))
def test_a_temperature_is_the_double_nearest_to_its_two_decimals(raw: int) -> None:
    """21.05 must not print as 21.050000000000001: a factor of 0.01 would get 8,780 values wrong."""
    payload = b"\x40\x02" + raw.to_bytes(2, "little", signed=True)

    assert {"temperature": float(Decimal(raw) / 100)} == bthome.decode(payload).measurements


def test_a_binary_sensor_is_0_or_1() -> None:
    """A binary sensor's metric promises 0 or 1, and must not show 255."""
    assert {"door": 1.0} == bthome.decode(b"\x40\x1a\xff").measurements


def test_an_unknown_event_keeps_its_code() -> None:
    """A code that is newer than this program is still worth reporting."""
    assert {"button": "unknown_0x99"} == bthome.decode(b"\x40\x3a\x99").others


def test_text_that_is_not_utf_8_is_shown_with_replacement_characters() -> None:
    """An invalid text must not cause an error, and what is left of the text may help to find the sensor's fault."""
    assert {"text": "a�"} == bthome.decode(b"\x40\x53\x02a\xff").others


def _decoded(payload: bytes, cipher: Ccm | None) -> Decoded | str:
    try:
        return bthome.decode(payload, ADDRESS, cipher)
    except DecodeError as error:
        return repr((error.reason, str(error), error.offset, error.size, error.in_plaintext))


def _folded(payload: bytes, cipher: Ccm | None) -> Decoded | str:
    try:
        return fold(bthome.fields, payload, ADDRESS, cipher)
    except DecodeError as error:
        return repr((error.reason, str(error), error.offset, error.size, error.in_plaintext))


@given(seed=st.integers(0, 2**32), cipher=st.sampled_from([None, _CIPHER]))
def test_bthome_is_decoded_as_its_fields_are(seed: int, cipher: Ccm | None) -> None:
    """The decoder has its own loop for speed: its result must agree with the explanation of the `decode` command."""
    rng = random.Random(seed)
    for _ in range(_PACKETS_PER_EXAMPLE):
        payload = packet(rng).payload
        ours, folded = _decoded(payload, cipher), _folded(payload, cipher)

        assert folded == ours, payload.hex()
        # The order of the dictionaries must agree, too: the positions depend on it.
        assert repr(folded) == repr(ours), payload.hex()
