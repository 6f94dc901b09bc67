"""A format of the tests: a counter (4 bytes, little endian), the temperature in °C (1 byte), and a MIC; no secret."""

from hashlib import blake2b

from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import Cipher, Counter, Decoded
from ble_exporter.formats.measurement import Measurement

UUID = "00005ea1-0000-1000-8000-00805f9b34fb"
KEY = bytes.fromhex("0123456789abcdef0123456789abcdef")
OTHER_KEY = bytes.fromhex("fedcba9876543210fedcba9876543210")


class Toy:
    """A cipher that hides nothing, but whose MIC is right only with the right key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, nonce: bytes, plain: bytes) -> bytes:
        """Put the MIC behind what is sent."""
        return plain + blake2b(nonce + plain, digest_size=4, key=self._key).digest()

    def decrypt(self, nonce: bytes, sealed: bytes, associated_data: bytes | None) -> bytes:  # noqa: ARG002 - Cipher's
        """See formats.decoded.Cipher."""
        if self.seal(nonce, sealed[:-4]) != sealed:
            raise DecodeError("wrong_key", "the MIC is wrong")
        return sealed[:-4]


def seal(counter: int, temperature: int, key: bytes = KEY) -> bytes:
    """Return the payload that a sensor with that key sends."""
    nonce = counter.to_bytes(4, "little")
    return nonce + Toy(key).seal(nonce, bytes([temperature]))


def decode(payload: bytes, _address: str, cipher: Cipher | None) -> Decoded:
    """See formats.decoded.Decoder."""
    if cipher is None:
        raise DecodeError("encrypted", f"the payload is encrypted: {payload.hex()}")
    plain = cipher.decrypt(payload[:4], payload[4:], None)
    return Decoded(
        {Measurement("temperature"): float(plain[0])},
        {},
        None,
        None,
        Counter(int.from_bytes(payload[:4], "little"), 32),
    )
