"""Code shared by the encrypted formats: the sender's address in nonces, and the fields of encrypted payloads."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from ble_exporter.errors import DecodeError, RejectReason
from ble_exporter.formats.decoded import Cipher, Counter
from ble_exporter.formats.field import Field
from ble_exporter.utils import number_of

MIC_SIZE = 4
ADDRESS_SIZE = 6

AS_PRINTED, REVERSED = 1, -1
"""Byte order of an address in a payload or a nonce, as the step of a slice."""


@lru_cache(maxsize=1024)
def mac_bytes(address: str) -> bytes:
    """
    Return the six bytes of a Bluetooth address, in printed order.

    Raises:
        DecodeError: The text is not a Bluetooth address ("wrong_address"). On macOS, for example, it is a UUID.
    """
    try:
        six = bytes.fromhex(address.replace(":", ""))
    except ValueError:
        six = b""
    if len(six) != ADDRESS_SIZE:
        raise DecodeError("wrong_address", f"the sender's address {address!r} is not a Bluetooth address")
    return six


def mac_text(field: Field) -> str:
    """Return the address in a field in its printed form: upper case, with colons."""
    return field.value.hex(":").upper() if isinstance(field.value, bytes) else ""


@lru_cache(maxsize=1024)
def address_field(address: bytes, start: int, order: int) -> Field:
    """Return the field for an address in a payload; `address` has its bytes in the payload's order."""
    field = Field(start, start + ADDRESS_SIZE, "address", "address", address[::order])
    how = "as printed" if order == AS_PRINTED else "in reverse order"
    return field._replace(note=f"{mac_text(field)}, {how}")


def check_sender(included: Field, sender: str | None) -> None:
    """
    Check that the address in a payload is the sender's; if the sender is unknown (None), any address is accepted.

    Raises:
        DecodeError: The addresses differ ("wrong_address"), so the values are those of another device.
    """
    if sender is not None and included.value != mac_bytes(sender):
        text = f"the payload includes the address {mac_text(included)}, but {sender} sent it"
        raise DecodeError("wrong_address", text, included.start, ADDRESS_SIZE)


class Encrypted(NamedTuple):
    """
    The encrypted content of a payload, and all parameters of its decryption except the address and the key.

    Attributes:
        start, mic_start: Offsets of the ciphertext and of the MIC in the payload.
        data: The ciphertext, followed by the MIC.
        address_order: Byte order of the sender's address, with which the nonce begins.
        nonce_end: The rest of the nonce.
        associated_data: Bytes that are authenticated in addition to the ciphertext; None if there are none.
        counter: The payload's counter, which distinguishes a new packet from a replay.
        fields: Yields the fields of the plaintext.
        role: Always "encrypted"; no `Field` has this role.
    """

    start: int
    mic_start: int
    data: bytes
    address_order: int
    nonce_end: bytes
    associated_data: bytes | None
    counter: Counter
    fields: Callable[[bytes], Iterator[Field]]
    role: Literal["encrypted"] = "encrypted"

    def nonce(self, sender: str) -> bytes:
        """
        Return the nonce for a sender's address.

        Raises:
            DecodeError: The sender's address is missing or invalid ("wrong_address").
        """
        try:
            return mac_bytes(sender)[:: self.address_order] + self.nonce_end
        except DecodeError as error:
            text = error.detail if sender else "decryption needs the sender's address, which is part of the nonce"
        raise self._error("wrong_address", text)

    def decrypt(self, sender: str, cipher: Cipher | None) -> bytes:
        """
        Return the plaintext.

        Raises:
            DecodeError: There is no cipher ("encrypted"), the address is missing or invalid ("wrong_address"), or the
                MIC is wrong ("wrong_key").
        """
        if cipher is None:
            raise self._error("encrypted", "the payload is encrypted, and there is no key")
        nonce = self.nonce(sender)
        try:
            return cipher.decrypt(nonce, self.data, self.associated_data)
        except DecodeError as error:
            raise DecodeError(error.reason, error.detail, self.mic_start, MIC_SIZE) from None

    def _error(self, reason: RejectReason, text: str) -> DecodeError:
        return DecodeError(reason, text, self.start, max(len(self.data) - MIC_SIZE, 1))


def encrypted_fields(
    payload: bytes,
    start: int,
    counter_size: int,
    nonce: tuple[int, bytes],
    fields: Callable[[bytes], Iterator[Field]],
    *,
    associated_data: bytes | None = b"\x11",
    low_counter: bytes = b"",
    least: int = 0,
) -> Iterator[Field | Encrypted]:
    """
    Yield the fields of the ciphertext, the counter and the MIC at the end of a payload, then the `Encrypted` content.

    Args:
        payload: The whole payload.
        start: Offset of the ciphertext.
        counter_size: Size in bytes of the counter between ciphertext and MIC.
        nonce: The byte order of the address in the nonce, and the bytes between the address and the counter.
        fields: Yields the fields of the plaintext.
        associated_data: The default is that of all formats except BTHome v2, which has none.
        low_counter: The low bytes of the counter if the payload has them before the ciphertext.
        least: Size in bytes of the shortest plaintext.

    Raises:
        DecodeError: The payload is too short ("truncated").
    """
    mic_start = len(payload) - MIC_SIZE
    end = mic_start - counter_size
    if end < start + least:
        left = number_of(len(payload) - start, "byte")
        parts = f"encrypted content, counter ({counter_size}) and MIC ({MIC_SIZE})"
        text = f"the remainder ({left}) is too short for {parts}"
        raise DecodeError("truncated", text, start, max(len(payload) - start, 1))
    counter = payload[end:mic_start]
    count = low_counter + counter
    counted = Counter(int.from_bytes(count, "little"), 8 * len(count))
    if end > start:
        yield Field(start, end, "encrypted", note=number_of(end - start, "byte"))
    if counter:
        yield Field(end, mic_start, "counter", "counter", counted.value)
    yield Field(mic_start, len(payload), "MIC", note="message integrity check, made with the key")
    order, before_counter = nonce
    data = payload[start:end] + payload[mic_start:]
    yield Encrypted(start, mic_start, data, order, before_counter + counter, associated_data, counted, fields)
