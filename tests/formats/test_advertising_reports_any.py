"""Properties of advertising reports, for any bytes; mutation testing runs the other tests of the module first."""

from hypothesis import example, given
from hypothesis import strategies as st

from ble_exporter.formats.advertising_reports import Fragments, Report, advertising_reports, report_of_packet


@given(event=st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda rest: b"\x3e" + rest)))
def test_any_bytes_are_read_without_an_exception(event: bytes) -> None:
    """A broken controller, or a hostile one, must not end the program."""
    reports, _fault = advertising_reports(event)

    assert all(report.data in event for report in reports)


_LEGACY_REPORTS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 2, 3, 4]),
        st.sampled_from([0, 1]),
        st.binary(min_size=6, max_size=6),
        st.binary(max_size=31),
        st.integers(-127, 20),
    ),
    max_size=5,
)


@given(sent=_LEGACY_REPORTS)
def test_legacy_reports_come_back_as_they_were_sent(sent: list[tuple[int, int, bytes, bytes, int]]) -> None:
    """An event may have several reports, and none of them may get lost."""
    body = b"".join(
        bytes([kind, sender_type]) + sender + bytes([len(data)]) + data + rssi.to_bytes(1, "little", signed=True)
        for kind, sender_type, sender, data, rssi in sent
    )
    reports, fault = advertising_reports(bytes([0x3E, len(body) + 2, 0x02, len(sent)]) + body)

    expected = [
        Report(sender[::-1].hex(":").upper(), "random" if sender_type else "public", rssi, data, kind == 4)
        for kind, sender_type, sender, data, rssi in sent
    ]
    assert (expected, "") == (reports, fault)


@example(parts=[(0, 1700)])
@given(parts=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 1700)), max_size=60))
def test_unfinished_advertisements_are_bounded(parts: list[tuple[int, int]]) -> None:
    """Anybody can send first parts from many addresses without a last part, and these must not fill the memory."""
    fragments = Fragments()
    for sender, size in parts:
        fragments.join(Report(str(sender), "public", -60, bytes(size), False, True))

    assert len(fragments._unfinished) <= 16
    assert all(len(data) <= 1651 for data in fragments._unfinished.values())


@given(event=st.builds(bytes.__add__, st.sampled_from([b"", bytes.fromhex("043e0a0d01")]), st.binary(max_size=60)))
def test_any_bytes_may_be_an_hci_event(event: bytes) -> None:
    """Users paste anything, and no bytes may cause an error."""
    found = report_of_packet(event)

    assert found is None or found.data in event
