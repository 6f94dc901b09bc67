"""Every format, with vectors from published sources: whole, cut short, changed, without the key, from elsewhere."""

import pytest

from ble_exporter.errors import DecodeError
from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.formats.ccm import Ccm
from ble_exporter.formats.registry import FORMATS
from tests.conftest import Vector, vectors
from tests.formats.sealing import ADDRESS, VECTOR_FILES, cipher_of

ALL = [(one.uuid, vector) for one in VECTOR_FILES for vector in vectors(one.vectors)]
ENCRYPTED = [(uuid, vector) for uuid, vector in ALL if "key" in vector]
REJECTED = vectors("rejected.json")
OTHERS_ADDRESS = "A4:C1:38:00:00:99"

# The offset of the first byte in which the change of any bit must be detected as a wrong key or address. The bytes
# before it contain the bit for encryption: BTHome v2's device information, MiBeacon's frame control.
FIRST_AUTHENTIC = {bthome.UUID: 1, bthome_v1.UUID_ENCRYPTED: 0, atc.UUID: 0, mibeacon.UUID: 2}


def _named(vector: Vector, uuid: str = "") -> str:
    return f"{vector.get('service', uuid[4:8])} {vector['payload']}: {vector['note']}"


@pytest.mark.parametrize(("uuid", "vector"), ALL, ids=[_named(vector, uuid) for uuid, vector in ALL])
def test_a_sourced_vector_decodes_to_its_values(uuid: str, vector: Vector) -> None:
    """Users see these values: each must equal the source's value, to the last bit."""
    decoded = FORMATS[uuid].decode(bytes.fromhex(vector["payload"]), vector.get("address", ADDRESS), cipher_of(vector))

    others = {name: value.hex() if isinstance(value, bytes) else value for name, value in decoded.others.items()}
    assert vector["measurements"] == decoded.measurements
    assert vector.get("others", {}) == others
    assert vector.get("packet_id") == decoded.packet_id
    assert vector.get("unknown_object") == decoded.unknown_object
    assert vector.get("counter") == (list(decoded.counter) if decoded.counter else None)
    assert vector.get("impossible", []) == list(decoded.impossible)


@pytest.mark.parametrize(("uuid", "vector"), ALL, ids=[_named(vector, uuid) for uuid, vector in ALL])
def test_a_vector_cut_anywhere_gives_nothing_new(uuid: str, vector: Vector) -> None:
    """A truncated payload must be rejected, or give fewer values, but never another value."""
    payload = bytes.fromhex(vector["payload"])

    for length in range(len(payload)):
        try:
            decoded = FORMATS[uuid].decode(payload[:length], vector.get("address", ADDRESS), cipher_of(vector))
        except DecodeError:
            continue
        assert "key" not in vector or not decoded.measurements
        assert decoded.measurements.items() <= vector["measurements"].items()


@pytest.mark.parametrize("vector", REJECTED, ids=_named)
def test_an_invalid_payload_is_rejected_with_its_reason(vector: Vector) -> None:
    """A guess would put a wrong temperature on a graph, and users paste the message into bug reports."""
    uuid = f"0000{vector['service']}-0000-1000-8000-00805f9b34fb"
    with pytest.raises(DecodeError) as caught:
        FORMATS[uuid].decode(bytes.fromhex(vector["payload"]), vector["address"], cipher_of(vector))

    assert (vector["reason"], vector["message"]) == (caught.value.reason, str(caught.value))


@pytest.mark.parametrize(("uuid", "vector"), ENCRYPTED, ids=[_named(vector, uuid) for uuid, vector in ENCRYPTED])
def test_an_encrypted_vector_without_a_key_says_that_it_is_encrypted(uuid: str, vector: Vector) -> None:
    """The owner must learn that the sensor needs a key, and can then add the key."""
    with pytest.raises(DecodeError, match="encrypted") as caught:
        FORMATS[uuid].decode(bytes.fromhex(vector["payload"]), vector["address"], None)

    assert "encrypted" == caught.value.reason


@pytest.mark.parametrize(("uuid", "vector"), ENCRYPTED, ids=[_named(vector, uuid) for uuid, vector in ENCRYPTED])
def test_a_wrong_key_is_reported_and_no_key_is_shown(uuid: str, vector: Vector) -> None:
    """The error goes into a log, and the log into a bug report, which must not contain the key."""
    wrong = bytes.fromhex("00112233445566778899aabbccddeeff")
    with pytest.raises(DecodeError) as caught:
        FORMATS[uuid].decode(bytes.fromhex(vector["payload"]), vector["address"], Ccm(wrong))

    assert "wrong_key" == caught.value.reason
    assert wrong.hex() not in str(caught.value)


@pytest.mark.parametrize(("uuid", "vector"), ENCRYPTED, ids=[_named(vector, uuid) for uuid, vector in ENCRYPTED])
def test_an_encrypted_vector_with_any_bit_changed_is_rejected(uuid: str, vector: Vector) -> None:
    """Encryption must ensure that nobody but the sensor can produce its values."""
    payload = bytes.fromhex(vector["payload"])

    for bit in range(FIRST_AUTHENTIC[uuid] * 8, len(payload) * 8):
        changed = bytearray(payload)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DecodeError) as caught:
            FORMATS[uuid].decode(bytes(changed), vector["address"], cipher_of(vector))
        assert caught.value.reason in {"wrong_key", "wrong_address"}


@pytest.mark.parametrize(("uuid", "vector"), ENCRYPTED, ids=[_named(vector, uuid) for uuid, vector in ENCRYPTED])
def test_an_encrypted_vector_from_another_address_is_rejected(uuid: str, vector: Vector) -> None:
    """The address is in the nonce: an attacker can't send another sensor's packet from a different address."""
    with pytest.raises(DecodeError) as caught:
        FORMATS[uuid].decode(bytes.fromhex(vector["payload"]), OTHERS_ADDRESS, cipher_of(vector))

    assert caught.value.reason in {"wrong_key", "wrong_address"}


@pytest.mark.parametrize(("uuid", "vector"), ENCRYPTED, ids=[_named(vector, uuid) for uuid, vector in ENCRYPTED])
def test_an_address_that_is_none_is_rejected(uuid: str, vector: Vector) -> None:
    """On macOS a device has a UUID in place of the address, and no nonce can be made from a UUID."""
    with pytest.raises(DecodeError) as caught:
        FORMATS[uuid].decode(
            bytes.fromhex(vector["payload"]), "68753A44-4D6F-1226-9C60-0050E4C00067", cipher_of(vector)
        )

    assert "wrong_address" == caught.value.reason
