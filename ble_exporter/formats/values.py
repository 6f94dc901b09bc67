"""
Converts fields to values, in the same way for all formats.

Repeated names get positions, impossible values are left out, and the values of several payloads are merged.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import NOTHING, Cipher, Counter, Decoded
from ble_exporter.formats.encryption import Encrypted
from ble_exporter.formats.field import Field
from ble_exporter.formats.measurement import Measurement

Fields = Callable[[bytes, str | None], Iterator[Field | Encrypted]]
"""
Describes the payloads of one format: yields the fields of a payload, then its encrypted content if it has any.

The arguments are the payload (any bytes) and the sender's address (upper case, colons; None if unknown). Raises
DecodeError at the first wrong byte, after yielding the fields before it. No field depends on a key.
"""

_WITHOUT_VALUE = frozenset({"structure", "address", "counter"})


def numbered(name: Measurement, repeats: dict[Measurement, int]) -> Measurement:
    """Return a repeated name with its next position, such as "temperature_2"; `repeats` keeps the last positions."""
    repeats[name] = position = repeats.get(name, 1) + 1
    return Measurement(name, position)


class Values:
    """The values found so far in one payload."""

    def __init__(self) -> None:
        self._measurements: dict[Measurement, float] = {}
        self._others: dict[Measurement, int | str | bytes] = {}
        self._impossible: list[Field] = []
        self._packet_id: int | None = None
        self._unknown_object: int | None = None
        self._is_triggered = False
        self._repeats: dict[Measurement, int] = {}

    def take(self, field: Field) -> Field:
        """Add the value of a field, and return the field with its name at the next free position."""
        _, _, _, role, value, name, _, is_possible, _ = field
        if role == "measurement":
            if name in self._measurements:
                name = numbered(name, self._repeats)
                field = field._replace(name=name)
            self._measurements[name] = float(value)
            if not is_possible:
                self._impossible.append(field)
        elif role == "other":
            if name in self._others:
                name = numbered(name, self._repeats)
                field = field._replace(name=name)
            self._others[name] = int(value) if isinstance(value, float) else value
        elif role == "packet_id":
            self._packet_id = int(value)
        elif role == "trigger":
            self._is_triggered = True
        elif role == "unknown_object" and self._unknown_object is None:
            self._unknown_object = int(value)
        return field

    def decoded(self, counter: Counter | None = None) -> Decoded:
        """
        Return the possible values, and the counter of an encrypted payload.

        Impossible values are removed only here: if the first of two probes breaks, the second keeps its position.

        Raises:
            DecodeError: All values are impossible ("impossible_value").
        """
        impossible = tuple([field.name for field in self._impossible])
        for name in impossible:
            del self._measurements[name]
        if impossible and not self._measurements and not self._others:
            first = self._impossible[0]
            text = f"no sensor can have measured its only values ({', '.join(impossible)})"
            raise DecodeError("impossible_value", text, first.start, first.end - first.start)
        # The trigger bit of a payload without values means nothing.
        is_triggered = self._is_triggered and bool(self._measurements or self._others)
        return Decoded(
            self._measurements, self._others, self._packet_id, self._unknown_object, counter, impossible, is_triggered
        )


def fold(fields: Fields, payload: bytes, sender: str | None, cipher: Cipher | None = None) -> Decoded:
    """
    Decode a payload by folding its fields into values.

    Raises:
        DecodeError: The payload is rejected. The message ends with the payload in hex, unless the payload is too long.
    """
    values = Values()
    take = values.take
    plaintext = counter = None
    try:
        for field in fields(payload, sender):
            if field.role in _WITHOUT_VALUE:
                continue
            if field.role != "encrypted":
                take(field)
            else:
                counter, plaintext = field.counter, field.decrypt(sender or "", cipher)
                for inner in field.fields(plaintext):
                    take(inner)
        return values.decoded(counter)
    except DecodeError as error:
        reason, detail, offset, size = error.reason, error.detail, error.offset, error.size
    # Raised outside the handler: the first error, which may quote decrypted content, must not be this one's context.
    shown = b"" if reason == "too_long" else payload
    raise DecodeError(reason, detail, offset, size, in_plaintext=plaintext is not None, payload=shown)


def is_fully_known(fields: Fields, payload: bytes) -> bool:
    """Return whether a payload is valid and not encrypted, and has a value or a packet id, but no unknown object."""
    try:
        decoded = fold(fields, payload, None)
    except DecodeError:
        return False
    return decoded.unknown_object is None and decoded != NOTHING


class Merged(NamedTuple):
    """The merged values of several payloads; `Decoded` describes the attributes."""

    measurements: dict[Measurement, float]
    impossible: tuple[Measurement, ...]
    others: dict[Measurement, int | str | bytes]


def merged(decoded: Sequence[Decoded]) -> Merged:
    """
    Merge the values of all payloads of one advertisement.

    Positions continue: if the first payload has two temperatures, even impossible ones, the next is "temperature_3".
    """
    if len(decoded) == 1:
        return Merged(decoded[0].measurements, decoded[0].impossible, decoded[0].others)
    measurements: dict[Measurement, float] = {}
    others: dict[Measurement, int | str | bytes] = {}
    impossible: list[Measurement] = []
    last_position: dict[str, int] = {}
    for one in decoded:
        renamed = {
            name: Measurement(name.name, name.position + last_position.get(name.name, 0))
            for name in (*one.measurements, *one.impossible, *one.others)
        }
        measurements |= {renamed[name]: value for name, value in one.measurements.items()}
        others |= {renamed[name]: value for name, value in one.others.items()}
        impossible += [renamed[name] for name in one.impossible]
        for name in renamed.values():
            last_position[name.name] = max(name.position, last_position.get(name.name, 0))
    return Merged(measurements, tuple(impossible), others)
