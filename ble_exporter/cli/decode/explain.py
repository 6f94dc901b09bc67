"""A payload of any format as its fields, those of its plaintext, and what is wrong with it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ble_exporter.cli.decode import walk_atc as atc_fields
from ble_exporter.cli.decode import walk_bthome as bthome_fields
from ble_exporter.cli.decode import walk_mibeacon as mibeacon_fields
from ble_exporter.cli.decode.fields import Field, FieldError, Part, Sealed, Value
from ble_exporter.errors import DecodeError, RejectReason
from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.formats.decoded import Cipher
from ble_exporter.formats.encryption import MIC_LENGTH
from ble_exporter.formats.registry import DECODERS

_WALKS: Mapping[str, Callable[[Part], Sealed | None]] = {
    bthome.UUID: bthome_fields.walk_v2,
    bthome_v1.UUID: bthome_fields.walk_v1,
    bthome_v1.UUID_ENCRYPTED: bthome_fields.walk_v1_encrypted,
    atc.UUID: atc_fields.walk,
    mibeacon.UUID: mibeacon_fields.walk,
}


class Problem(NamedTuple):
    """
    Why a payload is rejected.

    Attributes:
        reason: As the decoder has it.
        text: In words.
        offset: Of the first byte that is wrong.
        size: How many are.
        in_plaintext: Whether the offset is one of the plaintext.
    """

    reason: RejectReason
    text: str
    offset: int
    size: int
    in_plaintext: bool


class Anatomy(NamedTuple):
    """
    A payload, explained.

    Attributes:
        uuid: Of its service.
        payload: As it came.
        address: The sender's, as given or as included; empty where neither is.
        fields: Cover the payload without gap or overlap.
        is_encrypted: Whether a part of it is.
        plaintext: What was encrypted; None where nothing was, or where it could not be read.
        plaintext_fields: Cover the plaintext.
        nonce: What was decrypted with, beside the key; empty before that.
        problem: Why it is rejected; None of one that is sound.
    """

    uuid: str
    payload: bytes
    address: str
    fields: tuple[Field, ...]
    is_encrypted: bool
    plaintext: bytes | None
    plaintext_fields: tuple[Field, ...]
    nonce: bytes
    problem: Problem | None

    def values(self) -> list[Value]:
        """Return all that was said, in order."""
        return [value for field in (*self.fields, *self.plaintext_fields) for value in field.values]

    def unknown_objects(self) -> list[Field]:
        """Return the objects that are in no table."""
        return [field for field in (*self.fields, *self.plaintext_fields) if field.unknown is not None]


class _Recorder:
    """A cipher that keeps what passes: so the decoder makes the nonce, and nobody else."""

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher
        self.nonce = b""
        self.plaintext: bytes | None = None

    def decrypt(self, nonce: bytes, sealed: bytes, associated_data: bytes | None) -> bytes:
        """See decoded.Cipher."""
        self.nonce = nonce
        self.plaintext = self._cipher.decrypt(nonce, sealed, associated_data)
        return self.plaintext


class _Explanation:
    """What is known so far of one payload."""

    def __init__(self, uuid: str, payload: bytes, address: str | None, cipher: Cipher | None) -> None:
        self.uuid = uuid
        self.cipher = cipher
        self.outer = Part(payload, address, has_key=cipher is not None)
        self.inner: Part | None = None
        self.sealed: Sealed | None = None
        self.nonce = b""

    def walk(self) -> None:
        """Find all fields. Raises FieldError."""
        self.sealed = _WALKS[self.uuid](self.outer)
        if self.sealed is None:
            self.outer.check_values()
            return
        self.inner = Part(self._plaintext(self.sealed))
        self.sealed.walk(self.inner)
        self.inner.check_values()

    def _plaintext(self, sealed: Sealed) -> bytes:
        if self.cipher is None:
            text = "there is no key"
            raise FieldError("encrypted", text, sealed.offset, max(sealed.size, 1))
        recorder = _Recorder(self.cipher)
        try:
            DECODERS[self.uuid](self.outer.data, self.outer.sender or "", recorder)
        except DecodeError as error:
            self.nonce = recorder.nonce
            if recorder.plaintext is None:
                raise self._not_opened(error, sealed) from None
        self.nonce = recorder.nonce
        return recorder.plaintext or b""

    def _not_opened(self, error: DecodeError, sealed: Sealed) -> FieldError:
        if error.reason == "wrong_address":
            text = "decrypting it needs the sender's address, which is a part of the nonce"
            return FieldError(error.reason, text, sealed.offset, max(sealed.size, 1))
        text = "the MIC is not the one that this key, the address and the bytes give"
        return FieldError(error.reason, text, len(self.outer.data) - MIC_LENGTH, MIC_LENGTH)


def explain(uuid: str, payload: bytes, address: str | None = None, cipher: Cipher | None = None) -> Anatomy:
    """
    Explain the service data of one advertisement.

    Args:
        uuid: One of DECODERS.
        payload: Any bytes.
        address: The sender's; None takes the one that the payload includes.
        cipher: Of its key.

    Returns:
        Its fields and values. Of what is rejected, those in front of where it is wrong.
    """
    found = _Explanation(uuid, payload, address, cipher)
    problem = None
    try:
        found.walk()
    except FieldError as error:
        problem = Problem(error.reason, str(error), error.offset, error.size, in_plaintext=found.inner is not None)
    for part in filter(None, (found.outer, found.inner)):
        part.take(part.left(), "not read")
    return Anatomy(
        uuid,
        payload,
        found.outer.sender or "",
        tuple(found.outer.fields),
        found.sealed is not None or (problem is not None and problem.reason == "encrypted"),
        found.inner.data if found.inner else None,
        tuple(found.inner.fields) if found.inner else (),
        found.nonce,
        problem,
    )
