"""The sender's address, and what was encrypted."""

import pytest

from ble_exporter.errors import DecodeError
from ble_exporter.formats import bthome
from ble_exporter.formats.ccm import Ccm
from ble_exporter.formats.decoded import Counter, Decoded
from ble_exporter.formats.encryption import check_sender, octets, opened
from ble_exporter.formats.measurement import Measurement

PRINTED = bytes.fromhex("a4c138aabbcc")


@pytest.mark.parametrize("address", ["A4:C1:38:AA:BB:CC", "a4:c1:38:aa:bb:cc"])
def test_an_address_is_six_bytes_as_printed(address: str) -> None:
    """A nonce in another order opens nothing."""
    assert PRINTED == octets(address)


@pytest.mark.parametrize(
    "address",
    ["", "A4:C1:38:AA:BB", "A4:C1:38:AA:BB:CC:DD", "68753A44-4D6F-1226-9C60-0050E4C00067", "G4:C1:38:AA:BB:CC"],
    ids=["nothing", "five bytes", "seven", "a UUID, as on macOS", "no number"],
)
def test_what_is_no_address_is_an_error_that_shows_it(address: str) -> None:
    """Of no other kind: it would end the scan."""
    with pytest.raises(DecodeError) as caught:
        octets(address)

    assert "wrong_address" == caught.value.reason
    assert f"the sender's address {address!r} is no Bluetooth address" == str(caught.value)


def test_addresses_are_kept_for_a_large_house_and_not_for_ever() -> None:
    """Anybody with a transmitter can send from new addresses: they must not fill the memory."""
    assert 1000 <= (octets.cache_parameters()["maxsize"] or 0) <= 10_000


def test_the_sender_s_own_payload_is_accepted() -> None:
    """In whatever case its address was written."""
    check_sender(PRINTED, "a4:c1:38:aa:bb:cc", b"")


def test_another_s_payload_is_refused_and_named() -> None:
    """Somebody else's values would be exported."""
    with pytest.raises(DecodeError) as caught:
        check_sender(PRINTED[::-1], "A4:C1:38:AA:BB:CC", b"\x01\x02")

    assert "wrong_address" == caught.value.reason
    assert "the payload is of CC:BB:AA:38:C1:A4, but A4:C1:38:AA:BB:CC sent it: 0102" == str(caught.value)


def test_what_was_opened_is_what_the_format_decodes_with_the_counter() -> None:
    """All of it: the guard against replays needs the counter, the user the rest."""
    plain = Decoded(
        {Measurement("temperature"): 1.0}, {Measurement("button"): "press"}, 7, 0xFE, None, (Measurement("battery"),)
    )
    counter = Counter(300, 32)

    assert plain._replace(counter=counter) == opened(lambda _: plain, b"plain", counter, b"sealed")


def test_an_error_in_what_was_opened_shows_what_came() -> None:
    """The plaintext is a secret, and a log is none."""

    def fail(plaintext: bytes) -> Decoded:
        raise DecodeError("truncated", plaintext.hex())

    with pytest.raises(DecodeError) as caught:
        opened(fail, b"\x01", Counter(1, 32), b"\x02")

    assert "truncated" == caught.value.reason
    assert "what was encrypted is rejected as truncated: 02" == str(caught.value)
    assert caught.value.__context__ is None


def test_what_is_encrypted_needs_an_address() -> None:
    """BTHome v2 is decoded without one where it is plain; what was not said must not become another sender's."""
    with pytest.raises(DecodeError, match=r"^the sender's address '' is no Bluetooth address$"):
        bthome.decode(bytes.fromhex("41e445f3c9962b332211006c7c4519"), cipher=Ccm(bytes(16)))
