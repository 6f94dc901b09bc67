"""Keys, and functions that encrypt payloads as sensors do, or decrypt them, for the tests of encryption."""

from collections.abc import Callable
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.formats.ccm import Ccm
from tests.data import Vector

ADDRESS = "A4:C1:38:AA:BB:CC"
KEY = bytes(range(16))
OTHER_KEY = bytes(range(16, 32))
PRINTED = bytes.fromhex("a4c138aabbcc")
REVERSED = PRINTED[::-1]
MIBEACON_HEAD = bytes.fromhex("58585b05") + b"\x01"  # version 5, encrypted, MAC, object; LYWSD03MMC; frame counter


class Format(NamedTuple):
    """
    A service UUID and the file of its vectors.

    Attributes:
        uuid: The UUID of the service data.
        vectors: The name of the file with its vectors.
    """

    uuid: str
    vectors: str


VECTOR_FILES = [
    Format(bthome.UUID, "bthome_v2.json"),
    Format(bthome.UUID, "bthome_v2_encrypted.json"),
    Format(bthome_v1.UUID, "bthome_v1.json"),
    Format(bthome_v1.UUID_ENCRYPTED, "bthome_v1_encrypted.json"),
    Format(atc.UUID, "atc.json"),
    Format(mibeacon.UUID, "mibeacon.json"),
]


def cipher_of(vector: Vector) -> Ccm | None:
    """Return the cipher of a vector's key, or None if the vector has no key."""
    return Ccm(bytes.fromhex(vector["key"])) if "key" in vector else None


def _encrypt(nonce: bytes, plaintext: bytes, associated_data: bytes | None, counter: bytes, key: bytes = KEY) -> bytes:
    encrypted = AESCCM(key, tag_length=4).encrypt(nonce, plaintext, associated_data)
    return encrypted[:-4] + counter + encrypted[-4:]


def seal_v2(plaintext: bytes, counter: int = 1, information: int = 0x41, key: bytes = KEY) -> bytes:
    """Encrypt a plaintext with a key, as a BTHome v2 sensor with the address ADDRESS does; return the payload."""
    head, count = bytes([information]), counter.to_bytes(4, "little")
    return head + _encrypt(PRINTED + b"\xd2\xfc" + head + count, plaintext, None, count, key)


def seal_temperature(celsius: int, counter: int, key: bytes = KEY) -> bytes:
    """Encrypt a temperature with a key, as a BTHome v2 sensor with the address ADDRESS does; return the payload."""
    return seal_v2(b"\x02" + (celsius * 100).to_bytes(2, "little", signed=True), counter, key=key)


def seal_v1(plaintext: bytes, counter: int = 1) -> bytes:
    """Encrypt a plaintext with KEY, as a BTHome v1 sensor with the address ADDRESS does; return the payload."""
    count = counter.to_bytes(4, "little")
    return _encrypt(PRINTED + b"\x1e\x18" + count, plaintext, b"\x11", count)


def unseal_v2(payload: bytes) -> bytes:
    """Return the plaintext of a payload of seal_v2."""
    nonce = PRINTED + b"\xd2\xfc" + payload[:1] + payload[-8:-4]
    return AESCCM(KEY, tag_length=4).decrypt(nonce, payload[1:-8] + payload[-4:], None)


def unseal_v1(payload: bytes) -> bytes:
    """Return the plaintext of a payload of seal_v1."""
    return AESCCM(KEY, tag_length=4).decrypt(
        PRINTED + b"\x1e\x18" + payload[-8:-4], payload[:-8] + payload[-4:], b"\x11"
    )


def seal_atc(plaintext: bytes, counter: int = 1) -> bytes:
    """
    Encrypt a plaintext with KEY, as a sensor with the address ADDRESS does; return the payload.

    The format is that of pvvx if the plaintext has 6 bytes, and that of ATC1441 if it has 3.
    """
    count = bytes([counter])
    head = bytes([len(plaintext) + 8, 0x16, 0x1A, 0x18])
    return count + _encrypt(REVERSED + head + count, plaintext, b"\x11", b"")


def seal_mibeacon(plaintext: bytes, counter: int = 0, frame: int = 1) -> bytes:
    """
    Encrypt a plaintext with KEY, as a MiBeacon version 5 sensor with the address ADDRESS does; return the payload.

    `frame` is the frame counter in the header, and `counter` is the 3-byte counter after the ciphertext.
    """
    count = counter.to_bytes(3, "little")
    head = MIBEACON_HEAD[:-1] + bytes([frame])
    return head + REVERSED + _encrypt(REVERSED + head[2:] + count, plaintext, b"\x11", count)


SEALS: list[tuple[str, Callable[[bytes], bytes]]] = [
    (bthome.UUID, seal_v2),
    (bthome_v1.UUID_ENCRYPTED, seal_v1),
    (atc.UUID, seal_atc),
    (mibeacon.UUID, seal_mibeacon),
]
"""Each service UUID, with the function that encrypts its service data."""
