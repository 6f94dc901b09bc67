"""
AES-CCM as all encrypted formats use it, with a key of 16 bytes and a MIC of 4 bytes.

Only this file imports cryptography. Decoders receive a cipher as an argument, so an installation without keys does not
load the library.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from ble_exporter.errors import DecodeError

_MIC_LENGTH = 4


class Ccm:
    """
    The cipher of one device. See `decoded.Cipher`.

    Args:
        key: The bindkey, 16 bytes. Neither errors nor the `repr` of this object shows it.

    Raises:
        ValueError: The key does not have 16 bytes.

    Source: RFC 3610; bthome.io/encryption
    """

    __slots__ = ("_decrypt",)

    def __init__(self, key: bytes) -> None:
        if len(key) != 16:
            raise ValueError(f"a key has 16 bytes, not {len(key)}")
        # The key is expanded once for each device, because that takes longer than decrypting a packet.
        self._decrypt = AESCCM(key, tag_length=_MIC_LENGTH).decrypt

    def decrypt(self, nonce: bytes, ciphertext: bytes, associated_data: bytes | None, /) -> bytes:
        """See `decoded.Cipher`."""
        try:
            return self._decrypt(nonce, ciphertext, associated_data)
        except InvalidTag:
            text = "the MIC does not match the key, the sender's address, and the bytes"
            raise DecodeError("wrong_key", text) from None
