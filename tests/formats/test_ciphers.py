"""The ciphers for the bindkeys, with and without the library `cryptography`."""

import pytest

from ble_exporter.errors import ConfigError
from ble_exporter.formats.bthome import decode
from ble_exporter.formats.ciphers import ciphers_of
from tests.formats.sealing import ADDRESS, KEY, OTHER_KEY, seal_v2


def test_each_key_gives_the_cipher_of_its_device() -> None:
    """The key of another device could not decrypt any packet."""
    ciphers = ciphers_of({"A4:C1:38:00:00:01": OTHER_KEY, ADDRESS: KEY})

    assert ["A4:C1:38:00:00:01", ADDRESS] == list(ciphers)
    assert {"battery": 81.0} == decode(seal_v2(b"\x01\x51"), ADDRESS, ciphers[ADDRESS]).measurements


@pytest.mark.usefixtures("_without_cryptography")
def test_without_keys_the_library_is_not_needed() -> None:
    """The library is an optional extra, and most installations have no keys."""
    assert {} == ciphers_of({})


@pytest.mark.usefixtures("_without_cryptography")
def test_a_key_without_the_library_says_what_to_install() -> None:
    """Without the library, the service could never read the device, so the user must learn what to install."""
    with pytest.raises(ConfigError) as caught:
        ciphers_of({ADDRESS: KEY})

    text = str(caught.value)
    assert text.startswith("devices: a bindkey is set, but the library that decrypts can't be loaded (")
    assert text.endswith("); install the extra `encryption` (README, Installation), or remove the bindkey")
