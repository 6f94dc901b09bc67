"""
Reads advertising reports, which a controller sends in HCI events.

    3E | length | subevent | number of reports | report | report | …

A legacy report (subevent 02) and an extended report (subevent 0D):

    type (1) | address type (1) | address (6, reversed) | length (1) | data | RSSI (1, signed)
    type (2) | address type (1) | address (6, reversed) | PHYs (2) | SID (1) | transmit power (1) | RSSI (1, signed)
             | periodic interval (2) | direct address (7) | length (1) | data

Source: Bluetooth Core Specification, vol. 4, part E, 7.7.65.2 and 7.7.65.13. Like Linux, this module expects the
fields of one report together, followed by those of the next report.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ble_exporter.model import AddressType

_CUT_SHORT = "an advertising report is cut short"

_EVENT_PACKET = b"\x04"
LE_META_EVENT = 0x3E
LEGACY_REPORTS, EXTENDED_REPORTS = 0x02, 0x0D

_LEGACY_SCAN_RESPONSE = 0x04
_EXTENDED_SCAN_RESPONSE = 0x08
# Two bits of an extended report's type (`_DATA_STATUS`) tell whether more of its data follows.
_MORE_TO_COME = 0x20
_DATA_STATUS = 0x60

# Addresses that the controller has resolved (types 2 and 3) are identity addresses. An anonymous sender has no address.
_ADDRESS_TYPES: tuple[AddressType, ...] = ("public", "random", "public", "random")
# The RSSI in dBm for each value of its byte; 127 stands for an unknown RSSI.
_RSSI = (*range(127), None, *range(-128, 0))

MOST_BYTES = 1650
"""Upper bound for the data of an extended advertisement, in bytes (Bluetooth Core, vol. 4, part E, 7.8.54)."""

# Upper bound for the number of unfinished advertisements. A controller usually finishes one before the next.
_MOST_UNFINISHED = 16


class Report(NamedTuple):
    """
    One advertising report.

    Attributes:
        address: The sender's address, upper case with colons; empty if the sender is anonymous.
        address_type: The type of the address; empty if the sender is anonymous.
        rssi: Received signal strength in dBm; None if unknown.
        data: The advertising data, or a part of it.
        is_scan_response: Whether the data is a scan response, which a device sends only on request.
        has_more: Whether the next part of the data follows in another report.
        set_id: The advertising set of an extended report.
    """

    address: str
    address_type: AddressType
    rssi: int | None
    data: bytes
    is_scan_response: bool
    has_more: bool = False
    set_id: int = 0


def advertising_reports(event: bytes) -> tuple[list[Report], str]:
    """
    Return the valid reports in an HCI event, and a description of the event's fault.

    The event begins with the event code. The description is empty for a valid event, and for an event of another kind.
    """
    read = _READERS.get(event[2]) if len(event) > 3 and event[0] == LE_META_EVENT else None
    if read is None:
        return [], ""
    reports: list[Report] = []
    if event[1] != len(event) - 2:
        return reports, f"the event's length is {event[1]}, but the number of bytes after it is {len(event) - 2}"
    offset = 4
    for _ in range(event[3]):
        try:
            report, end = read(event, offset)
        except IndexError:
            return reports, _CUT_SHORT
        if end > len(event):
            return reports, _CUT_SHORT
        reports.append(report)
        offset = end
    return reports, "" if offset == len(event) else "something follows the last advertising report"


def report_of_packet(packet: bytes) -> Report | None:
    """Return the report of an HCI packet (packet type first) that contains exactly one; None for any other bytes."""
    if packet[:1] != _EVENT_PACKET:
        return None
    reports, fault = advertising_reports(packet[1:])
    return reports[0] if len(reports) == 1 and not fault else None


def _legacy(event: bytes, start: int) -> tuple[Report, int]:
    """Return the report at an offset, and its end, which may be beyond the end of the event. Raises IndexError."""
    end = start + 9 + event[start + 8]
    address, address_type = _sender(event, start + 1)
    is_scan_response = event[start] == _LEGACY_SCAN_RESPONSE
    return Report(address, address_type, _RSSI[event[end]], event[start + 9 : end], is_scan_response), end + 1


def _extended(event: bytes, start: int) -> tuple[Report, int]:
    """Return the report at an offset, and its end, which may be beyond the end of the event. Raises IndexError."""
    end = start + 24 + event[start + 23]
    address, address_type = _sender(event, start + 2)
    kind = event[start]
    has_more = kind & _DATA_STATUS == _MORE_TO_COME
    is_scan_response = bool(kind & _EXTENDED_SCAN_RESPONSE)
    data, rssi, set_id = event[start + 24 : end], _RSSI[event[start + 13]], event[start + 11]
    return Report(address, address_type, rssi, data, is_scan_response, has_more, set_id), end


def _sender(event: bytes, offset: int) -> tuple[str, AddressType]:
    kind = event[offset]
    if kind >= len(_ADDRESS_TYPES):
        return "", ""
    return event[offset + 6 : offset : -1].hex(":").upper(), _ADDRESS_TYPES[kind]


_READERS: Mapping[int, Callable[[bytes, int], tuple[Report, int]]] = {
    LEGACY_REPORTS: _legacy,
    EXTENDED_REPORTS: _extended,
}


class Fragments:
    """The first parts of advertisements whose data is split across several extended reports."""

    def __init__(self) -> None:
        self._unfinished: dict[tuple[str, str, int, bool], bytes] = {}

    def join(self, report: Report) -> Report | None:
        """Return a report with the data of all parts; None if parts are still to come, or if the data is too long."""
        if not report.has_more and not self._unfinished:
            return report
        address, address_type, _, data, is_scan_response, has_more, set_id = report
        key = (address, address_type, set_id, is_scan_response)
        data = self._unfinished.pop(key, b"") + data
        if not has_more:
            return report._replace(data=data) if len(data) <= MOST_BYTES else None
        # Data that is too long is truncated and kept until its last part arrives, which alone would look like a report.
        self._unfinished[key] = data[: MOST_BYTES + 1]
        if len(self._unfinished) > _MOST_UNFINISHED:
            del self._unfinished[next(iter(self._unfinished))]
        return None
