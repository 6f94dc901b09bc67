"""Tests of the events that are synthesised for an advertisement."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.formats.advertising_reports import advertising_reports
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import AddressType, Advertisement
from ble_exporter.scanner.radio import Everything
from ble_exporter.scanner.reception import Reception
from ble_exporter.scanner.report_events import events_of, single_reports
from tests.conftest import PACKET_A, Vector, vectors
from tests.scanner.monitor_frames import SENDER, frame, legacy_report, service_data

ADDRESS = "A4:C1:38:00:00:01"
A_PACKET = Advertisement(ADDRESS, {UUID: PACKET_A}, -61, "hci0", address_type="public")
TYPES: tuple[AddressType, ...] = ("public", "random")


def heard(advertisement: Advertisement) -> list[Advertisement]:
    """Return the advertisements that a listener hears from the events of an advertisement."""
    found: list[Advertisement] = []
    reception = Reception("hci0", Everything(found.append))
    for event in events_of(advertisement):
        assert (True, "") == reception.deliver(event, 0.0)
    return found


def test_a_packet_of_a_sensor_is_one_legacy_report() -> None:
    """Most packets fit into a legacy report, the only kind that older tools know."""
    expected = "3e1b02010000010000" + "38c1a4" + "0f" + "0e16d2fc" + PACKET_A.hex() + "c3"

    assert [expected] == [event.hex() for event in events_of(A_PACKET)]


@given(
    st.builds(
        Advertisement,
        st.binary(min_size=6, max_size=6).map(lambda six: six.hex(":").upper()),
        st.dictionaries(st.uuids().map(str) | st.just(UUID), st.binary(max_size=230), max_size=3),
        st.none() | st.integers(-127, 20),
        st.just("hci0"),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
        st.sampled_from(TYPES),
        st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=250), max_size=3),
        st.just(0.0),
        st.none(),
    )
)
def test_everything_that_was_heard_is_in_the_events(advertisement: Advertisement) -> None:
    """A capture must contain everything that BlueZ reports, because a replay has nothing else."""
    assert [advertisement] == heard(advertisement)


@pytest.mark.parametrize(("address", "kind"), [(ADDRESS, "public"), ("C4:00:00:00:00:01", "random")])
def test_an_unknown_address_type_is_guessed(address: str, kind: str) -> None:
    """A text capture has no address types, but an event needs one, which is guessed from the address."""
    assert [kind] == [one.address_type for one in heard(Advertisement(address, {}, -61))]


@pytest.mark.parametrize("uuid", ["0000fcd2-0000-1000-8000-00805f9b34fb", "1234fcd2-0000-1000-8000-00805f9b34fb"])
def test_a_uuid_is_written_in_its_shortest_form(uuid: str) -> None:
    """A sensor sends the short form, and other programs show the service's name only for this form."""
    [event] = events_of(Advertisement(ADDRESS, {uuid: b""}, -61))

    assert 1 + 1 + (2 if uuid.startswith("0000") else 4) == len(advertising_reports(event)[0][0].data)


@given(
    st.builds(
        Advertisement,
        st.just(ADDRESS),
        st.dictionaries(st.uuids().map(str), st.binary(max_size=2000), max_size=9),
        st.none() | st.integers(-(10**6), 10**6),
        name=st.text(max_size=500),
        manufacturer_data=st.just({}),
    )
)
def test_data_that_no_sender_could_send_is_cut(advertisement: Advertisement) -> None:
    """D-Bus and text captures may contain data of any length; the events must stay valid."""
    events = list(events_of(advertisement))

    assert all(not advertising_reports(event)[1] for event in events)
    assert 1650 >= sum(len(report.data) for event in events for report in advertising_reports(event)[0])


def test_each_report_of_an_event_gets_its_own() -> None:
    """One event may contain reports of the user's sensor and of a neighbour's device."""
    reports = [legacy_report(service_data(PACKET_A)), legacy_report(b"", sender="5A:00:00:00:00:01")]

    singles = list(single_reports(frame(*reports)[6:]))

    assert [frame(report)[6:] for report in reports] == [event for _report, event in singles]
    assert [SENDER, "5A:00:00:00:00:01"] == [report.address for report, _event in singles]


@pytest.mark.parametrize("vector", vectors("advertising_reports.json"), ids=lambda vector: vector["why"])
def test_the_reports_of_any_event_stay_the_same(vector: Vector) -> None:
    """Reducing a capture must not change what remains."""
    event = bytes.fromhex(vector["event"])

    singles = list(single_reports(event))

    assert advertising_reports(event)[0] == [report for report, _event in singles]
    assert all(([report], "") == advertising_reports(single) for report, single in singles)


@pytest.mark.parametrize(
    "advertisement",
    [
        A_PACKET._replace(service_data={UUID: bytes(range(250))}),
        A_PACKET._replace(service_data={"12345678-9abc-def0-1234-56789abcdef0": b"\x01"}),
        A_PACKET._replace(service_data={}, manufacturer_data={0x0499: b"\xab\xcd"}, name="Scale"),
    ],
    ids=["longer than a report", "a UUID of 128 bits", "manufacturer data"],
)
def test_unusual_content_is_in_the_events(advertisement: Advertisement) -> None:
    """Advertisements with unusual content are rare, so nobody would notice if a capture lacked this content."""
    assert [advertisement] == heard(advertisement)
