"""The fields of a payload, found one behind the other, and where one is wrong."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from ble_exporter.errors import DecodeError, RejectReason
from ble_exporter.formats.encryption import MIC_LENGTH, check_sender
from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.numbers import Number
from ble_exporter.formats.values import Values
from ble_exporter.utils import number_of

Role = Literal["measurement", "other", "packet_id", "counter"]


class Value(NamedTuple):
    """
    What a field says.

    Attributes:
        role: Where it is found in a Decoded.
        name: Its name there; repeated names as there.
        base: The name without its position.
        value: In the unit.
        unit: Empty where there is none.
        is_possible: False where no sensor can have measured it.
    """

    role: Role
    name: str
    base: str
    value: float | int | str | bytes
    unit: str = ""
    is_possible: bool = True


class Field(NamedTuple):
    """
    Some bytes that belong together.

    Attributes:
        offset: Of the first byte, in the payload or in its plaintext.
        data: The bytes.
        what: What they are.
        values: What they say.
        note: What else there is to say.
        unknown: The object id, where it is in no table.
    """

    offset: int
    data: bytes
    what: str
    values: tuple[Value, ...] = ()
    note: str = ""
    unknown: int | None = None


class FieldError(DecodeError):
    """
    What a decoder rejects, and where.

    Attributes:
        offset: Of the byte that is wrong.
        size: Bytes from there on that are.
    """

    def __init__(self, reason: RejectReason, detail: str, offset: int, size: int = 1) -> None:
        super().__init__(reason, detail)
        self.offset = offset
        self.size = size


class Sealed(NamedTuple):
    """
    An encrypted payload, whose fields were found.

    Attributes:
        walk: Finds those of the plaintext.
        offset, size: Of what is encrypted.
    """

    walk: Callable[["Part"], None]
    offset: int
    size: int


class Part:
    """
    A payload or a plaintext, and its fields so far.

    Args:
        data: All of it.
        sender: The sender's address, or None to take the one that the payload includes.
        has_key: Whether there is a key.

    Attributes:
        data, sender, has_key: As above; `sender` is the included one from where that was found.
        fields: In order, without gap or overlap.
        index: Of the first byte behind them.
    """

    def __init__(self, data: bytes, sender: str | None = "", *, has_key: bool = False) -> None:
        self.data = data
        self.sender = sender
        self.has_key = has_key
        self.fields: list[Field] = []
        self.index = 0
        self._values = Values()

    def left(self) -> int:
        """Return how many bytes have no field yet."""
        return len(self.data) - self.index

    def take(self, size: int, what: str, note: str = "", values: tuple[Value, ...] = ()) -> bytes:
        """Make a field of the next bytes, and return them. None of no bytes."""
        data = self.data[self.index : self.index + size]
        if data:
            self.fields.append(Field(self.index, data, what, values, note))
        self.index += len(data)
        return data

    def need(self, size: int, what: str, head: int = 0) -> None:
        """
        Check that there are so many bytes more.

        Args:
            size: Bytes, without the head.
            what: Needs them.
            head: Bytes of its head, which comes first.

        Raises:
            FieldError: There are fewer ("truncated").
        """
        left = max(self.left() - head, 0)
        if self.left() < head + size:
            needed = number_of(size, "byte")
            there = f"{left} {'is' if left == 1 else 'are'} left" if left else "none is left"
            raise self.error("truncated", f"{what} at byte {self.index} needs {needed}, {there}")

    def error(self, reason: RejectReason, detail: str) -> FieldError:
        """Return the error of all that has no field yet."""
        return FieldError(reason, detail, self.index, max(self.left(), 1))

    def numbers(self, numbers: tuple[Number, ...], what: str, *, head: int = 0, note: str = "") -> None:
        """Make a field of numbers that stand behind a head; they are all there."""
        index = self.index + head
        found = []
        for number in numbers:
            self._values.read(number, self.data, index)
            found.append(self._measurement(number.name, number.unit))
            index += number.size
        self.take(index - self.index, what, note, tuple(found))

    def measured(self, name: Measurement, value: float, unit: str, *, is_possible: bool) -> Value:
        """Take a measurement."""
        self._values.add(name, value, is_possible=is_possible)
        return self._measurement(name, unit)

    def other(self, name: Measurement, value: int | str | bytes) -> Value:
        """Take what is no measurement."""
        self._values.add_other(name, value)
        return Value("other", next(reversed(self._values.others)), name, value)

    def unknown(self, size: int, object_id: int, what: str, note: str) -> None:
        """Make a field of an object that is in no table."""
        self.take(size, what, note)
        self.fields[-1] = self.fields[-1]._replace(unknown=object_id)

    def address(self, step: int) -> bytes:
        """Make a field of the sender's address, and return it as printed; `step` is -1 where it is reversed."""
        address = self.data[self.index : self.index + 6][::step]
        order = "its last byte first" if step < 0 else "as printed"
        self.take(6, "address", f"{address.hex(':').upper()}, {order}")
        return address

    def check_sender(self, included: bytes) -> None:
        """
        Check the address that the payload includes, which has its field.

        Raises:
            FieldError: It is not the sender's ("wrong_address").
        """
        if self.sender is None:
            self.sender = included.hex(":").upper()
        try:
            check_sender(included, self.sender, self.data)
        except DecodeError as error:
            offset = next((field.offset for field in self.fields if field.what == "address"), 0)
            text = f"the payload is of {included.hex(':').upper()}, and {self.sender} is said to have sent it"
            raise FieldError(error.reason, text, offset, 6) from None

    def seal(self, walk: Callable[["Part"], None], counter: int, least: int = 0, higher: bytes = b"") -> Sealed:
        """
        Make fields of what is encrypted, of its counter, and of its MIC.

        Args:
            walk: Finds the fields of the plaintext.
            counter: Bytes of the counter, between what is encrypted and the MIC.
            least: Bytes that the plaintext has at least.
            higher: Bytes of the counter that stand elsewhere, and are its lowest.

        Raises:
            FieldError: They do not fit ("truncated"; "encrypted" where there is no key).
        """
        size = self.left() - counter - MIC_LENGTH
        if size < least:
            behind = f"counter ({counter}) and MIC ({MIC_LENGTH})" if counter else f"MIC ({MIC_LENGTH})"
            text = f"it is encrypted, and too short for what is encrypted, {behind}: {self.left()} bytes are left"
            raise self.error("truncated" if self.has_key else "encrypted", text)
        offset = self.index
        self.take(size, "encrypted", number_of(size, "byte"))
        if counter:
            count = higher + self.data[self.index : self.index + counter]
            value = Value("counter", "counter", "counter", int.from_bytes(count, "little"))
            self.take(counter, "counter", values=(value,))
        self.take(MIC_LENGTH, "MIC", "its check value, made with the key")
        return Sealed(walk, offset, size)

    def check_values(self) -> None:
        """
        Check that something is left without the impossible values.

        Raises:
            FieldError: Nothing is ("impossible_value").
        """
        try:
            self._values.decoded(self.data, None)
        except DecodeError as error:
            wrong = next(field for field in self.fields if not all(value.is_possible for value in field.values))
            text = "no sensor can have measured this, and there is nothing else"
            raise FieldError(error.reason, text, wrong.offset, len(wrong.data)) from None

    def _measurement(self, base: str, unit: str) -> Value:
        name, value = next(reversed(self._values.measurements.items()))
        return Value("measurement", name, base, value, unit, name not in self._values.impossible)
