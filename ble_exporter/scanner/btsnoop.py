r"""
Reads and writes btsnoop files, in which BlueZ's btmon, Android and Wireshark keep HCI packets.

All numbers are big-endian:

    "btsnoop\0" (8) | version (4) | datalink (4) | record | record | …

    original length (4) | included length (4) | flags (4) | dropped records (4) | time (8) | packet

The datalink says where the type of a packet is: in the flags, or in the packet's first byte. The time is in
microseconds since the beginning of the year 0.

Source: doc/btsnoop.txt, src/shared/btsnoop.h and src/shared/btsnoop.c of BlueZ.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import BinaryIO, NamedTuple

MAGIC = b"btsnoop\0"

NEW_INDEX, EVENT, OTHER = 0, 3, 0xFFFF
"""
Opcodes of the kernel's monitor channel: a controller has appeared, or has sent an event.

In a file without opcodes, OTHER stands for every packet that is not an event.
"""

_VERSION = 1
_UNENCAPSULATED, _UART, _MONITOR = 1001, 1002, 2001
_HEADER = struct.Struct(">8sII")
_RECORD = struct.Struct(">IIIIQ")

# Microseconds from the beginning of the year 0 to that of 1970.
_EPOCH_US = 0x00DCDDB30F2F8000
_MOST_US = 2**64 - 1

# No valid HCI packet is longer; the rest of a longer one in a file is skipped.
_MOST_OF_A_PACKET = 0xFFFF + 5

# Flags of datalink 1001: the controller has sent the packet, and the packet is not data.
_FLAGS_OF_EVENT = 3
_EVENT_PACKET = b"\x04"

# Type, bus, address, name. The address is zero, because a real one identifies a machine; bus 255 means unknown.
_NEW_INDEX = struct.Struct("<BB6s8s")
_PRIMARY, _UNKNOWN_BUS = 0, 0xFF


class BtsnoopError(ValueError):
    """The bytes are not a valid btsnoop file; the text describes the fault."""


class Record(NamedTuple):
    """
    One record of a file.

    Attributes:
        at_us: Unix time in microseconds; negative before 1970.
        controller: The number of the controller: N of hciN.
        opcode: The kind of the packet, as on the kernel's monitor channel, or OTHER.
        packet: The packet, without its type. An event begins with the event code.
    """

    at_us: int
    controller: int
    opcode: int
    packet: bytes


def _of_monitor(flags: int, packet: bytes) -> tuple[int, int, bytes]:
    return flags >> 16, flags & 0xFFFF, packet


def _of_uart(_flags: int, packet: bytes) -> tuple[int, int, bytes]:
    return 0, EVENT if packet[:1] == _EVENT_PACKET else OTHER, packet[1:]


def _unencapsulated(flags: int, packet: bytes) -> tuple[int, int, bytes]:
    return 0, EVENT if flags & _FLAGS_OF_EVENT == _FLAGS_OF_EVENT else OTHER, packet


_READERS: Mapping[int, Callable[[int, bytes], tuple[int, int, bytes]]] = {
    _UNENCAPSULATED: _unencapsulated,
    _UART: _of_uart,
    _MONITOR: _of_monitor,
}


def records(data: bytes) -> Iterator[Record]:
    """Yield the records of a file. Raises BtsnoopError."""
    return records_in(BytesIO(data), len(data))


def records_in(file: BinaryIO, size: int) -> Iterator[Record]:
    """Yield the records of an open file of `size` bytes, with one record at a time in memory. Raises BtsnoopError."""
    if size < _HEADER.size:
        raise BtsnoopError(f"the header is cut short: the file has {size} bytes, and the header {_HEADER.size}")
    magic, version, datalink = _HEADER.unpack(file.read(_HEADER.size))
    if magic != MAGIC:
        raise BtsnoopError("byte 0: this is not a btsnoop file")
    if version != _VERSION:
        raise BtsnoopError(f"byte 8: the version is {version}, and only version {_VERSION} is known")
    read = _READERS.get(datalink)
    if read is None:
        raise BtsnoopError(f"byte 12: the datalink is {datalink}; {', '.join(map(str, _READERS))} are known")
    start = _HEADER.size
    while start < size:
        head = file.read(_RECORD.size)
        if len(head) < _RECORD.size:
            raise BtsnoopError(f"byte {start}: the last record is cut short; the bytes before it form a valid file")
        original, included, flags, _drops, time_us = _RECORD.unpack(head)
        if included > original:
            raise BtsnoopError(
                f"byte {start}: the included length, {included}, is greater than the original length, {original}"
            )
        left = size - start - _RECORD.size
        if included > left:
            raise BtsnoopError(
                f"byte {start}: the last record is cut short (packet bytes: {left} of {included}); "
                "the bytes before it form a valid file"
            )
        packet = file.read(min(included, _MOST_OF_A_PACKET))
        yield Record(time_us - _EPOCH_US, *read(flags, packet))
        start += _RECORD.size + included
        if included > _MOST_OF_A_PACKET:
            file.seek(start)


def header() -> bytes:
    """Return the beginning of a file whose records are those of the monitor channel."""
    return _HEADER.pack(MAGIC, _VERSION, _MONITOR)


def record_bytes(record: Record) -> bytes:
    """Return a record of a file that begins with `header`. Times that the format can't express are clamped."""
    size = len(record.packet)
    flags = record.controller << 16 | record.opcode
    time_us = min(max(record.at_us + _EPOCH_US, 0), _MOST_US)
    return _RECORD.pack(size, size, flags, 0, time_us) + record.packet


def new_index(at_us: int, controller: int) -> Record:
    """Return the record that precedes a controller's packets, so that programs can show the controller's name."""
    name = f"hci{controller}".encode()[:8]
    return Record(at_us, controller, NEW_INDEX, _NEW_INDEX.pack(_PRIMARY, _UNKNOWN_BUS, bytes(6), name))
