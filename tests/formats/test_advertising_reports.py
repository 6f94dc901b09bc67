"""Advertising reports in HCI events: which bytes are a report, and what the report contains."""

from typing import Any

import pytest

from ble_exporter.formats.advertising_reports import (
    MOST_BYTES,
    Fragments,
    Report,
    advertising_reports,
    report_of_packet,
)
from tests.data import vectors

VECTORS = vectors("advertising_reports.json")
VALID = [one for one in VECTORS if one["reports"] and "fault" not in one]
SENDER = "A4:C1:38:00:00:01"

PAIR_A = "0201060e16d2fc4000b00151028d0a038d11"
ADDRESS = "ccbbaa38c1a4"
PACKETS = [
    "043E1E" + "0201" + "0000" + ADDRESS + "12" + PAIR_A + "C4",
    "043E2C" + "0D01" + "130000" + ADDRESS + "0100FF7FC4000000" + "000000000000" + "12" + PAIR_A,
]


def part(data: bytes, *, has_more: bool, address: str = SENDER, set_id: int = 1, response: bool = False) -> Report:
    """Return a report with a part of an advertisement."""
    return Report(address, "public", -60, data, response, has_more, set_id)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["why"])
def test_reports_of_an_event(vector: dict[str, Any]) -> None:
    """A wrong offset would give another sender, a wrong RSSI, or the data of another packet."""
    reports, fault = advertising_reports(bytes.fromhex(vector["event"]))

    said = [
        {
            "address": one.address,
            "type": one.address_type,
            "rssi": one.rssi,
            "data": one.data.hex(),
            "response": one.is_scan_response,
            "more": one.has_more,
            "set": one.set_id,
        }
        for one in reports
    ]
    assert (vector["reports"], vector.get("fault", "")) == (said, fault)


@pytest.mark.parametrize("rssi", [-128, -127, -60, -1, 0, 1, 126, None])
def test_each_value_of_the_rssi_is_read(rssi: int | None) -> None:
    """A transmitter on the same board may be received with -1 dBm; that must neither fail nor become 255 dBm."""
    byte = (127 if rssi is None else rssi).to_bytes(1, "little", signed=True)
    reports, _ = advertising_reports(bytes.fromhex("3E0C" + "0201" + "0000" + ADDRESS + "00") + byte)

    assert [rssi] == [one.rssi for one in reports]


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector["why"])
def test_an_event_that_is_cut_short_has_a_fault(vector: dict[str, Any]) -> None:
    """The missing bytes of a truncated event must not be replaced by made-up ones."""
    whole = bytes.fromhex(vector["event"])

    faults = [advertising_reports(whole[:1] + bytes([end - 2]) + whole[2:end])[1] for end in range(4, len(whole))]

    assert all(faults)


def test_a_report_in_one_part_is_not_changed() -> None:
    """Nearly all advertisements arrive in one report, which must pass through unchanged."""
    report = part(b"ab", has_more=False)

    assert report == Fragments().join(report)


def test_parts_are_joined_in_their_order() -> None:
    """Extended advertisements have up to 1,650 bytes, but an event holds only 229, so long ones arrive in parts."""
    fragments = Fragments()

    assert fragments.join(part(b"ab", has_more=True)) is None
    assert fragments.join(part(b"cd", has_more=True)) is None
    assert part(b"abcdef", has_more=False) == fragments.join(part(b"ef", has_more=False))


def test_a_sender_has_one_unfinished_advertisement_for_each_set_and_its_answers() -> None:
    """The parts of two advertisements must not be mixed."""
    fragments = Fragments()
    fragments.join(part(b"a", has_more=True))
    fragments.join(part(b"b", has_more=True, set_id=2))
    fragments.join(part(b"c", has_more=True, response=True))

    whole = fragments.join(part(b"!", has_more=False))
    assert whole is not None
    assert b"a!" == whole.data


@pytest.mark.parametrize("event", PACKETS, ids=["legacy", "extended"])
def test_an_hci_event_has_a_payload_and_its_sender(event: str) -> None:
    """Hcidump and Wireshark show the whole event, so users paste all of it."""
    report = report_of_packet(bytes.fromhex(event))

    assert report is not None
    assert (bytes.fromhex(PAIR_A), "A4:C1:38:AA:BB:CC") == (report.data, report.address)


def test_an_event_with_two_reports_is_not_one_packet() -> None:
    """A user who pastes two reports must not get the values of an arbitrary one."""
    report = bytes.fromhex("0000" + ADDRESS + "00" + "C4")

    assert report_of_packet(b"\x04\x3e\x16\x02\x02" + report + report) is None


@pytest.mark.parametrize(
    ("sizes", "whole"), [((825, 824), 1650), ((825, 825), None), ((825, 826), None), ((1650, 1650, 1650), None)]
)
def test_an_advertisement_that_is_too_long_is_dropped_whole(sizes: tuple[int, ...], whole: int | None) -> None:
    """No advertisement has more than 1,650 bytes; the end of a longer one must not count as an advertisement."""
    fragments = Fragments()
    for size in sizes:
        fragments.join(part(bytes(size), has_more=True))

    joined = fragments.join(part(b"!", has_more=False))
    assert whole == (None if joined is None else len(joined.data))


def test_the_last_part_of_an_advertisement_that_is_too_long_may_be_empty() -> None:
    """Data that is too long is dropped even if its last part is empty."""
    fragments = Fragments()
    fragments.join(part(bytes(MOST_BYTES + 1), has_more=True))

    assert fragments.join(part(b"", has_more=False)) is None


@pytest.mark.parametrize(("senders", "first"), [(16, b"0!"), (17, b"!")])
def test_the_oldest_unfinished_advertisement_is_forgotten(senders: int, first: bytes) -> None:
    """Anybody can send first parts from many addresses without a last part, and these must not fill the memory."""
    fragments = Fragments()
    for sender in range(senders):
        fragments.join(part(b"0", has_more=True, address=str(sender)))

    joined = fragments.join(part(b"!", has_more=False, address="0"))
    assert joined is not None
    assert first == joined.data


@pytest.mark.parametrize("event", PACKETS, ids=["legacy", "extended"])
def test_an_incomplete_hci_event_is_rejected(event: str) -> None:
    """`decode` can only guess the format of an event that is cut short, too long or of another kind."""
    whole = bytes.fromhex(event)
    others = [whole[:end] for end in range(len(whole))] + [whole + b"\x00", whole[:3] + b"\x0b" + whole[4:]]
    others += [bytes([kind]) + whole[1:] for kind in (0x01, 0x02, 0x05)]

    assert [None] * len(others) == [report_of_packet(other) for other in others]
