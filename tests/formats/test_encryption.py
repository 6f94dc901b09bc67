"""The sender's address, the nonce and the MIC of encrypted payloads."""

from collections.abc import Callable

import pytest

from ble_exporter.errors import DecodeError
from ble_exporter.formats import atc, bthome
from ble_exporter.formats.ccm import Ccm
from ble_exporter.formats.encryption import AS_PRINTED, REVERSED, address_field, check_sender, mac_bytes, mac_text
from ble_exporter.formats.registry import FORMATS
from tests.formats.sealing import ADDRESS, KEY, SEALS, seal_v2

PRINTED = bytes.fromhex("a4c138aabbcc")


@pytest.mark.parametrize("address", ["A4:C1:38:AA:BB:CC", "a4:c1:38:aa:bb:cc"])
def test_an_address_is_six_bytes_as_printed(address: str) -> None:
    """With a nonce in another byte order, no packet could be decrypted."""
    assert PRINTED == mac_bytes(address)


@pytest.mark.parametrize(
    "address",
    ["", "A4:C1:38:AA:BB", "A4:C1:38:AA:BB:CC:DD", "68753A44-4D6F-1226-9C60-0050E4C00067", "G4:C1:38:AA:BB:CC"],
    ids=["nothing", "five bytes", "seven", "a UUID, as on macOS", "no number"],
)
def test_what_is_no_address_is_an_error_that_shows_it(address: str) -> None:
    """An exception other than DecodeError would end the scan."""
    with pytest.raises(DecodeError) as caught:
        mac_bytes(address)

    assert "wrong_address" == caught.value.reason
    assert f"the sender's address {address!r} is not a Bluetooth address" == str(caught.value)


def test_addresses_are_kept_for_a_large_installation_and_not_for_ever() -> None:
    """The cache must hold the addresses of a large installation, but not all those that an attacker can send from."""
    assert 1000 <= (mac_bytes.cache_parameters()["maxsize"] or 0) <= 10_000


@pytest.mark.parametrize("address", ["A4:C1:38:AA:BB:CC", "a4:c1:38:aa:bb:cc", None])
@pytest.mark.parametrize(("included", "order"), [(PRINTED, AS_PRINTED), (PRINTED[::-1], REVERSED)])
def test_the_sender_s_own_payload_is_accepted(included: bytes, order: int, address: str | None) -> None:
    """Neither lower-case digits nor an unknown sender, as in `decode`, may cause a rejection."""
    field = address_field(included, 5, order)
    check_sender(field, address)

    assert (5, 11, "A4:C1:38:AA:BB:CC") == (field.start, field.end, mac_text(field))


@pytest.mark.parametrize(("order", "how"), [(AS_PRINTED, "as printed"), (REVERSED, "in reverse order")])
def test_the_byte_order_of_an_address_is_explained(order: int, how: str) -> None:
    """A user who compares the payload with the address printed by another program must find the bytes."""
    assert f"A4:C1:38:AA:BB:CC, {how}" == address_field(PRINTED[::order], 5, order).note


def test_another_s_payload_is_refused_and_named() -> None:
    """If another device's payload were accepted, its values would be exported under this sensor's name."""
    with pytest.raises(DecodeError) as caught:
        check_sender(address_field(PRINTED[::-1], 5, AS_PRINTED), "A4:C1:38:AA:BB:CC")

    assert ("wrong_address", 5, 6) == (caught.value.reason, caught.value.offset, caught.value.size)
    assert "the payload includes the address CC:BB:AA:38:C1:A4, but A4:C1:38:AA:BB:CC sent it" == str(caught.value)


def test_the_nonce_needs_an_address() -> None:
    """Plain BTHome v2 needs no address, so it may be missing; the error must say that decryption needs one."""
    with pytest.raises(DecodeError, match=r"^decryption needs the sender's address") as caught:
        bthome.decode(bytes.fromhex("41e445f3c9962b332211006c7c4519"), cipher=Ccm(bytes(16)))

    assert ("wrong_address", 1, 6) == (caught.value.reason, caught.value.offset, caught.value.size)


@pytest.mark.parametrize(("payload", "size"), [("41", 1), ("4111", 1), ("4111223344556677", 7)])
def test_content_that_is_too_short_is_shown_to_its_end(payload: str, size: int) -> None:
    """`decode` marks the bytes that are left, or the place where the first one is missing."""
    with pytest.raises(DecodeError) as caught:
        bthome.decode(bytes.fromhex(payload), ADDRESS, Ccm(KEY))

    assert ("truncated", 1, size) == (caught.value.reason, caught.value.offset, caught.value.size)


@pytest.mark.parametrize(("plaintext", "size"), [("", 1), ("01", 1), ("0161", 2)])
def test_content_without_a_key_is_shown_without_counter_and_mic(plaintext: str, size: int) -> None:
    """`decode` marks the bytes that the key would decrypt, or the place where they would be."""
    with pytest.raises(DecodeError) as caught:
        bthome.decode(seal_v2(bytes.fromhex(plaintext)), ADDRESS)

    assert ("encrypted", 1, size) == (caught.value.reason, caught.value.offset, caught.value.size)


def test_a_wrong_mic_is_shown_at_its_bytes() -> None:
    """The MIC is the last four bytes: the error's position shows the user which bytes did not match."""
    with pytest.raises(DecodeError) as caught:
        bthome.decode(bytes.fromhex("41e445f3c9962b332211006c7c4519"), "A4:C1:38:AA:BB:CC", Ccm(bytes(16)))

    assert ("wrong_key", 11, 4) == (caught.value.reason, caught.value.offset, caught.value.size)


# pvvx and ATC1441 are left out: any of their plaintexts has a possible value.
@pytest.mark.parametrize(("uuid", "seal"), [pair for pair in SEALS if pair[0] != atc.UUID])
def test_an_error_in_decrypted_content_shows_what_was_sent(uuid: str, seal: Callable[[bytes], bytes]) -> None:
    """The plaintext is secret but logs are not; a chained error must not contain it either."""
    payload = seal(bytes.fromhex("01ff"))
    with pytest.raises(DecodeError) as caught:
        FORMATS[uuid].decode(payload, ADDRESS, Ccm(KEY))

    assert caught.value.in_plaintext
    assert f"the decrypted content is rejected as {caught.value.reason}: {payload.hex()}" == str(caught.value)
    assert caught.value.__context__ is None
