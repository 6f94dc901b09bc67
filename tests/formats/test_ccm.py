"""AES-CCM with a MIC of 4 bytes."""

import pytest

from ble_exporter.errors import DecodeError
from ble_exporter.formats.ccm import Ccm

# NIST SP 800-38C, appendix C.1, example 1: its MIC has 4 bytes.
KEY = bytes.fromhex("404142434445464748494a4b4c4d4e4f")
NONCE = bytes.fromhex("10111213141516")
ASSOCIATED_DATA = bytes.fromhex("0001020304050607")
CIPHERTEXT = bytes.fromhex("7162015b4dac255d")


def test_the_standard_s_example_is_decrypted() -> None:
    """A mistake in our code could also be in packets that we encrypt ourselves, but not in this published example."""
    assert Ccm(KEY).decrypt(NONCE, CIPHERTEXT, ASSOCIATED_DATA) == bytes.fromhex("20212223")


@pytest.mark.parametrize(
    ("nonce", "ciphertext", "associated_data"),
    [
        (bytes(7), CIPHERTEXT, ASSOCIATED_DATA),
        (NONCE, CIPHERTEXT[:-1] + b"\x00", ASSOCIATED_DATA),
        (NONCE, CIPHERTEXT[:3], ASSOCIATED_DATA),
        (NONCE, b"", ASSOCIATED_DATA),
        (NONCE, CIPHERTEXT, None),
    ],
    ids=["nonce", "MIC", "shorter than a MIC", "nothing", "associated data"],
)
def test_what_is_not_authentic_is_a_wrong_key(nonce: bytes, ciphertext: bytes, associated_data: bytes | None) -> None:
    """An exception other than DecodeError would end the scan."""
    with pytest.raises(DecodeError) as caught:
        Ccm(KEY).decrypt(nonce, ciphertext, associated_data)

    assert "wrong_key" == caught.value.reason
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("length", [0, 15, 17, 24, 32])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    """Every sensor's key has 16 bytes, so any other length is a mistake; the message must not show the key."""
    with pytest.raises(ValueError, match=f"^a key has 16 bytes, not {length}$"):
        Ccm(bytes(length))


def test_a_cipher_does_not_show_its_key() -> None:
    """The configuration's objects may be logged, and a log must not contain a key."""
    cipher = Ccm(KEY)

    assert KEY.hex() not in repr(cipher) + str(cipher)
    assert repr(KEY)[2:-1] not in repr(cipher) + str(cipher)
