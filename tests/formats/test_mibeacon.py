"""MiBeacon: cases that no vector in tests/vectors/mibeacon.json covers."""

import pytest

from ble_exporter.errors import DecodeError
from ble_exporter.formats import mibeacon
from ble_exporter.formats.decoded import CERTAIN, LIKELY, POSSIBLE
from ble_exporter.formats.field import Field
from tests.formats.sealing import ADDRESS, REVERSED

TEMPERATURE = bytes.fromhex("041002be00")  # 19.0 °C
FLAGS = mibeacon.HAS_ADDRESS | mibeacon.HAS_OBJECT


def frame(flags: int, rest: bytes, version: int = 5, product: int = 0x055B) -> bytes:
    """Return a payload: frame control, product, frame counter 7, and the rest."""
    control = flags | version << mibeacon.VERSION_BIT
    return control.to_bytes(2, "little") + product.to_bytes(2, "little") + b"\x07" + rest


def fields(payload: bytes) -> list[Field]:
    """Return the fields of a plain payload from ADDRESS."""
    return [field for field in mibeacon.fields(payload, ADDRESS) if isinstance(field, Field)]


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        (mibeacon.HAS_ADDRESS, "address"),
        (mibeacon.HAS_CAPABILITY, "capability"),
        (mibeacon.HAS_OBJECT, "object"),
    ],
)
def test_the_frame_control_is_explained_bit_by_bit(flag: int, name: str) -> None:
    """`decode` shows these bits to a user who asks why a value is missing."""
    rest = {"address": REVERSED, "capability": b"\x08", "object": TEMPERATURE}[name]

    assert f"version 5, {name}" == fields(frame(flag, rest))[0].note


def test_the_mesh_bit_is_explained_before_the_frame_is_rejected() -> None:
    """`decode` shows the reason for the rejection beside the bytes that contain the mesh bit."""
    frame_control = next(mibeacon.fields(frame(mibeacon.MESH, b""), ADDRESS))

    assert isinstance(frame_control, Field)
    assert "version 5, mesh" == frame_control.note


@pytest.mark.parametrize(("product", "note"), [(0x055B, "0x055B LYWSD03MMC"), (0x0001, "0x0001")])
def test_a_product_has_its_number_and_its_name_if_it_is_known(product: int, note: str) -> None:
    """Products without a known name send the same objects, and the user needs at least the number."""
    assert note == fields(frame(0, b"", product=product))[1].note


@pytest.mark.parametrize(("capability", "size"), [("08", 1), ("280000", 3)])
def test_a_capability_with_io_has_two_bytes_more(capability: str, size: int) -> None:
    """With a wrong size, the objects after the capability would be read from the wrong byte."""
    payload = frame(FLAGS | mibeacon.HAS_CAPABILITY, REVERSED + bytes.fromhex(capability) + TEMPERATURE)

    assert ["capability", "object 0x1004"] == [field.label for field in fields(payload)[-2:]]
    assert size == fields(payload)[-2].end - fields(payload)[-2].start
    assert {"temperature": 19.0} == mibeacon.decode(payload, ADDRESS, None).measurements


@pytest.mark.parametrize(
    ("flags", "rest", "label", "note"),
    [
        (mibeacon.HAS_CAPABILITY, "08", "capability", ""),
        (mibeacon.HAS_CAPABILITY, "280000", "capability", "with I/O capability"),
        (0, "041002be00", "ignored", "the frame control indicates no object"),
        (0, "", "frame counter", "7"),
        (mibeacon.HAS_OBJECT, "0710020102", "object 0x1007", "unknown: skipped"),
        (mibeacon.HAS_OBJECT, "04100107", "object 0x1004", "not known with a length of 1: skipped"),
    ],
)
def test_the_last_field_is_explained(flags: int, rest: str, label: str, note: str) -> None:
    """If a value is missing, `decode` names the bytes that should contain it, and the reason."""
    field = fields(frame(flags, bytes.fromhex(rest)))[-1]

    assert (label, note) == (field.label, field.note)


def test_a_frame_without_an_object_says_nothing() -> None:
    """Sensors announce themselves with such frames, and the bytes after the header must not be read as values."""
    decoded = mibeacon.decode(frame(mibeacon.HAS_ADDRESS, REVERSED + TEMPERATURE), ADDRESS, None)

    assert ({}, None) == (decoded.measurements, decoded.packet_id)


@pytest.mark.parametrize("unknown", ["0710020102", "0410010a", "041000"], ids=["id", "length", "empty"])
def test_what_follows_an_unknown_object_is_read(unknown: str) -> None:
    """An unknown object, or a known one with an unexpected length, must not hide the values after it."""
    payload = frame(FLAGS, REVERSED + bytes.fromhex(unknown) + TEMPERATURE)
    decoded = mibeacon.decode(payload, ADDRESS, None)

    object_id = int.from_bytes(bytes.fromhex(unknown)[:2], "little")
    assert ({"temperature": 19.0}, object_id) == (decoded.measurements, decoded.unknown_object)


@pytest.mark.parametrize(
    ("flags", "version", "reason", "offset"),
    [
        (mibeacon.HAS_OBJECT, 1, "wrong_version", 1),
        (mibeacon.HAS_OBJECT | mibeacon.ENCRYPTED, 3, "wrong_version", 1),
        (mibeacon.HAS_OBJECT | mibeacon.MESH, 5, "reserved_bit", 0),
    ],
)
def test_a_frame_that_is_built_otherwise_is_rejected(flags: int, version: int, reason: str, offset: int) -> None:
    """Frames of earlier versions and of mesh devices have another layout, and would give wrong values."""
    with pytest.raises(DecodeError) as caught:
        mibeacon.decode(frame(flags, bytes(20), version), ADDRESS, None)

    assert (reason, offset, 1) == (caught.value.reason, caught.value.offset, caught.value.size)


@pytest.mark.parametrize("version", [2, 5])
def test_the_oldest_and_the_newest_version_are_read(version: int) -> None:
    """Plain frames have the same objects in all these versions, so the sensors of each must be readable."""
    decoded = mibeacon.decode(frame(FLAGS, REVERSED + TEMPERATURE, version), ADDRESS, None)

    assert {"temperature": 19.0} == decoded.measurements


@pytest.mark.parametrize(
    ("payload", "rank"),
    [
        (frame(FLAGS, REVERSED + TEMPERATURE), CERTAIN),
        (frame(mibeacon.HAS_ADDRESS, REVERSED), CERTAIN),
        (frame(mibeacon.HAS_OBJECT, TEMPERATURE), CERTAIN),
        (frame(FLAGS, REVERSED + TEMPERATURE[:-1]), LIKELY),
        (frame(FLAGS, REVERSED[:-1]), LIKELY),
        (frame(FLAGS, REVERSED + TEMPERATURE, version=6), LIKELY),
        (frame(FLAGS, REVERSED + TEMPERATURE, version=1), LIKELY),
        (frame(FLAGS, REVERSED + TEMPERATURE, product=1), CERTAIN),
        (frame(FLAGS, REVERSED + TEMPERATURE[:-1], product=1), POSSIBLE),
        (frame(FLAGS | 1, REVERSED + TEMPERATURE[:-1], product=1), POSSIBLE),
        (frame(FLAGS | 1, REVERSED[:-1], product=1), None),
        (frame(FLAGS, REVERSED + b"\x07\x10\x01\x00", product=1), LIKELY),
        (frame(mibeacon.HAS_ADDRESS, REVERSED, product=1), POSSIBLE),
        (frame(mibeacon.HAS_OBJECT, b"\x07\x10\x01\x00", product=1), POSSIBLE),
        (frame(FLAGS | 1, REVERSED + b"\x07\x10\x01\x00", product=1), POSSIBLE),
        (frame(mibeacon.HAS_ADDRESS, b"\xcc", product=1), POSSIBLE),
        (frame(mibeacon.HAS_ADDRESS, b"", product=1), None),
        (frame(mibeacon.HAS_ADDRESS, b"", product=1)[:4], None),
        (frame(mibeacon.HAS_ADDRESS | 1, b"\xcc\x10\xaa", product=1), None),
        (frame(FLAGS | 2, REVERSED[:-1], product=1), None),
        (frame(FLAGS | 4, REVERSED[:-1], product=1), None),
        (frame(FLAGS | 1, REVERSED + b"\x04\x0f\x02\x00", product=1), None),
        (frame(FLAGS | 1, REVERSED + b"\x04\x11\x02\x00", product=1), None),
        (frame(FLAGS | 1, REVERSED[:-1]), LIKELY),
        (frame(mibeacon.MESH | mibeacon.HAS_ADDRESS, REVERSED, product=1), None),
        (frame(mibeacon.MESH | mibeacon.HAS_ADDRESS, REVERSED + TEMPERATURE, product=1), POSSIBLE),
        (frame(FLAGS, REVERSED + TEMPERATURE, version=1, product=1), None),
        (b"", None),
    ],
)
def test_the_guess_is_as_good_as_the_frame_fits(payload: bytes, rank: int | None) -> None:
    """A known product or object is no coincidence, even in a damaged frame; a valid frame control alone may be one."""
    guess = mibeacon.guess(payload)

    assert rank == (guess and guess.rank)
