"""
A whole advertising payload: its data structures, and the service data in them.

    length (1) | type (1) | data (length - 1) | length | type | data | …

Source: Bluetooth Core Specification, vol. 3, part C, 11; Supplement to it, part A; Assigned Numbers, 2.3
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ble_exporter.formats.registry import FORMATS
from ble_exporter.utils import one_line

_BASE = "{:08x}-0000-1000-8000-00805f9b34fb"
_FLAGS = 0x01
# Type of service data to the size of its UUID in bytes.
_SERVICE_DATA: Mapping[int, int] = {0x16: 2, 0x20: 4, 0x21: 16}
# Types of lists of 16-bit services.
_LISTS = (0x02, 0x03)
_NAMES: Mapping[int, str] = {
    _FLAGS: "flags",
    0x02: "16-bit services, not all",
    0x03: "16-bit services",
    0x06: "128-bit services, not all",
    0x07: "128-bit services",
    0x08: "shortened name",
    0x09: "name",
    0x0A: "transmit power",
    0x16: "16-bit service data",
    0x19: "appearance",
    0x20: "32-bit service data",
    0x21: "128-bit service data",
    0xFF: "manufacturer data",
}
_FLAG_NAMES = (
    "limited discoverable",
    "general discoverable",
    "no BR/EDR",
    "BR/EDR controller",
    "BR/EDR host",
)


_LE_META_EVENT = b"\x04\x3e"
# Subevent (a report, an extended report) to the offset of the address, the offset of the payload's length, and the
# bytes after the payload.
_REPORTS: Mapping[int, tuple[int, int, int]] = {0x02: (7, 13, 1), 0x0D: (8, 28, 0)}


class Structure(NamedTuple):
    """
    One data structure (AD structure).

    Attributes:
        offset: Of its length byte, in the advertising payload.
        kind: Its type; None for the zeros after the last structure, and for a length without a type.
        data: The bytes after the type.
        missing: How many bytes it is too short for its length.
    """

    offset: int
    kind: int | None
    data: bytes
    missing: int = 0

    @property
    def name(self) -> str:
        """The type's name."""
        if self.kind is None:
            return "cut short" if self.missing else "nothing more"
        return _NAMES.get(self.kind, f"type 0x{self.kind:02X}")

    @property
    def uuid_size(self) -> int:
        """Bytes of the UUID in front of the service data; 0 if there is no complete one."""
        size = _SERVICE_DATA.get(self.kind or 0, 0)
        return size if size <= len(self.data) else 0

    @property
    def uuid(self) -> str:
        """The UUID of the service data, as 128 bits; empty if there is none."""
        number = self.data[: self.uuid_size][::-1]
        if len(number) == 16:
            text = number.hex()
            return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
        return _BASE.format(int.from_bytes(number, "big")) if number else ""

    @property
    def swapped_uuid(self) -> str:
        """The known UUID that its two bytes are in the other order; empty if they are none."""
        swapped = _BASE.format(int.from_bytes(self.data[:2], "big")) if self.uuid_size == 2 else ""
        return swapped if swapped in FORMATS and self.uuid not in FORMATS else ""

    @property
    def service_data(self) -> bytes:
        """The bytes after the UUID."""
        return self.data[self.uuid_size :]

    def lists_known_service(self) -> bool:
        """Return whether it is a complete list of services, one of which has a known format."""
        if self.kind not in _LISTS or self.missing:
            return False
        pairs = (self.data[at : at + 2] for at in range(0, len(self.data), 2))
        return any(_BASE.format(int.from_bytes(pair, "little")) in FORMATS for pair in pairs)

    def text(self) -> str:
        """Return the data as readable text; empty if it has none."""
        read = _TEXTS.get(self.kind or 0)
        return read(self.data) if read and self.data else ""


def _flags(data: bytes) -> str:
    return ", ".join(name for bit, name in enumerate(_FLAG_NAMES) if data[0] >> bit & 1)


def _text(data: bytes) -> str:
    return one_line(data.decode(errors="replace"))


def _signed(data: bytes) -> str:
    return f"{int.from_bytes(data[:1], 'little', signed=True)} dBm"


_TEXTS: Mapping[int, Callable[[bytes], str]] = {_FLAGS: _flags, 0x08: _text, 0x09: _text, 0x0A: _signed}


def structures(payload: bytes) -> list[Structure]:
    """
    Split an advertising payload into its data structures.

    Args:
        payload: Any bytes.

    Returns:
        They cover the payload. Only the last can be cut short, or be the zeros that fill a packet.
    """
    found: list[Structure] = []
    index = 0
    while index < len(payload):
        length = payload[index]
        if length == 0:
            # A length of 0 ends the payload early: only zeros may follow.
            found.append(Structure(index, None, payload[index + 1 :]))
            break
        behind = index + 1 + length
        missing = max(behind - len(payload), 0)
        kind = payload[index + 1] if index + 1 < len(payload) else None
        found.append(Structure(index, kind, payload[index + 2 : behind], missing))
        index = behind
    return found


def has_known_service(payload: bytes) -> bool:
    """Return whether a structure is service data of a known format, maybe with a swapped UUID, or lists its service."""
    return any(one.uuid in FORMATS or one.swapped_uuid or one.lists_known_service() for one in structures(payload))


def begins_with_flags(payload: bytes) -> bool:
    """
    Return whether some bytes begin with flags and continue with other data structures, all of them complete.

    An advertising payload has flags at most once; twice, the same bytes are two batteries of BTHome version 1.
    """
    found = structures(payload)
    first = found[0] if found else None
    return (
        len(found) > 1
        and first is not None
        and first.kind == _FLAGS
        and len(first.data) == 1
        and first.data[0] < 1 << len(_FLAG_NAMES)
        and all(one.kind is not None and not one.missing for one in found)
        and [one.kind for one in found].count(_FLAGS) == 1
    )


class HciReport(NamedTuple):
    """
    An HCI event that reports one advertisement.

    Attributes:
        payload: The advertising payload.
        address: The sender's.
    """

    payload: bytes
    address: str


def hci_report(event: bytes) -> HciReport | None:
    """
    Return the advertisement that an HCI event reports; None for any other bytes.

        04 3E | length | subevent | 1 report | … address (6, reversed) … | length | advertising payload | …

    Source: Bluetooth Core Specification, vol. 4, part A, 2, and part E, 7.7.65.2 and 7.7.65.13.
    """
    if event[:2] != _LE_META_EVENT or len(event) < 5 or event[2] != len(event) - 3 or event[4] != 1:
        return None
    at, length_at, behind = _REPORTS.get(event[3], (0, len(event), 0))
    start = length_at + 1
    if start > len(event) or event[length_at] != len(event) - start - behind:
        return None
    return HciReport(event[start : len(event) - behind], event[at : at + 6][::-1].hex(":").upper())
