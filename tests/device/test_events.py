"""Values that are not measurements: each event is counted once, and device type and firmware version are kept."""

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
    """Pass packets to `events`: monotonic time in seconds, values, packet id."""
    for now_s, said, packet_id in packets:
        events.hear(named(said), packet_id, now_s, adapter)


def heard(*packets: tuple[float, Said, int | None]) -> Events:
    """Return the events of these packets."""
    events = Events()
    hear(events, *packets)
    return events


def test_an_event_is_counted_once_however_often_it_is_sent() -> None:
    """A button sends each press several times: counted twice, a press would switch a light on and off again."""
    events = heard((1000.0, PRESS, 7), (1000.1, PRESS, 7), (1009.9, PRESS, 7), (1300.0, PRESS, 7))

    assert {("button", "press"): 1} == events.counts


def test_each_packet_id_is_another_press() -> None:
    """Two presses within a second count as two."""
    events = heard((1000.0, PRESS, 7), (1000.5, PRESS, 8), (1001.0, PRESS, 9))

    assert {("button", "press"): 3} == events.counts


def test_another_event_under_the_same_id_counts() -> None:
    """A long press after a press is another event, though the id is in use."""
    events = heard((1000.0, PRESS, 7), (1000.5, {"button": "long_press"}, 7))

    assert {("button", "press"): 1, ("button", "long_press"): 1} == events.counts


def test_an_id_that_was_not_heard_for_long_is_another_press() -> None:
    """The ids wrap around after 256 packets, and restart with a new battery."""
    assert {("button", "press"): 1} == heard((1000.0, PRESS, 7), (1599.9, PRESS, 7)).counts
    assert {("button", "press"): 2} == heard((1000.0, PRESS, 7), (1600.0, PRESS, 7)).counts


def test_without_packet_id_what_is_near_is_a_repeat() -> None:
    """Without ids, a repeat and a fast second press look the same: losing a press is better than inventing one."""
    events = heard((1000.0, PRESS, None), (1004.9, PRESS, None), (1009.9, PRESS, None))

    assert {("button", "press"): 2} == events.counts


def test_a_late_copy_from_another_adapter_is_no_press() -> None:
    """The kernel may hold a packet back until it receives the next one."""
    events = Events()
    hear(events, (1000.0, PRESS, 7), (1000.5, DOUBLE_PRESS, 8), adapter="hci0")
    hear(events, (1001.0, PRESS, 7), (1001.5, DOUBLE_PRESS, 8), adapter="hci1")

    assert {("button", "press"): 1, ("button", "double_press"): 1} == events.counts


def test_what_one_adapter_hears_is_in_order() -> None:
    """Descending ids on one adapter are those of a sensor that restarts with each press: no press may be lost."""
    events = heard((1000.0, PRESS, 3), (1001.0, PRESS, 2), (1002.0, PRESS, 1))

    assert {("button", "press"): 3} == events.counts


@pytest.mark.parametrize(("packet_id", "wait_s"), [(7, 5.0), (3, 1.0), (None, 1.0)])
def test_a_sensor_that_restarted_is_heard_by_another_adapter_too(packet_id: int | None, wait_s: float) -> None:
    """A late copy is just behind and arrives soon; these packets are not."""
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
    reading = plain_reader(Advertisement("A4:C1:38:00:00:01", {UUID: bytes.fromhex(payload)}))
    events = Events()
    events.hear(reading.others, reading.packet_id, 1000.0, "")

    assert counts == events.counts


def test_what_a_sensor_says_of_itself_is_known() -> None:
    """An owner can find the sensors with old firmware. The latest version counts; a text is not device information."""
    events = heard(
        (1000.0, {"firmware_version": "4.1.0.0"}, 1),
        (1001.0, {"device_type": 1}, 2),
        (1002.0, {"firmware_version": "4.1.1.0", "text": "hello", "raw": b"x"}, 3),
    )

    assert {"device_type": "1", "firmware_version": "4.1.1.0"} == events.info
    assert {} == events.counts


def test_nobody_can_fill_prometheus_with_buttons() -> None:
    """Anybody can send hundreds of buttons under a sensor's address; the earlier buttons are still counted."""
    many = {f"button_{number}": "press" for number in range(2, 128)}
    events = heard((1000.0, PRESS, 1), (1001.0, many, 2), (1002.0, PRESS, 3))

    assert (64, 2) == (len(events.counts), events.counts["button", "press"])  # type: ignore[index] # equal to its text


def test_nobody_can_fill_prometheus_with_versions() -> None:
    """Each version would be another series in Prometheus. After the limit, only known versions are accepted."""
    events = Events()
    known = set()
    for number in range(200):
        hear(events, (1000.0 + number, {"firmware_version": f"4.1.0.{number}"}, None))
        known.add(events.info["firmware_version"])
    hear(events, (2000.0, {"firmware_version": "4.1.0.0"}, None))

    assert 16 == len(known)
    assert {"firmware_version": "4.1.0.0"} == events.info
