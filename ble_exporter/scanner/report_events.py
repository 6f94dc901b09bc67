"""Composes HCI events with advertising reports, either from the reports of other events or from advertisements."""

from collections.abc import Iterator
from uuid import UUID

from ble_exporter.config.address_type import default_address_type
from ble_exporter.formats.advertising_reports import (
    EXTENDED_REPORTS,
    LE_META_EVENT,
    LEGACY_REPORTS,
    MOST_BYTES,
    Report,
    advertising_reports,
)
from ble_exporter.model import Advertisement

_SUBEVENT_AT, _REPORTS_AT = 2, 4
_SIZES_WITHOUT_DATA = {LEGACY_REPORTS: 10, EXTENDED_REPORTS: 24}
# Subevent to the offset, in a report, of the sender's address, and of the length of the data.
_ADDRESS_AT = {LEGACY_REPORTS: 2, EXTENDED_REPORTS: 3}
_LENGTH_AT = {LEGACY_REPORTS: 8, EXTENDED_REPORTS: 23}

_CONNECTABLE = 0x00
_UNKNOWN_RSSI, _UNKNOWN_POWER = 127, 127
_ONE_MEGABIT, _NO_SET = 0x01, 0xFF
_MORE_TO_COME = 0x20
_MOST_LEGACY_DATA, _MOST_EXTENDED_DATA = 31, 229

# The AD types of service data, by the size of the UUID in bytes.
_SERVICE_DATA = {2: 0x16, 4: 0x20, 16: 0x21}
_NAME, _MANUFACTURER_DATA = 0x09, 0xFF
_MOST_OF_A_STRUCTURE = 254
_BASE_UUID = UUID("00000000-0000-1000-8000-00805f9b34fb")


def events_of(advertisement: Advertisement) -> Iterator[bytes]:
    """
    Yield events that a controller could have sent for an advertisement: one, or several for long data.

    The events contain the address, the RSSI, the data and the name, but not the division into structures and packets
    that the sender chose. Data and names are cut to the sizes that the format allows. An unknown address type is
    guessed from the address.
    """
    data = b"".join(_structures(advertisement))[:MOST_BYTES]
    kind = advertisement.address_type or default_address_type(advertisement.address) or "random"
    address = bytes([kind == "random"]) + bytes.fromhex(advertisement.address.replace(":", ""))[::-1]
    rssi = (_UNKNOWN_RSSI if advertisement.rssi is None else max(-127, min(advertisement.rssi, 20))).to_bytes(
        1, "little", signed=True
    )
    if len(data) <= _MOST_LEGACY_DATA:
        yield _event(LEGACY_REPORTS, bytes([_CONNECTABLE]) + address + bytes([len(data)]) + data + rssi)
        return
    for start in range(0, len(data), _MOST_EXTENDED_DATA):
        part = data[start : start + _MOST_EXTENDED_DATA]
        status = _MORE_TO_COME if start + len(part) < len(data) else 0
        radio = bytes([_ONE_MEGABIT, _ONE_MEGABIT, _NO_SET, _UNKNOWN_POWER]) + rssi
        unused = bytes(2 + 7)
        yield _event(EXTENDED_REPORTS, bytes([status, 0]) + address + radio + unused + bytes([len(part)]) + part)


def single_reports(event: bytes) -> Iterator[tuple[Report, bytes]]:
    """Yield the valid reports in an event, each with an event that contains only this report."""
    start = _REPORTS_AT
    for report in advertising_reports(event)[0]:
        subevent = event[_SUBEVENT_AT]
        end = start + _SIZES_WITHOUT_DATA[subevent] + len(report.data)
        yield report, _event(subevent, event[start:end])
        start = end


def senders_and_rest(event: bytes) -> tuple[set[str], bytes]:
    """
    Return the senders of an event's reports, and the bytes that follow the reports.

    The last report of a damaged event may be cut short. If the address of a report is missing, returns no senders and
    the whole event.
    """
    subevent = event[_SUBEVENT_AT]
    start = _REPORTS_AT
    senders = set()
    for _ in range(event[_REPORTS_AT - 1]):
        address = event[start + _ADDRESS_AT[subevent] :][:6]
        if len(address) < 6:
            return set(), event
        senders.add(address[::-1].hex(":").upper())
        length = event[start + _LENGTH_AT[subevent] :][:1]
        start += _SIZES_WITHOUT_DATA[subevent] + int.from_bytes(length, "little")
    return senders, event[start:]


def _event(subevent: int, report: bytes) -> bytes:
    return bytes([LE_META_EVENT, 2 + len(report), subevent, 1]) + report


def _structures(advertisement: Advertisement) -> Iterator[bytes]:
    for uuid, data in advertisement.service_data.items():
        number = _shortest(UUID(uuid))
        yield _structure(_SERVICE_DATA[len(number)], number + data)
    for company, data in advertisement.manufacturer_data.items():
        yield _structure(_MANUFACTURER_DATA, company.to_bytes(2, "little") + data)
    if advertisement.name:
        yield _structure(_NAME, advertisement.name.encode(errors="replace"))


def _structure(kind: int, data: bytes) -> bytes:
    data = data[:_MOST_OF_A_STRUCTURE]
    return bytes([1 + len(data), kind]) + data


def _shortest(uuid: UUID) -> bytes:
    """Return a UUID in its shortest form, little-endian."""
    number = uuid.int - _BASE_UUID.int
    if number & (1 << 96) - 1 or number < 0:
        return uuid.bytes[::-1]
    short = number >> 96
    return short.to_bytes(2 if short < 1 << 16 else 4, "little")
