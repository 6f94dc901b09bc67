"""What sensors say that is no measurement: each event is counted once, and what a sensor says of itself is known."""

from collections.abc import Mapping

import pytest

from ble_exporter.device.events import Events
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.parser import plain_reader
from tests.data import named

Said = Mapping[str, int | str | bytes]

PRESS: Said = {"button": "press"}
DOUBLE_PRESS: Said = {"button": "double_press"}


def hear(events: Events, *packets: tuple[float, Said, int | None], adapter: str = "") -> None:
    """Take in packets: when, what, and the packet id."""
    for now_s, said, packet_id in packets:
        events.hear(named(said), packet_id, now_s, adapter)


def heard(*packets: tuple[float, Said, int | None]) -> Events:
    """Return the events in these packets."""
    events = Events()
    hear(events, *packets)
    return events


def test_an_event_is_counted_once_however_often_it_is_sent() -> None:
    """A button sends each press several times, so that it is heard: a light that toggles twice stays dark."""
    events = heard((1000.0, PRESS, 7), (1000.1, PRESS, 7), (1009.9, PRESS, 7), (1300.0, PRESS, 7))

    assert {("button", "press"): 1} == events.counts


def test_each_packet_id_is_another_press() -> None:
    """Two presses within a second are two."""
    events = heard((1000.0, PRESS, 7), (1000.5, PRESS, 8), (1001.0, PRESS, 9))

    assert {("button", "press"): 3} == events.counts


def test_another_event_under_the_same_id_counts() -> None:
    """It is not what was counted."""
    events = heard((1000.0, PRESS, 7), (1000.5, {"button": "long_press"}, 7))

    assert {("button", "press"): 1, ("button", "long_press"): 1} == events.counts


def test_an_id_that_was_not_heard_for_long_is_another_press() -> None:
    """The ids wrap around after 256 packets, and begin anew with a new battery."""
    assert {("button", "press"): 1} == heard((1000.0, PRESS, 7), (1599.9, PRESS, 7)).counts
    assert {("button", "press"): 2} == heard((1000.0, PRESS, 7), (1600.0, PRESS, 7)).counts


def test_without_packet_id_what_is_near_is_a_repeat() -> None:
    """Nothing tells the two apart: of a sensor without ids a fast second press is lost, and no press is invented."""
    events = heard((1000.0, PRESS, None), (1004.9, PRESS, None), (1009.9, PRESS, None))

    assert {("button", "press"): 2} == events.counts


def test_a_late_copy_from_another_adapter_is_no_press() -> None:
    """The kernel holds a packet back until it hears the next one."""
    events = Events()
    hear(events, (1000.0, PRESS, 7), (1000.5, DOUBLE_PRESS, 8), adapter="hci0")
    hear(events, (1001.0, PRESS, 7), (1001.5, DOUBLE_PRESS, 8), adapter="hci1")

    assert {("button", "press"): 1, ("button", "double_press"): 1} == events.counts


def test_what_one_adapter_hears_is_in_order() -> None:
    """Ids that go down on it are those of a sensor that restarts with each press: no press may be lost."""
    events = heard((1000.0, PRESS, 3), (1001.0, PRESS, 2), (1002.0, PRESS, 1))

    assert {("button", "press"): 3} == events.counts


@pytest.mark.parametrize(("packet_id", "wait_s"), [(7, 5.0), (3, 1.0), (None, 1.0)])
def test_a_sensor_that_restarted_is_heard_by_another_adapter_too(packet_id: int | None, wait_s: float) -> None:
    """A late copy is just behind, and soon: this is neither."""
    events = Events()
    hear(events, (1000.0, PRESS, 8), adapter="hci0")
    hear(events, (1000.0 + wait_s, DOUBLE_PRESS, packet_id), adapter="hci1")

    assert {("button", "press"): 1, ("button", "double_press"): 1} == events.counts


@pytest.mark.parametrize(
    ("payload", "counts"),
    [
        ("4000093a003a043a003a01", {("button_2", "long_press"): 1, ("button_4", "press"): 1}),
        ("403a80", {("button", "hold_press"): 1}),
        ("403c0203", {("dimmer", "rotate_right"): 1}),
        ("403b0002", {("command", "toggle"): 1}),
        ("403b02030a0b", {("command", "step_up"): 1}),
        ("403a7f", {("button", "unknown"): 1}),
        ("403c7f01", {("dimmer", "unknown"): 1}),
    ],
)
def test_the_names_of_events_are_few(payload: str, counts: Mapping[tuple[str, str], int]) -> None:
    """Anybody can send any step or argument under a sensor's address: as labels they would fill Prometheus."""
    reading = plain_reader(Advertisement("A4:C1:38:00:00:01", {UUID: bytes.fromhex(payload)}, 1000.0))
    events = Events()
    events.hear(reading.others, reading.packet_id, 1000.0, "")

    assert counts == events.counts


def test_what_a_sensor_says_of_itself_is_known() -> None:
    """Which of my sensors still has the old firmware? The latest word counts; what is no information is left out."""
    events = heard(
        (1000.0, {"firmware_version": "4.1.0.0"}, 1),
        (1001.0, {"device_type": 1}, 2),
        (1002.0, {"firmware_version": "4.1.1.0", "text": "hello", "raw": b"x"}, 3),
    )

    assert {"device_type": "1", "firmware_version": "4.1.1.0"} == events.info
    assert {} == events.counts


def test_nobody_can_fill_prometheus_with_buttons() -> None:
    """Anybody can send some hundred under a sensor's address; those that were there before go on counting."""
    many = {f"button_{number}": "press" for number in range(2, 128)}
    events = heard((1000.0, PRESS, 1), (1001.0, many, 2), (1002.0, PRESS, 3))

    assert (64, 2) == (len(events.counts), events.counts["button", "press"])  # type: ignore[index] # equal to its text


def test_nobody_can_fill_prometheus_with_versions() -> None:
    """Each would be another series: Prometheus keeps them all. What was known before is still believed."""
    events = Events()
    known = set()
    for number in range(200):
        hear(events, (1000.0 + number, {"firmware_version": f"4.1.0.{number}"}, None))
        known.add(events.info["firmware_version"])
    hear(events, (2000.0, {"firmware_version": "4.1.0.0"}, None))

    assert 16 == len(known)
    assert {"firmware_version": "4.1.0.0"} == events.info
