"""
The field: a part of a payload, with its value.

Each format describes its payloads once, as a generator of fields. Decoders fold the fields into values, and
`ble-exporter decode` shows the fields.
"""

from typing import Literal, NamedTuple

from ble_exporter.errors import DecodeError
from ble_exporter.formats.measurement import Measurement
from ble_exporter.utils import number_of

MAX_SIZE = 255
"""
Upper bound for the size of service data, in bytes: the length of an AD structure is one byte (Bluetooth Core, vol. 3,
part C, 11).
"""

Role = Literal["structure", "measurement", "other", "packet_id", "trigger", "counter", "address", "unknown_object"]
"""The use of a field's value; "other" is an event, a text, raw data or device information."""

_NO_NAME = Measurement("")


class Field(NamedTuple):
    """
    A part of a payload, and the value in it.

    Fields are in payload order and cover the payload. Bytes with several values have one field for each value.

    Attributes:
        start: Offset of the first byte, in the payload or in its plaintext.
        end: Offset after the last byte.
        label: Name of this part of the format.
        role: The use of the value; "structure" if there is no value. A "trigger" says that the sensor sends only when
            something happens.
        value: The value in `unit`, the id of an unknown object, or the bytes of an address in printed order.
        name: Name of the value if `role` is "measurement" or "other". `Values.take` adds positions to repeated names.
        unit: Unit of the value; empty if it has none.
        is_possible: False if no sensor can have measured the value.
        note: An explanation for the user of `ble-exporter decode`.
    """

    start: int
    end: int
    label: str
    role: Role = "structure"
    value: float | int | str | bytes = 0
    name: Measurement = _NO_NAME
    unit: str = ""
    is_possible: bool = True
    note: str = ""


def check_size(payload: bytes) -> None:
    """
    Check that a payload has 1 to 255 bytes.

    Raises:
        DecodeError: The payload is empty ("truncated") or longer than 255 bytes ("too_long").
    """
    if not payload:
        raise DecodeError("truncated", "the service data is empty", 0, 1)
    if len(payload) > MAX_SIZE:
        text = f"{len(payload)} bytes are more than the {MAX_SIZE} that service data may have"
        raise DecodeError("too_long", text, 0, len(payload))


def check_room(payload: bytes, start: int, head: int, size: int, label: str) -> int:
    """
    Check that a payload or plaintext contains a whole object, and return the offset after the object.

    Args:
        payload: The whole payload or plaintext.
        start: Offset of the object.
        head: Number of bytes before the object's value.
        size: Size of the value in bytes.
        label: The object's name in the error.

    Raises:
        DecodeError: The object is cut short ("truncated").
    """
    end = start + head + size
    if end > len(payload):
        left = max(len(payload) - start - head, 0)
        there = f"but only {left} {'is' if left == 1 else 'are'} left" if left else "but none is left"
        text = f"{label} at byte {start} needs {number_of(size, 'byte')}, {there}"
        raise DecodeError("truncated", text, start, max(len(payload) - start, 1))
    return end
