"""Constants of the Host Controller Interface, named as in the Bluetooth Core Specification."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum, IntFlag


class PacketType(IntEnum):
    """The first byte of every packet between host and controller."""

    COMMAND = 0x01
    EVENT = 0x04
    VHCI_CONTROL = 0xFF
    """A packet type of Linux's /dev/vhci, not of HCI: it creates the controller."""


class Opcode(IntEnum):
    """Command opcodes, with the group in the upper six bits."""

    DISCONNECT = 0x0406
    READ_REMOTE_VERSION_INFORMATION = 0x041D
    RESET = 0x0C03
    READ_LOCAL_VERSION_INFORMATION = 0x1001
    READ_LOCAL_SUPPORTED_COMMANDS = 0x1002
    READ_LOCAL_SUPPORTED_FEATURES = 0x1003
    READ_BD_ADDR = 0x1009
    LE_READ_BUFFER_SIZE = 0x2002
    LE_READ_LOCAL_SUPPORTED_FEATURES = 0x2003
    LE_READ_ADVERTISING_PHYSICAL_CHANNEL_TX_POWER = 0x2007
    LE_SET_SCAN_PARAMETERS = 0x200B
    LE_SET_SCAN_ENABLE = 0x200C
    LE_CREATE_CONNECTION = 0x200D
    LE_READ_FILTER_ACCEPT_LIST_SIZE = 0x200F
    LE_READ_REMOTE_FEATURES = 0x2016
    LE_READ_SUPPORTED_STATES = 0x201C
    LE_READ_SUGGESTED_DEFAULT_DATA_LENGTH = 0x2023
    LE_READ_MAXIMUM_DATA_LENGTH = 0x202F
    LE_READ_NUMBER_OF_SUPPORTED_ADVERTISING_SETS = 0x203B
    LE_SET_EXTENDED_SCAN_PARAMETERS = 0x2041
    LE_SET_EXTENDED_SCAN_ENABLE = 0x2042


class Event(IntEnum):
    """Event codes."""

    COMMAND_COMPLETE = 0x0E
    COMMAND_STATUS = 0x0F
    LE_META = 0x3E


class LeEvent(IntEnum):
    """Subevent codes, the first parameter of an LE_META event."""

    ADVERTISING_REPORT = 0x02
    EXTENDED_ADVERTISING_REPORT = 0x0D


class Status(IntEnum):
    """Error codes that the controller can return."""

    SUCCESS = 0x00
    UNKNOWN_COMMAND = 0x01
    HARDWARE_FAILURE = 0x03
    COMMAND_DISALLOWED = 0x0C


class AdvertisingType(IntEnum):
    """Types of legacy advertising packets, with their numbers in an ADVERTISING_REPORT."""

    ADV_IND = 0
    """Connectable and scannable; an active scanner requests the scan response."""
    ADV_SCAN_IND = 2
    """Scannable, but not connectable."""
    ADV_NONCONN_IND = 3
    """Neither connectable nor scannable."""
    SCAN_RSP = 4
    """The response to a scan request."""


class ExtendedEventType(IntFlag):
    """The flags of an EXTENDED_ADVERTISING_REPORT for the same packet types."""

    CONNECTABLE = 0x01
    SCANNABLE = 0x02
    SCAN_RESPONSE = 0x08
    LEGACY = 0x10


_SCANNABLE = ExtendedEventType.LEGACY | ExtendedEventType.SCANNABLE
_CONNECTABLE = _SCANNABLE | ExtendedEventType.CONNECTABLE

EXTENDED_EVENT_TYPES = {
    AdvertisingType.ADV_IND: _CONNECTABLE,
    AdvertisingType.ADV_SCAN_IND: _SCANNABLE,
    AdvertisingType.ADV_NONCONN_IND: ExtendedEventType.LEGACY,
}

ACTIVE_SCAN = 0x01
"""The scan type that sends scan requests; 0 is passive."""
SLOT_MS = 0.625
"""The unit of scan intervals and windows."""
PHY_LE_1M = 0x01
SID_NONE = 0xFF
TX_POWER_UNKNOWN = 127
VERSION_4_2 = 8
VERSION_5_0 = 9
LINUX_FOUNDATION = 0x05F1
"""The company identifier of the virtual controller's manufacturer."""

BitMask = tuple[int, int]
"""Bits in a field of several bytes: the byte's index, and a mask for this byte."""

LMP_FEATURES: tuple[BitMask, ...] = ((4, 0x20), (4, 0x40))
"""BR/EDR not supported, LE supported: a controller for Low Energy only."""
LE_FEATURES: tuple[BitMask, ...] = ((0, 0x01), (0, 0x20))
"""Encryption, data packet length extension."""
LE_FEATURES_EXTENDED: tuple[BitMask, ...] = ((1, 0x10),)
"""Extended advertising, in addition to LE_FEATURES."""
SUPPORTED_COMMANDS: tuple[BitMask, ...] = (
    (0, 0x20),  # disconnect
    (2, 0x80),  # read remote version information
    (5, 0xC0),  # set event mask, reset
    (14, 0xA8),  # read local version information, supported features, buffer size
    (25, 0xF7),  # LE: event mask, buffer size, features, random address, advertising set-up
    (26, 0x7F),  # LE: advertising, scanning, connecting, size of the filter accept list
    (27, 0xF8),  # LE: channels, remote features, encrypt, rand
    (28, 0x7F),  # LE: encryption, supported states, tests
)
SUPPORTED_COMMANDS_EXTENDED: tuple[BitMask, ...] = ((37, 0x60),)
"""LE set extended scan parameters and enable, in addition to SUPPORTED_COMMANDS."""
LE_STATES = bytes.fromhex("ffffffffff030000")
"""Every combination of advertising, scanning and connecting of the 4.x specifications."""


def bit_mask(size: int, bits: Iterable[BitMask]) -> bytes:
    """Return `size` bytes with the bits of these (byte, mask) pairs set."""
    mask = bytearray(size)
    for byte, value in bits:
        mask[byte] |= value
    return bytes(mask)


def address_bytes(address: str) -> bytes:
    """Return the bytes of an address such as A4:C1:38:00:00:01 in their order in a packet, last byte first."""
    return bytes.fromhex(address.replace(":", ""))[::-1]


def constant_answers(address: str, extended_scan: bool) -> dict[int, bytes]:
    """Return, by opcode, the parameters after the status in the answers to identification commands."""
    version = VERSION_5_0 if extended_scan else VERSION_4_2
    commands, le_features = SUPPORTED_COMMANDS, LE_FEATURES
    if extended_scan:
        commands += SUPPORTED_COMMANDS_EXTENDED
        le_features += LE_FEATURES_EXTENDED
    return {
        Opcode.READ_LOCAL_VERSION_INFORMATION: struct.pack("<BHBHH", version, 0, version, LINUX_FOUNDATION, 0),
        Opcode.READ_LOCAL_SUPPORTED_COMMANDS: bit_mask(64, commands),
        Opcode.READ_LOCAL_SUPPORTED_FEATURES: bit_mask(8, LMP_FEATURES),
        Opcode.READ_BD_ADDR: address_bytes(address),
        # Eight packets of 251 bytes.
        Opcode.LE_READ_BUFFER_SIZE: struct.pack("<HB", 251, 8),
        Opcode.LE_READ_LOCAL_SUPPORTED_FEATURES: bit_mask(8, le_features),
        Opcode.LE_READ_ADVERTISING_PHYSICAL_CHANNEL_TX_POWER: b"\x00",
        Opcode.LE_READ_FILTER_ACCEPT_LIST_SIZE: b"\x10",
        Opcode.LE_READ_SUPPORTED_STATES: LE_STATES,
        # 251 bytes in 2120 µs, the longest possible packet, for sending and receiving.
        Opcode.LE_READ_SUGGESTED_DEFAULT_DATA_LENGTH: struct.pack("<HH", 251, 2120),
        Opcode.LE_READ_MAXIMUM_DATA_LENGTH: struct.pack("<HHHH", 251, 2120, 251, 2120),
        Opcode.LE_READ_NUMBER_OF_SUPPORTED_ADVERTISING_SETS: b"\x01",
    }
