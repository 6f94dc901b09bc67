"""From bindkeys to ciphers."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from ble_exporter.errors import ConfigError
from ble_exporter.formats.ciphers import ciphers_of

ADDRESS = "A4:C1:38:00:00:01"
KEY = bytes.fromhex("0123456789abcdef0123456789abcdef")


def test_a_key_gives_a_cipher() -> None:
    """Each device has its own."""
    ciphers = ciphers_of({ADDRESS: KEY})

    nonce = bytes(13)
    assert b"x" == ciphers[ADDRESS].decrypt(nonce, AESCCM(KEY, tag_length=4).encrypt(nonce, b"x", None), None)


@pytest.mark.usefixtures("_without_cryptography")
def test_no_key_needs_no_library() -> None:
    """The library is optional."""
    assert {} == ciphers_of({})


@pytest.mark.usefixtures("_without_cryptography")
def test_a_key_without_the_library_says_what_to_install() -> None:
    """Most installations do not have it."""
    with pytest.raises(ConfigError, match="install the extra `encryption`"):
        ciphers_of({ADDRESS: KEY})
