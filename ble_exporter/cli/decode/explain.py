"""A payload of any format as its fields, those of its plaintext, and why it is rejected."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import Cipher
from ble_exporter.formats.encryption import Encrypted, mac_text
from ble_exporter.formats.field import Field
from ble_exporter.formats.guess import Guess
from ble_exporter.formats.registry import FORMATS, Format
from ble_exporter.formats.values import Values


@dataclass
class Explanation:
    """
    A payload, explained.

    Attributes:
        format: Of the payload.
        payload: As it was sent.
        address: The sender's, as given or as included in the payload; empty if neither.
        has_key: Whether there was a key for it.
        fields: Cover the payload.
        encrypted: The encrypted content; None if there is none.
        nonce: What the content is decrypted with, beside the key; empty if there is no key.
        plaintext: The decrypted content; None if nothing was decrypted.
        plaintext_fields: Cover the plaintext.
        error: Why the payload is rejected; None for a valid one.
        how: How the format was found, in words.
        also: What the payload could be as well.
        start: Offset of the payload in the advertising payload; 0 if there is none.
    """

    format: Format
    payload: bytes
    address: str
    has_key: bool
    fields: list[Field] = field(default_factory=list)
    encrypted: Encrypted | None = None
    nonce: bytes = b""
    plaintext: bytes | None = None
    plaintext_fields: list[Field] = field(default_factory=list)
    error: DecodeError | None = None
    how: str = ""
    also: Sequence[Guess] = ()
    start: int = 0

    @property
    def all_fields(self) -> list[Field]:
        """The fields of the payload, then those of the plaintext."""
        return [*self.fields, *self.plaintext_fields]

    @property
    def unknown_objects(self) -> list[Field]:
        """The objects that are in no table."""
        return [one for one in self.all_fields if one.role == "unknown_object"]

    @property
    def is_valid(self) -> bool:
        """Whether all of it is known and possible."""
        return self.error is None and all(one.is_possible for one in self.all_fields) and not self.unknown_objects


def explain(uuid: str, payload: bytes, address: str | None = None, cipher: Cipher | None = None) -> Explanation:
    """
    Explain the service data of one advertisement.

    Args:
        uuid: A key of FORMATS.
        payload: Any bytes.
        address: The sender's; None takes the one that the payload includes.
        cipher: Of the sender's key.

    Returns:
        The fields and values. Of a rejected payload, those in front of the error.
    """
    explanation = Explanation(FORMATS[uuid], payload, address or "", has_key=cipher is not None)
    values = Values()
    is_in_plaintext = False
    try:
        for one in FORMATS[uuid].fields(payload, address):
            if one.role != "encrypted":
                explanation.fields.append(values.take(one))
                if one.role == "address" and address is None:
                    explanation.address = mac_text(one)
                continue
            _decrypt(explanation, one, cipher)
            is_in_plaintext = True
            for inner in one.fields(explanation.plaintext or b""):
                explanation.plaintext_fields.append(values.take(inner))
        values.decoded()
    except DecodeError as error:
        explanation.error = DecodeError(
            error.reason, error.detail, error.offset, error.size, in_plaintext=is_in_plaintext
        )
    _add_rest(explanation.fields, payload)
    _add_rest(explanation.plaintext_fields, explanation.plaintext or b"")
    return explanation


def _decrypt(explanation: Explanation, content: Encrypted, cipher: Cipher | None) -> None:
    explanation.encrypted = content
    if cipher is not None:
        with suppress(DecodeError):
            explanation.nonce = content.nonce(explanation.address)
    explanation.plaintext = content.decrypt(explanation.address, cipher)


def _add_rest(fields: list[Field], data: bytes) -> None:
    start = fields[-1].end if fields else 0
    if start < len(data):
        fields.append(Field(start, len(data), "not read"))
