"""The explanation of a payload agrees with its decoder, in every format."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ble_exporter.cli.decode.explain import Explanation, explain
from ble_exporter.errors import DecodeError
from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.formats.bthome_objects import OBJECTS, OTHERS
from ble_exporter.formats.ccm import Ccm
from ble_exporter.formats.decoded import Counter, Decoded
from ble_exporter.formats.field import Field
from ble_exporter.formats.registry import FORMATS
from tests.conftest import Vector, vectors
from tests.formats.sealing import ADDRESS, KEY, PRINTED, REVERSED, SEALS, VECTOR_FILES, cipher_of

ALL = [(one.uuid, vector) for one in VECTOR_FILES for vector in vectors(one.vectors)]
REJECTED = [(f"0000{vector['service']}-0000-1000-8000-00805f9b34fb", vector) for vector in vectors("rejected.json")]

# Random bytes rarely have a valid header or a known object, so these strategies build them.
_IDS = st.sampled_from([0, *OBJECTS, *OTHERS])
_V2_OBJECTS = st.lists(st.builds(lambda one, data: bytes([one]) + data, _IDS, st.binary(max_size=6)), max_size=8)
_V1_OBJECTS = st.lists(
    st.builds(
        lambda kind, one, data: bytes([kind << 5 | (len(data) + 1), one]) + data,
        st.integers(0, 7),
        _IDS,
        st.binary(max_size=9),
    ),
    max_size=8,
)
_MIBEACON_OBJECTS = st.lists(
    st.builds(
        lambda one, data: one.to_bytes(2, "little") + bytes([len(data)]) + data,
        st.sampled_from([*mibeacon.OBJECTS, 0x1007]),
        st.binary(max_size=5),
    ),
    max_size=5,
)
_PLAIN = st.one_of(
    st.binary(max_size=24), *(objects.map(b"".join) for objects in (_V2_OBJECTS, _V1_OBJECTS, _MIBEACON_OBJECTS))
)
_HEADS = st.sampled_from(
    [b"", b"\x40", b"\x41", b"\x44", b"\x42", PRINTED, REVERSED]
    + [bytes.fromhex(frame + "5b0501") + REVERSED for frame in ("5050", "5858", "5010", "5830", "d050", "1050")]
    + [bytes.fromhex(frame + "5b0501") + REVERSED + b"\x28" for frame in ("7050", "7858")]
)
_ENCRYPTED = st.builds(
    lambda seal, plain: seal[1](plain[: {atc.UUID: 6}.get(seal[0], 99)].ljust({atc.UUID: 6}.get(seal[0], 0))),
    st.sampled_from(SEALS),
    _PLAIN,
)
PAYLOADS = st.one_of(st.builds(bytes.__add__, _HEADS, _PLAIN), _ENCRYPTED, st.binary(min_size=250, max_size=260))
CIPHERS = st.sampled_from([None, Ccm(KEY), Ccm(bytes(16))])
ADDRESSES = st.sampled_from([None, "", ADDRESS, "A4:C1:38:00:00:99", "68753A44-4D6F-1226-9C60-0050E4C00067"])


def other(value: float | str | bytes) -> int | str | bytes:
    """Return the value of a field that is not a measurement; such a value is never a float."""
    assert not isinstance(value, float)
    return value


def said(explanation: Explanation) -> Decoded:
    """Rebuild the decoder's result from the explained fields."""
    fields = explanation.all_fields
    measured = [field for field in fields if field.role == "measurement"]
    packet_ids = [field.value for field in fields if field.role == "packet_id"]
    counters = [field.value for field in fields if field.role == "counter"]
    unknown = [field for field in fields if field.role == "unknown_object"]
    bits = 8 if explanation.format.uuid == atc.UUID else 32
    values = {field.name: float(field.value) for field in measured if field.is_possible}
    others = {field.name: other(field.value) for field in fields if field.role == "other"}
    return Decoded(
        values,
        others,
        int(packet_ids[-1]) if packet_ids else None,
        int(unknown[0].value) if unknown else None,
        Counter(int(counters[-1]), bits) if counters else None,
        tuple(field.name for field in measured if not field.is_possible),
        bool(values or others) and any(field.role == "trigger" for field in fields),
    )


def assert_covered(data: bytes, fields: list[Field]) -> None:
    """Check that the fields cover every byte, in order; two fields overlap only if they have the same bytes."""
    spans = list(dict.fromkeys((field.start, field.end) for field in fields))

    assert [0, *(end for _, end in spans)] == [*(start for start, _ in spans), len(data)]
    assert all(start < end for start, end in spans)


def decoded_or_rejected(uuid: str, payload: bytes, address: str, cipher: Ccm | None) -> Decoded | DecodeError:
    """Return the decoder's result, or its error."""
    try:
        return FORMATS[uuid].decode(payload, address, cipher)
    except DecodeError as error:
        return error


def assert_matches_decoder(uuid: str, payload: bytes, address: str | None, cipher: Ccm | None) -> None:
    """Check that the explanation of a payload agrees with its decoder."""
    explanation = explain(uuid, payload, address, cipher)
    assert_covered(payload, explanation.fields)
    assert_covered(explanation.plaintext or b"", explanation.plaintext_fields)
    decoded = decoded_or_rejected(uuid, payload, explanation.address, cipher)
    if isinstance(decoded, DecodeError):
        error = explanation.error
        assert error is not None, f"the decoder says: {decoded}"
        assert (decoded.reason, decoded.detail, decoded.offset, decoded.size, decoded.in_plaintext) == (
            error.reason,
            error.detail,
            error.offset,
            error.size,
            error.in_plaintext,
        )
        whole = explanation.plaintext if error.in_plaintext else payload
        assert whole is not None
        # The offset of a missing byte is one past the last byte.
        assert 0 <= error.offset <= len(whole)
        return
    assert explanation.error is None
    assert decoded == said(explanation)
    assert list(decoded.measurements) == list(said(explanation).measurements)
    assert explanation.is_encrypted == (decoded.counter is not None)


@pytest.mark.parametrize("uuid", FORMATS)
@given(payload=PAYLOADS, address=ADDRESSES, cipher=CIPHERS)
@example(payload=b"", address=None, cipher=None)
def test_any_payload_is_explained_as_it_is_decoded(
    uuid: str, payload: bytes, address: str | None, cipher: Ccm | None
) -> None:
    """An explanation that differs from the exported values would mislead the user."""
    assert_matches_decoder(uuid, payload, address, cipher)


@pytest.mark.parametrize(("uuid", "vector"), ALL + REJECTED, ids=str)
def test_a_vector_is_explained_as_it_is_decoded(uuid: str, vector: Vector) -> None:
    """Users decode truncated packets, too: wherever a payload is cut, its explanation must agree with the decoder."""
    payload = bytes.fromhex(vector["payload"])

    for length in range(len(payload) + 1):
        assert_matches_decoder(uuid, payload[:length], vector.get("address", ADDRESS), cipher_of(vector))


def problem_of(uuid: str, payload: str, cipher: Ccm | None = None) -> tuple[int, int, str]:
    """Return the offset, size in bytes and text of a payload's error."""
    error = explain(uuid, bytes.fromhex(payload), cipher=cipher).error
    assert error is not None
    return error.offset, error.size, error.detail


@pytest.mark.parametrize(
    ("uuid", "payload", "problem"),
    [
        (bthome.UUID, "4000b001510245", (5, 2, "object 0x02 at byte 5 needs 2 bytes, but only 1 is left")),
        (bthome.UUID, "400151530a6162", (3, 4, "object 0x53 at byte 3 needs 11 bytes, but only 3 are left")),
        (bthome.UUID, "40015153", (3, 1, "object 0x53 at byte 3 needs 1 byte, but none is left")),
        (bthome.UUID, "6001", (0, 1, "BTHome version 3 is not 2")),
        (bthome.UUID, "4001ff", (1, 2, "no sensor can have measured its only values (battery)")),
        (bthome_v1.UUID, "0201612302ca", (3, 3, "the object at byte 3 needs 3 bytes, but only 2 are left")),
        (bthome_v1.UUID, "0102", (0, 1, "the object at byte 0 has no value: its control byte 0x01 gives length 1")),
        (mibeacon.UUID, "50585b051bccbb", (5, 2, "the address at byte 5 needs 6 bytes, but only 2 are left")),
        (
            mibeacon.UUID,
            "50585b051bccbbaa38c1a4041002be",
            (11, 4, "object 0x1004 at byte 11 needs 2 bytes, but only 1 is left"),
        ),
    ],
)
def test_an_error_has_the_offset_of_its_byte(uuid: str, payload: str, problem: tuple[int, int, str]) -> None:
    """Firmware authors count bytes, so the explanation gives them the position of the error."""
    assert problem == problem_of(uuid, payload)


@pytest.mark.parametrize("cipher", [None, Ccm(KEY)])
@pytest.mark.parametrize(
    ("uuid", "payload", "offset"),
    [
        (bthome.UUID, "4111223344556677", 1),
        (bthome_v1.UUID_ENCRYPTED, "0011223344556677", 0),
        (mibeacon.UUID, "58585b051bccbbaa38c1a4112233445566", 11),
    ],
)
def test_a_packet_too_short_to_decrypt_is_reported(uuid: str, payload: str, offset: int, cipher: Ccm | None) -> None:
    """The message is the same with and without a key, since no key would help."""
    found, _, text = problem_of(uuid, payload, cipher)

    assert offset == found
    assert "too short" in text


def test_an_error_in_plaintext_has_its_offset_in_the_plaintext() -> None:
    """If an offset in the plaintext were taken for one in the packet, it would point at the wrong byte."""
    error = explain(bthome.UUID, SEALS[0][1](bytes.fromhex("015102c4")), ADDRESS, Ccm(KEY)).error

    assert error is not None
    assert error.in_plaintext
    assert (2, "object 0x02 at byte 2 needs 2 bytes, but only 1 is left") == (error.offset, error.detail)


def test_the_address_in_the_packet_decrypts_it() -> None:
    """A MiBeacon packet may contain its sender's address, which the user then need not type."""
    payload = SEALS[3][1](bytes.fromhex("041002be00"))
    explanation = explain(mibeacon.UUID, payload, None, Ccm(KEY))

    assert explanation.address == ADDRESS
    assert {"temperature": 19.0} == said(explanation).measurements
