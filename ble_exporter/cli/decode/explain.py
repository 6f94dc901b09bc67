"""Explain a payload of any format: its fields, the fields of its plaintext, and the reason for a rejection."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import Cipher, Guess
from ble_exporter.formats.encryption import mac_text
from ble_exporter.formats.field import Field
from ble_exporter.formats.registry import FORMATS, Format
from ble_exporter.formats.values import Values


@dataclass
class Explanation:
    """
    The explanation of one payload.

    Attributes:
        format, payload: The payload, and the format in which it is explained.
        address: The sender's address, from the user or from the payload; empty if it is unknown.
        has_key: Whether the user gave a key.
        how: How the format was found, as a text.
        also: Other formats that the payload may have.
        start: Offset of the payload in the advertising payload, or after a preceding length, type or UUID; otherwise 0.
        fields, plaintext_fields: The fields of the payload and of the plaintext; the last one may be the unread rest.
        is_encrypted: Whether the payload has encrypted content.
        nonce: The nonce of the decryption; empty without a key or an address.
        plaintext: The decrypted bytes; None if nothing was decrypted.
        error: Why the payload is rejected; None if it is accepted.
    """

    format: Format
    payload: bytes
    address: str
    has_key: bool
    how: str = ""
    also: Sequence[Guess] = ()
    start: int = 0
    fields: list[Field] = field(default_factory=list)
    is_encrypted: bool = False
    nonce: bytes = b""
    plaintext: bytes | None = None
    plaintext_fields: list[Field] = field(default_factory=list)
    error: DecodeError | None = None

    @property
    def all_fields(self) -> list[Field]:
        """The fields of the payload, then those of the plaintext."""
        return [*self.fields, *self.plaintext_fields]

    @property
    def is_valid(self) -> bool:
        """Whether the payload is accepted, and has only known objects and possible values."""
        return self.error is None and all(one.is_possible and one.role != "unknown_object" for one in self.all_fields)


def explain(uuid: str, payload: bytes, address: str | None = None, cipher: Cipher | None = None) -> Explanation:
    """
    Explain the service data of one advertisement, which may be arbitrary bytes.

    `uuid` is a key of FORMATS. Without `address`, the sender's address is the one in the payload, if any.
    """
    explanation = Explanation(FORMATS[uuid], payload, address or "", has_key=cipher is not None)
    values = Values()
    try:
        for one in FORMATS[uuid].fields(payload, address):
            if one.role != "encrypted":
                explanation.fields.append(values.take(one))
                if one.role == "address" and address is None:
                    explanation.address = mac_text(one)
                continue
            explanation.is_encrypted = True
            if cipher is not None:
                with suppress(DecodeError):
                    explanation.nonce = one.nonce(explanation.address)
            explanation.plaintext = one.decrypt(explanation.address, cipher)
            for inner in one.fields(explanation.plaintext):
                explanation.plaintext_fields.append(values.take(inner))
        values.decoded()
    except DecodeError as error:
        error.in_plaintext = explanation.plaintext is not None
        explanation.error = error
    _add_rest(explanation.fields, payload)
    _add_rest(explanation.plaintext_fields, explanation.plaintext or b"")
    return explanation


def _add_rest(fields: list[Field], data: bytes) -> None:
    start = fields[-1].end if fields else 0
    if start < len(data):
        fields.append(Field(start, len(data), "not read"))
