"""
Splits advertising payloads into AD structures, and finds the service data in them.

    length (1) | type (1) | data (length - 1) | length | type | data | …

Source: Bluetooth Core Specification, vol. 3, part C, 11; Core Specification Supplement, part A; Assigned Numbers, 2.3
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from ble_exporter.formats.registry import FORMATS
from ble_exporter.utils import one_line

_FLAGS, _SHORTENED_NAME, _NAME, _TRANSMIT_POWER, _MANUFACTURER_DATA = 0x01, 0x08, 0x09, 0x0A, 0xFF
# AD type of service data to the size of its UUID in bytes.
_SERVICE_DATA: Mapping[int | None, int] = {0x16: 2, 0x20: 4, 0x21: 16}
_LISTS_OF_16_BIT_SERVICES = (0x02, 0x03)
_TYPES: Mapping[int, str] = {
    _FLAGS: "flags",
    0x02: "16-bit services, not all",
    0x03: "16-bit services",
    0x06: "128-bit services, not all",
    0x07: "128-bit services",
    _SHORTENED_NAME: "shortened name",
    _NAME: "name",
    _TRANSMIT_POWER: "transmit power",
    0x16: "16-bit service data",
    0x19: "appearance",
    0x20: "32-bit service data",
    0x21: "128-bit service data",
    _MANUFACTURER_DATA: "manufacturer data",
}
_NAMES = (_SHORTENED_NAME, _NAME)
_FLAG_NAMES = ("limited discoverable", "general discoverable", "no BR/EDR", "BR/EDR controller", "BR/EDR host")


class Content(NamedTuple):
    """
    The parts of an advertising payload that a radio delivers.

    Attributes:
        service_data: Service data by service UUID (128 bits, lower case).
        manufacturer_data: Manufacturer data by company id.
        name: The local name; empty if there is none.
    """

    service_data: dict[str, bytes]
    manufacturer_data: dict[int, bytes]
    name: str


class Structure(NamedTuple):
    """
    One AD structure.

    Attributes:
        offset: Offset of the length byte in the advertising payload.
        kind: AD type; None after a length of 0, which ends the payload, and for a length without a type.
        data: The bytes after the type.
        missing: Number of bytes missing at the end of the payload.
    """

    offset: int
    kind: int | None
    data: bytes
    missing: int = 0

    @property
    def name(self) -> str:
        """The name of the AD type; without a type, "cut short" or "nothing more"."""
        if self.kind is None:
            return "cut short" if self.missing else "nothing more"
        return _TYPES.get(self.kind, f"type 0x{self.kind:02X}")

    @property
    def uuid_size(self) -> int:
        """Size of the UUID before the service data, in bytes; 0 if there is none, or if it is incomplete."""
        size = _SERVICE_DATA.get(self.kind, 0)
        return size if size <= len(self.data) else 0

    @property
    def uuid(self) -> str:
        """The UUID of the service data in its 128-bit form; empty if there is none, or if it is incomplete."""
        number = self.data[: self.uuid_size]
        return _uuid(number) if number else ""

    @property
    def swapped_uuid(self) -> str:
        """The UUID of a known format if the payload has it with its two bytes swapped; otherwise empty."""
        if self.uuid_size != 2 or self.uuid in FORMATS:
            return ""
        swapped = _as_128_bits(self.data[1::-1])
        return swapped if swapped in FORMATS else ""

    @property
    def service_data(self) -> bytes:
        """The bytes after the UUID."""
        return self.data[self.uuid_size :]

    def lists_known_service(self) -> bool:
        """Return whether the structure is an intact list of 16-bit UUIDs that includes a known format's UUID."""
        uuids = (_as_128_bits(self.data[at : at + 2]) for at in range(0, len(self.data), 2))
        return self.kind in _LISTS_OF_16_BIT_SERVICES and not self.missing and any(uuid in FORMATS for uuid in uuids)

    def text(self) -> str:
        """Return flags, a name or the transmit power as text; an empty string for other types."""
        if not self.data:
            return ""
        if self.kind == _FLAGS:
            return ", ".join(name for bit, name in enumerate(_FLAG_NAMES) if self.data[0] >> bit & 1)
        if self.kind == _TRANSMIT_POWER:
            return f"{int.from_bytes(self.data[:1], 'little', signed=True)} dBm"
        return one_line(self.data.decode(errors="replace")) if self.kind in _NAMES else ""


# Anybody can send any UUID; the cache keeps only the latest 128.
@lru_cache
def _uuid(number: bytes) -> str:
    """Return the 128-bit form of a UUID of any size, given as little-endian bytes."""
    return str(UUID(bytes=number[::-1])) if len(number) == 16 else _as_128_bits(number)


def _as_128_bits(number: bytes) -> str:
    """Return the 128-bit form of a 16-bit or 32-bit UUID, given as little-endian bytes."""
    return f"{int.from_bytes(number, 'little'):08x}-0000-1000-8000-00805f9b34fb"


def structures(payload: bytes) -> list[Structure]:
    """
    Split an advertising payload (any bytes) into AD structures that cover it completely.

    Only the last structure can be cut short. From a length of 0 on, all bytes, usually zeros, form the last structure.
    """
    found: list[Structure] = []
    index = 0
    while index < len(payload):
        length = payload[index]
        if not length:
            # A length of 0 ends the payload early: only zeros may follow.
            found.append(Structure(index, None, payload[index + 1 :]))
            break
        end = index + 1 + length
        kind = payload[index + 1] if index + 1 < len(payload) else None
        found.append(Structure(index, kind, payload[index + 2 : end], max(end - len(payload), 0)))
        index = end
    return found


def content(payload: bytes) -> Content:
    """Return the service data, manufacturer data and name in an advertising payload; incomplete parts are left out."""
    service_data: dict[str, bytes] = {}
    manufacturer_data: dict[int, bytes] = {}
    name = ""
    index, size = 0, len(payload)
    # Every packet of a sensor comes through this loop, so it makes no Structure; a test compares it with `structures`.
    while index < size:
        start, end = index + 2, index + 1 + payload[index]
        if end > size or end < start:
            break
        kind = payload[index + 1]
        index = end
        uuid_end = start + _SERVICE_DATA.get(kind, 0)
        if start < uuid_end <= end:
            service_data[_uuid(payload[start:uuid_end])] = payload[uuid_end:end]
        elif kind == _MANUFACTURER_DATA and end - start > 1:
            manufacturer_data[int.from_bytes(payload[start : start + 2], "little")] = payload[start + 2 : end]
        elif kind in _NAMES:
            name = payload[start:end].decode(errors="replace")
    return Content(service_data, manufacturer_data, name)


def has_known_service(payload: bytes) -> bool:
    """Return whether a payload has service data of a known format (even with a swapped UUID), or lists its UUID."""
    return any(one.uuid in FORMATS or one.swapped_uuid or one.lists_known_service() for one in structures(payload))


def begins_with_flags(payload: bytes) -> bool:
    """
    Return whether a payload consists of flags followed by other AD structures, all of them complete.

    An advertising payload has at most one flags structure; bytes that look like two of them are BTHome v1 data with two
    battery values.
    """
    found = structures(payload)
    if len(found) < 2 or len(found[0].data) != 1 or found[0].data[0] >> len(_FLAG_NAMES):
        return False
    kinds = [None if one.missing else one.kind for one in found]
    return kinds[0] == _FLAGS and _FLAGS not in kinds[1:] and None not in kinds
