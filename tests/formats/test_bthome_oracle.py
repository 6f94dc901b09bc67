"""
This project's decoders of BTHome against bthome-ble, Home Assistant's decoder of the same specification.

This file has the hundreds of packets of the fast tests, and cases that depend on bthome-ble's state between packets.
test_bthome_differential.py has many more packets, some of them broken; intended.py has the list of differences. On
Python 3.10, which bthome-ble does not support, pytest skips this file.
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

# Object id → the factor from our value to bthome-ble's.
INTENDED = {
    0x07: 1 / 0.45359237,  # bthome-ble returns pounds, we return kilograms
    0x40: 1000,  # bthome-ble returns millimetres, we return metres
    0x48: 1000,  # bthome-ble returns millilitres, we return litres
}
# bthome-ble rounds to the decimals of the factor, and the object with the factor 0.35 to one decimal.
TOLERANCE = {0x58: 0.0501}


PVVX = [0x01, 0x02, 0x03, 0x0C, 0x10, 0x11]


def numbers(uuid: str, payload: bytes, key: bytes | None = None) -> list[float]:
    """Return the numbers that bthome-ble finds in a payload."""
    values = oracle.asked(uuid, payload, key).values
    found = [
        oracle.as_ours(value, oracle.Object(0, None, b""))
        for (kind, name), value in values.items()
        if kind in ("sensor", "binary") and name != "packet_id"
    ]
    return [value for value in found if isinstance(value, float)]


def decoded(uuid: str, payload: bytes, key: bytes | None = None) -> list[float]:
    """Return the numbers that our decoder finds; skip examples with values that only we reject as impossible."""
    try:
        found = FORMATS[uuid].decode(payload, ADDRESS, Ccm(key) if key else None)
    except DecodeError as error:
        assume(error.reason != "impossible_value")
        raise
    assume(not found.impossible)
    return list(found.measurements.values())


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """Draw BTHome v2 objects that the real firmware sends, in any number and order."""
    object_ids = draw(st.lists(st.sampled_from(PVVX), unique=True, min_size=1, max_size=6))
    sizes = [OBJECTS[object_id].size for object_id in object_ids]
    values = [draw(st.binary(min_size=size, max_size=size)) for size in sizes]
    return b"".join(bytes([object_id]) + value for object_id, value in zip(object_ids, values, strict=True))


@st.composite
def objects_v1(draw: st.DrawFn) -> bytes:
    """Draw BTHome v1 objects: integers with and without a sign, of 1 to 8 bytes."""
    payload = b""
    for object_id in draw(st.lists(st.sampled_from(PVVX), unique=True, min_size=1, max_size=6)):
        value = draw(st.binary(min_size=1, max_size=8))
        payload += bytes([draw(st.sampled_from([0x00, 0x20])) | 1 + len(value), object_id]) + value
    return payload


@given(object_id=st.sampled_from(sorted(OBJECTS)), data=st.data())
def test_each_object_has_the_oracle_s_value(object_id: int, data: st.DataObject) -> None:
    """A sign, length or factor on which the two decoders disagree is most likely a mistake."""
    number = OBJECTS[object_id]
    # Both decoders read a binary sensor that is neither 0 nor 1 as 1; the specification has no such value.
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
    """The firmware may send its objects in any number and order."""
    payload = b"\x40" + objects

    assert sorted(decoded(UUID, payload)) == pytest.approx(sorted(numbers(UUID, payload)))


@given(objects(), st.integers(min_value=0, max_value=2**32 - 1))
def test_an_encrypted_packet_has_the_oracle_s_values(objects: bytes, counter: int) -> None:
    """With a wrong byte in the nonce, no packet of a real sensor could be decrypted."""
    payload = seal_v2(objects, counter)

    assert sorted(decoded(UUID, payload, KEY)) == pytest.approx(sorted(numbers(UUID, payload, KEY)))


@given(object_id=st.sampled_from(sorted(OBJECTS)), kind=st.sampled_from([0, 1, 2]), data=st.data())
def test_each_object_of_version_1_has_the_oracle_s_value(object_id: int, kind: int, data: st.DataObject) -> None:
    """A type or a length on which the two decoders disagree is most likely a mistake."""
    number = OBJECTS[object_id]
    assume(kind != 2 or not number.is_binary)
    assume(object_id != 0x50)  # the timestamp has its own type
    size = data.draw(st.sampled_from([2, 4, 8]) if kind == 2 else st.integers(min_value=1, max_value=8))
    payload = bytes([kind << 5 | 1 + size, object_id]) + data.draw(st.binary(min_size=size, max_size=size))

    expected = [value * INTENDED.get(object_id, 1) for value in decoded(UUID_V1, payload)]
    # bthome-ble rounds floating-point numbers to the decimals of the factor.
    rounded = 0.51 * number.multiplier / number.divisor * INTENDED.get(object_id, 1) if kind == 2 else 1e-9
    theirs = numbers(UUID_V1, payload)
    assert expected == pytest.approx(theirs, abs=max(rounded, TOLERANCE.get(object_id, 0)), rel=1e-9)


@given(objects_v1(), st.integers(min_value=0, max_value=2**32 - 1))
def test_a_whole_packet_of_version_1_has_the_oracle_s_values(objects: bytes, counter: int) -> None:
    """Whole packets, plain and encrypted, show that each object is read at the right offset."""
    assume(len(objects) >= 4)  # bthome-ble decrypts nothing shorter
    ours = sorted(decoded(UUID_V1, objects))
    encrypted = seal_v1(objects, counter)

    assert ours == pytest.approx(sorted(numbers(UUID_V1, objects)))
    assert ours == sorted(decoded(UUID_V1_ENCRYPTED, encrypted, KEY))
    assert ours == pytest.approx(sorted(numbers(UUID_V1_ENCRYPTED, encrypted, KEY)))


def test_two_packets_with_one_packet_id_both_count() -> None:
    """The thermometers send two packets under one id; bthome-ble ignores the second, whose voltage must be exported."""
    device = oracle.Device()
    for payload in (PACKET_A, PACKET_B):
        theirs = device.asked(UUID, payload)

    assert ("sensor", "voltage") not in theirs.values
    assert 2.848 == FORMATS[UUID].decode(PACKET_B, ADDRESS, None).measurements[Measurement("voltage")]


def test_a_rejected_packet_has_no_values() -> None:
    """After a rejected packet, bthome-ble returns the previous packet's values, which an exporter would show as new."""
    device = oracle.Device()
    for payload in (PACKET_A, b"\x40\x02\x8d"):
        theirs = device.asked(UUID, payload)

    assert 27.01 == theirs.values["sensor", "temperature"]
    with pytest.raises(DecodeError, match="needs 2 bytes, but only 1 is left"):
        FORMATS[UUID].decode(b"\x40\x02\x8d", ADDRESS, None)
