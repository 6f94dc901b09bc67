"""
A virtual Bluetooth LE controller on /dev/vhci.

To the kernel, it is a real adapter, hciN. The test decides which advertisements this adapter receives,
byte for byte, from any address and at any signal strength, and how the adapter misbehaves:

    radio = VirtualRadio()
    radio.advertise("A4:C1:38:00:00:01", data, rssi_dbm=-60)
    radio.unplug()
"""

from __future__ import annotations

import errno
import itertools
import os
import select
import struct
import threading
from dataclasses import dataclass
from enum import Enum

from . import hci
from .clock import CLOCK
from .hci import AdvertisingType, ExtendedEventType, Opcode, PacketType, Status

DEFAULT_ADDRESS = "00:1A:7D:DA:71:01"
LARGEST_PACKET = 2048
CONNECTION_COMMANDS = frozenset(
    {
        Opcode.DISCONNECT,
        Opcode.READ_REMOTE_VERSION_INFORMATION,
        Opcode.LE_CREATE_CONNECTION,
        Opcode.LE_READ_REMOTE_FEATURES,
    }
)
"""Commands that are refused, because this controller can only receive."""


class DuplicateFilter(Enum):
    """The controller's definition of a duplicate, when the host enables the filter."""

    NONE = "none"
    """No packet is a duplicate."""
    SAME_DATA = "same data"
    """A packet of the same type with the same data from the same address."""
    SAME_ADDRESS = "same address"
    """A packet of the same type from the same address, with any data."""


@dataclass(frozen=True)
class ScanChange:
    """A command of the kernel that enabled or disabled scanning, with its parameters."""

    at: float
    """The time of the command, on the guest's clock."""
    scanning: bool
    active: bool
    filter_duplicates: bool
    interval_ms: float
    window_ms: float


class VirtualRadio:
    """
    A Bluetooth adapter, plugged in from construction to `unplug`.

    Attributes:
        index: The N of hciN.
        duplicate_filter: The controller's definition of a duplicate.
        scanning: Whether scanning is enabled.
        scan_log: Every command that enabled or disabled scanning, oldest first.
        commands: The opcode of every command received, oldest first.
        ignored: Opcodes that are never answered.
        failing: Maps an opcode to the error code of its answer.
        reported: Number of advertising reports sent to the kernel, including scan responses.
        unheard: Number of advertisements sent while scanning was disabled or the controller was deaf.
        filtered: Number of packets that the duplicate filter dropped.
        resets: Number of RESET commands obeyed; the kernel sends one when the adapter is powered on.
        cured_by_reset: Whether a RESET command ends deafness, and makes every command succeed.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        extended_scan: bool = False,
        duplicate_filter: DuplicateFilter = DuplicateFilter.NONE,
    ) -> None:
        """Plug the adapter in; with `extended_scan` it supports Bluetooth 5."""
        self.scanning = False
        self.scan_log: list[ScanChange] = []
        self.commands: list[int] = []
        self.ignored: set[int] = set()
        self.failing: dict[int, int] = {}
        self.reported = self.unheard = self.filtered = self.resets = 0
        self._extended_scan = extended_scan
        self.duplicate_filter = duplicate_filter
        self._filter_duplicates = False
        self._active = False
        self._interval_ms = self._window_ms = 0.0
        self._already_reported: set[tuple[bytes, ...]] = set()
        self.cured_by_reset = self._deaf = self._unplugged = False
        self._answers = hci.constant_answers(address, extended_scan)
        self._writing = threading.Lock()
        self._changing = threading.Lock()
        self._device = os.open("/dev/vhci", os.O_RDWR)
        os.write(self._device, bytes([PacketType.VHCI_CONTROL, 0]))
        self.index: int = struct.unpack_from("<H", os.read(self._device, LARGEST_PACKET), 2)[0]
        self._wake_end, self._wake = os.pipe()
        self._firmware = threading.Thread(target=self._serve, name="controller", daemon=True)
        self._firmware.start()

    @property
    def completed_scans(self) -> int:
        """Number of times that scanning was disabled, which the kernel also does during scans of over 10 s."""
        changes = [change.scanning for change in self.scan_log]
        return sum(was and not now for was, now in itertools.pairwise(changes))

    def advertise(
        self,
        address: str,
        data: bytes,
        *,
        rssi_dbm: int,
        kind: AdvertisingType = AdvertisingType.ADV_NONCONN_IND,
        random_address: bool = False,
        scan_response: bytes | None = None,
    ) -> bool:
        """
        Send one advertisement, and its scan response if it is scannable and the scan is active.

        Returns:
            Whether the controller reported the advertisement to the kernel.
        """
        sender = bytes([random_address]) + hci.address_bytes(address)
        scannable = hci.EXTENDED_EVENT_TYPES[kind] & ExtendedEventType.SCANNABLE
        with self._changing:
            if not self.scanning or self._deaf:
                self.unheard += 1
                return False
            reported = self._report(kind, kind, sender, data, rssi_dbm)
            if scan_response is not None and self._active and scannable:
                self._report(kind, AdvertisingType.SCAN_RSP, sender, scan_response, rssi_dbm)
        return reported

    def hang(self) -> None:
        """Stop receiving and answering, but stay plugged in."""
        self.ignored.update(range(0x10000))
        self.deafen()

    def deafen(self) -> None:
        """Stop receiving, but obey every command."""
        self._deaf = True

    def unplug(self) -> None:
        """Unplug the adapter; the kernel notices immediately."""
        with self._writing:
            if self._unplugged:
                return
            self._unplugged = True
        self.scanning = False
        # The thread ends first, because closing the device while a thread reads it would not release it.
        os.write(self._wake, b"x")
        self._firmware.join()
        for descriptor in (self._device, self._wake_end, self._wake):
            os.close(descriptor)

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._device, select.POLLIN)
        poll.register(self._wake_end, select.POLLIN)
        while not self._unplugged:
            if self._device in dict(poll.poll()):
                packet = os.read(self._device, LARGEST_PACKET)
                if packet and packet[0] == PacketType.COMMAND:
                    self._on_command(packet)

    def _on_command(self, packet: bytes) -> None:
        opcode, length = struct.unpack_from("<HB", packet, 1)
        self.commands.append(opcode)
        if opcode == Opcode.RESET and self.cured_by_reset:
            self._deaf = False
            self.ignored.clear()
            self.failing.clear()
        if opcode in self.ignored:
            return
        if opcode in CONNECTION_COMMANDS:
            refusal = struct.pack("<BBH", Status.UNKNOWN_COMMAND, 1, opcode)
            self._event(hci.Event.COMMAND_STATUS, refusal)
            return
        if opcode in self.failing:
            answer = bytes([self.failing[opcode]])
        else:
            answer = bytes([Status.SUCCESS]) + self._answers.get(opcode, b"")
        # The lock prevents reports between a change and its answer: a controller that has confirmed a stop is silent.
        with self._changing:
            if opcode not in self.failing:
                self._obey(opcode, packet[4 : 4 + length])
            self._event(hci.Event.COMMAND_COMPLETE, struct.pack("<BH", 1, opcode) + answer)

    def _obey(self, opcode: int, parameters: bytes) -> None:
        """Apply a command that changes the controller's state."""
        if opcode == Opcode.RESET:
            self.scanning = False
            self.resets += 1
        elif opcode == Opcode.LE_SET_SCAN_PARAMETERS:
            self._set_scan_parameters(*struct.unpack_from("<BHH", parameters))
        elif opcode == Opcode.LE_SET_EXTENDED_SCAN_PARAMETERS:
            # Own address type, filter policy and PHYs precede the scan parameters of each PHY.
            self._set_scan_parameters(*struct.unpack_from("<BHH", parameters, 3))
        elif opcode in (Opcode.LE_SET_SCAN_ENABLE, Opcode.LE_SET_EXTENDED_SCAN_ENABLE):
            self._set_scan_enable(bool(parameters[0]), bool(parameters[1]))

    def _set_scan_parameters(self, scan_type: int, interval: int, window: int) -> None:
        self._active = scan_type == hci.ACTIVE_SCAN
        self._interval_ms, self._window_ms = interval * hci.SLOT_MS, window * hci.SLOT_MS

    def _set_scan_enable(self, scanning: bool, filter_duplicates: bool) -> None:
        self._filter_duplicates = filter_duplicates
        self._already_reported.clear()
        self.scanning = scanning
        self.scan_log.append(
            ScanChange(
                at=CLOCK.now(),
                scanning=scanning,
                active=self._active,
                filter_duplicates=filter_duplicates,
                interval_ms=self._interval_ms,
                window_ms=self._window_ms,
            )
        )

    def _report(
        self,
        advertised: AdvertisingType,
        kind: AdvertisingType,
        sender: bytes,
        data: bytes,
        rssi_dbm: int,
    ) -> bool:
        """Report a packet of type `kind` that belongs to an advertisement of type `advertised`."""
        if self._is_duplicate(kind, sender, data):
            self.filtered += 1
            return False
        rssi = struct.pack("<b", rssi_dbm)
        if self._extended_scan:
            event_type = hci.EXTENDED_EVENT_TYPES[advertised]
            if kind is AdvertisingType.SCAN_RSP:
                event_type |= ExtendedEventType.SCAN_RESPONSE
            report = struct.pack("<BBH", hci.LeEvent.EXTENDED_ADVERTISING_REPORT, 1, event_type)
            report += sender + bytes([hci.PHY_LE_1M, 0, hci.SID_NONE, hci.TX_POWER_UNKNOWN])
            # Nine zero bytes: no periodic advertising (two), and no direct address (seven).
            report += rssi + bytes(9) + bytes([len(data)]) + data
        else:
            report = bytes([hci.LeEvent.ADVERTISING_REPORT, 1, kind])
            report += sender + bytes([len(data)]) + data + rssi
        self.reported += 1
        self._event(hci.Event.LE_META, report)
        return True

    def _is_duplicate(self, kind: AdvertisingType, sender: bytes, data: bytes) -> bool:
        if not self._filter_duplicates or self.duplicate_filter is DuplicateFilter.NONE:
            return False
        key: tuple[bytes, ...] = (bytes([kind]), sender)
        if self.duplicate_filter is DuplicateFilter.SAME_DATA:
            key += (data,)
        seen = key in self._already_reported
        self._already_reported.add(key)
        return seen

    def _event(self, code: hci.Event, parameters: bytes) -> None:
        # After unplugging, the descriptor may belong to another file; the lock prevents a write to it.
        with self._writing:
            if not self._unplugged:
                try:
                    os.write(self._device, bytes([PacketType.EVENT, code, len(parameters)]) + parameters)
                except OSError as error:
                    # rfkill powers the adapter off without a command to the controller, and the kernel refuses reports.
                    if error.errno != errno.ENXIO:
                        raise
