"""
The fields of a payload.

Each format describes its payloads once, as a generator of fields. Decoders fold the fields into values, and
`ble-exporter decode` shows them.
"""

from typing import Literal, NamedTuple

from ble_exporter.errors import DecodeError
from ble_exporter.formats.measurement import Measurement
from ble_exporter.utils import number_of

MAX_SIZE = 255
"""Bluetooth Core, vol. 3, part C, 11: the length of a structure of an advertisement is one byte."""

Role = Literal["structure", "measurement", "other", "packet_id", "counter", "address", "unknown_object"]
"""What a field is for; "other" is an event, a text, raw data, or device information."""

_NO_NAME = Measurement("")


class Field(NamedTuple):
    """
    Some bytes that belong together, and the value in them.

    Fields come in order and cover the payload. Where the same bytes have several values, each is a field of its own.

    Attributes:
        start: Offset of the first byte, in the payload or in its plaintext.
        end: Offset after the last byte.
        label: What the bytes are.
        role: What the value is for; "structure" if there is none.
        value: In the unit. An unknown object has its id, an address its bytes as printed.
        name: Of a measurement or "other". Among several of one name, `Values.take` tells them apart by position.
        unit: Of the value; empty if it has none.
        is_possible: False if no sensor can have measured the value.
        note: A remark for people.
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
    Check that a payload is neither empty nor too long.

    Raises:
        DecodeError: It is ("truncated", "too_long").
    """
    if not payload:
        raise DecodeError("truncated", "the service data is empty", 0, 1)
    if len(payload) > MAX_SIZE:
        text = f"{len(payload)} bytes are more than the {MAX_SIZE} that an advertisement has room for"
        raise DecodeError("too_long", text, 0, len(payload))


def check_room(payload: bytes, start: int, head: int, size: int, label: str) -> int:
    """
    Check that an object or a head is complete, and return the offset after it.

    Args:
        payload: All of it, or the plaintext.
        start: Offset of the object.
        head: Bytes in front of its value.
        size: Bytes of its value.
        label: Names it in the error.

    Raises:
        DecodeError: The payload ends before it does ("truncated").
    """
    end = start + head + size
    if end > len(payload):
        left = max(len(payload) - start - head, 0)
        there = f"{left} {'is' if left == 1 else 'are'} left" if left else "none is left"
        text = f"{label} at byte {start} needs {number_of(size, 'byte')}, {there}"
        raise DecodeError("truncated", text, start, max(len(payload) - start, 1))
    return end
