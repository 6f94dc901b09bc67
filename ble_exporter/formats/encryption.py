"""What the formats share about the sender: its address, which nonces are made of, and what it encrypted."""

from collections.abc import Callable
from functools import lru_cache

from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import Counter, Decoded

MIC_LENGTH = 4

# What MiBeacon, BTHome v1 and pvvx authenticate beside the ciphertext; BTHome v2 nothing.
ASSOCIATED_DATA = b"\x11"


@lru_cache(maxsize=1024)
def octets(address: str) -> bytes:
    """
    Return the six bytes of an address, in the order in which it is printed.

    Raises:
        DecodeError: It is none ("wrong_address"): on some systems a device has no address, but a UUID.
    """
    try:
        six = bytes.fromhex(address.replace(":", ""))
    except ValueError:
        six = b""
    if len(six) != 6:
        raise DecodeError("wrong_address", f"the sender's address {address!r} is no Bluetooth address")
    return six


def check_sender(included: bytes, address: str, payload: bytes) -> None:
    """
    Check the address that a payload includes.

    Args:
        included: In the order in which it is printed.
        address: The sender's.
        payload: For the error's text.

    Raises:
        DecodeError: It is another one ("wrong_address"): then somebody else's values would be exported.
    """
    if included != octets(address):
        text = included.hex(":").upper()
        raise DecodeError("wrong_address", f"the payload is of {text}, but {address} sent it: {payload.hex()}")


def opened(decode: Callable[[bytes], Decoded], plaintext: bytes, counter: Counter, payload: bytes) -> Decoded:
    """
    Decode what was encrypted.

    Args:
        decode: The format's decoder of plain payloads.
        plaintext: Whose authenticity was checked.
        counter: The payload's.
        payload: As it came. Errors show it: the plaintext is a secret, and a log is none.

    Raises:
        DecodeError: What `decode` raises, in other words.
    """
    try:
        plain = decode(plaintext)
    except DecodeError as error:
        reason = error.reason
    else:
        measurements, others, packet_id, unknown_object, _, impossible = plain
        return Decoded(measurements, others, packet_id, unknown_object, counter, impossible)
    raise DecodeError(reason, f"what was encrypted is rejected as {reason}: {payload.hex()}")
