"""
Our decoders of BTHome against bthome-ble, the decoder of Home Assistant: two readings of one specification.

These are the hundreds of packets of the fast tests, and what bthome-ble remembers of a packet in the next. The many,
broken ones too, and the whole list of differences are in test_bthome_differential.py and intended.py. On Python 3.10,
which bthome-ble does not support, this file is skipped.
"""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ble_exporter.errors import DecodeError
from ble_exporter.formats.bthome import UUID
from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.formats.bthome_v1 import UUID as UUID_V1
from ble_exporter.formats.bthome_v1 import UUID_ENCRYPTED as UUID_V1_ENCRYPTED
from ble_exporter.formats.ccm import Ccm
from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.registry import FORMATS
from tests.conftest import PACKET_A, PACKET_B
from tests.formats import oracle
from tests.formats.sealing import ADDRESS, KEY, seal_v1, seal_v2

if oracle.IS_MISSING:
    pytest.skip(oracle.WHY_MISSING, allow_module_level=True)

# Object id to what bthome-ble's value is of ours.
INTENDED = {
    0x07: 1 / 0.45359237,  # it keeps pounds; we give kilograms
    0x40: 1000,  # it keeps millimetres; we give metres
    0x48: 1000,  # it keeps millilitres; we give litres
}
# It rounds the one object with a factor of 0.35 to one decimal; all others it rounds where their factor ends.
TOLERANCE = {0x58: 0.0501}


PVVX = [0x01, 0x02, 0x03, 0x0C, 0x10, 0x11]


def numbers(uuid: str, payload: bytes, key: bytes | None = None) -> list[float]:
    """Return the numbers that bthome-ble finds in a payload."""
    values = oracle.asked(uuid, payload, key).values
    found = [
        oracle.in_our_words(value, oracle.Object(0, None, b""))
        for (kind, name), value in values.items()
        if kind in ("sensor", "binary") and name != "packet_id"
    ]
    return [value for value in found if isinstance(value, float)]


def decoded(uuid: str, payload: bytes, key: bytes | None = None) -> list[float]:
    """Return the numbers that we find; what we hold for impossible, and bthome-ble does not, is no example."""
    try:
        found = FORMATS[uuid].decode(payload, ADDRESS, Ccm(key) if key else None)
    except DecodeError as error:
        assume(error.reason != "impossible_value")
        raise
    assume(not found.impossible)
    return list(found.measurements.values())


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """Return BTHome v2 objects that the real firmware sends, in any number and order."""
    object_ids = draw(st.lists(st.sampled_from(PVVX), unique=True, min_size=1, max_size=6))
    sizes = [OBJECTS[object_id].size for object_id in object_ids]
    values = [draw(st.binary(min_size=size, max_size=size)) for size in sizes]
    return b"".join(bytes([object_id]) + value for object_id, value in zip(object_ids, values, strict=True))


@st.composite
def objects_v1(draw: st.DrawFn) -> bytes:
    """Return BTHome v1 objects: integers with and without a sign, of 1 to 8 bytes."""
    payload = b""
    for object_id in draw(st.lists(st.sampled_from(PVVX), unique=True, min_size=1, max_size=6)):
        value = draw(st.binary(min_size=1, max_size=8))
        payload += bytes([draw(st.sampled_from([0x00, 0x20])) | 1 + len(value), object_id]) + value
    return payload


@given(object_id=st.sampled_from(sorted(OBJECTS)), data=st.data())
def test_each_object_has_the_oracle_s_value(object_id: int, data: st.DataObject) -> None:
    """A sign, a length or a factor that only we read so is most likely wrong."""
    number = OBJECTS[object_id]
    # bthome-ble and we read a binary sensor that is neither 0 nor 1 as 1; the specification has no such value.
    raw = (
        st.sampled_from([b"\x00", b"\x01"])
        if number.is_binary
        else st.binary(min_size=number.size, max_size=number.size)
    )
    payload = bytes([0x40, object_id]) + data.draw(raw)

    expected = [value * INTENDED.get(object_id, 1) for value in decoded(UUID, payload)]
    assert expected == pytest.approx(numbers(UUID, payload), abs=TOLERANCE.get(object_id, 1e-9), rel=1e-9)


@given(objects())
def test_a_whole_packet_has_the_oracle_s_values(objects: bytes) -> None:
    """The objects that the real firmware sends, in any number and order."""
    payload = b"\x40" + objects

    assert sorted(decoded(UUID, payload)) == pytest.approx(sorted(numbers(UUID, payload)))


@given(objects(), st.integers(min_value=0, max_value=2**32 - 1))
def test_an_encrypted_packet_has_the_oracle_s_values(objects: bytes, counter: int) -> None:
    """The nonce, byte for byte: one that only we build so opens no real sensor's packet."""
    payload = seal_v2(objects, counter)

    assert sorted(decoded(UUID, payload, KEY)) == pytest.approx(sorted(numbers(UUID, payload, KEY)))


@given(object_id=st.sampled_from(sorted(OBJECTS)), kind=st.sampled_from([0, 1, 2]), data=st.data())
def test_each_object_of_version_1_has_the_oracle_s_value(object_id: int, kind: int, data: st.DataObject) -> None:
    """The oracle is independent; it is asked for every type, and for every length that the type may have."""
    number = OBJECTS[object_id]
    assume(kind != 2 or not number.is_binary)
    assume(object_id != 0x50)  # it has a type of its own
    size = data.draw(st.sampled_from([2, 4, 8]) if kind == 2 else st.integers(min_value=1, max_value=8))
    payload = bytes([kind << 5 | 1 + size, object_id]) + data.draw(st.binary(min_size=size, max_size=size))

    expected = [value * INTENDED.get(object_id, 1) for value in decoded(UUID_V1, payload)]
    # It rounds a floating-point number to the decimals of the factor.
    rounded = 0.51 * number.multiplier / number.divisor * INTENDED.get(object_id, 1) if kind == 2 else 1e-9
    theirs = numbers(UUID_V1, payload)
    assert expected == pytest.approx(theirs, abs=max(rounded, TOLERANCE.get(object_id, 0)), rel=1e-9)


@given(objects_v1(), st.integers(min_value=0, max_value=2**32 - 1))
def test_a_whole_packet_of_version_1_has_the_oracle_s_values(objects: bytes, counter: int) -> None:
    """Whole packets, plain and encrypted, show that the objects are read in the right order and place."""
    assume(len(objects) >= 4)  # it decrypts nothing shorter
    ours = sorted(decoded(UUID_V1, objects))
    sealed = seal_v1(objects, counter)

    assert ours == pytest.approx(sorted(numbers(UUID_V1, objects)))
    assert ours == sorted(decoded(UUID_V1_ENCRYPTED, sealed, KEY))
    assert ours == pytest.approx(sorted(numbers(UUID_V1_ENCRYPTED, sealed, KEY)))


def test_two_packets_with_one_packet_id_both_count() -> None:
    """The thermometers send two kinds of packets under one id. Within 4 s, bthome-ble takes the second for a repeat."""
    device = oracle.Device()
    for payload in (PACKET_A, PACKET_B):
        theirs = device.asked(UUID, payload)

    assert ("sensor", "voltage") not in theirs.values
    assert 2.848 == FORMATS[UUID].decode(PACKET_B, ADDRESS, None).measurements[Measurement("voltage")]


def test_a_rejected_packet_has_no_values() -> None:
    """bthome-ble answers with those of the packet before: whoever exports them exports old ones as new."""
    device = oracle.Device()
    for payload in (PACKET_A, b"\x40\x02\x8d"):
        theirs = device.asked(UUID, payload)

    assert 27.01 == theirs.values["sensor", "temperature"]
    with pytest.raises(DecodeError, match="needs 2 bytes, 1 is left"):
        FORMATS[UUID].decode(b"\x40\x02\x8d", ADDRESS, None)
