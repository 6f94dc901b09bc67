"""Tests of the conversion of events into advertisements; test_monitor_ear.py has the tests with a live radio."""

from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.scanner.radio import Everything
from ble_exporter.scanner.reception import Reception
from tests.conftest import PACKET_A
from tests.scanner.monitor_frames import SCAN_RESPONSE, SENDER, frame, legacy_report, name, service_data

PACKET = frame(legacy_report(service_data(PACKET_A)))[6:]
NAME = frame(legacy_report(name("ATC_000001"), kind=SCAN_RESPONSE))[6:]


def test_names_outlive_a_run() -> None:
    """A sensor rarely sends its name, so the name must not be lost when the next scan begins with a new Reception."""
    names: dict[str, str] = {}
    heard: list[Advertisement] = []
    for event in (PACKET, NAME, PACKET):
        Reception("hci0", Everything(heard.append), names).deliver(event, 0.5)

    first = Advertisement(SENDER, {UUID: PACKET_A}, -60, "hci0", "", "public", {}, 0.5)
    assert [first, Advertisement(SENDER, {UUID: PACKET_A}, -60, "hci0", "ATC_000001", "public", {}, 0.5)] == heard


def test_few_names_are_kept() -> None:
    """Anybody can send names from any number of addresses, which must not fill the memory."""
    names: dict[str, str] = {}
    reception = Reception("hci0", Everything(lambda _one: None), names)
    for number in range(2000):
        sender = number.to_bytes(6, "big").hex(":").upper()
        reception.deliver(frame(legacy_report(name("A"), sender=sender))[6:], 0.0)

    assert 1024 == len(names)


def test_the_fault_of_an_event_is_returned() -> None:
    """The radio counts invalid events, and a replayed capture may contain such events, too."""
    reception = Reception("hci0", Everything(lambda _one: None))

    assert (True, "") == reception.deliver(PACKET, 0.0)
    assert (False, "") == reception.deliver(b"\x0e\x00", 0.0)
    fault = "the event's length is 30, but the number of bytes after it is 29"
    assert (False, fault) == reception.deliver(PACKET[:-1], 0.0)


def test_the_name_of_an_unknown_sender_is_not_kept() -> None:
    """Only the names of senders that have sent data are of use, and a neighbour's devices must not displace them."""
    names: dict[str, str] = {}
    heard: list[Advertisement] = []

    assert (True, "") == Reception("hci0", Everything(heard.append), names).deliver(NAME, 0.0)
    assert ({}, []) == (names, heard)
