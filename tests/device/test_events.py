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

    assert {("button", "press"): 1} == events.happened


def test_each_packet_id_is_another_press() -> None:
    """A user may press a button twice within a second, and neither press may be lost."""
    events = heard((1000.0, PRESS, 7), (1000.5, PRESS, 8), (1001.0, PRESS, 9))

    assert {("button", "press"): 3} == events.happened


def test_another_event_under_the_same_id_counts() -> None:
    """A long press may follow a press under the same id, and must not be lost as a repeat."""
    events = heard((1000.0, PRESS, 7), (1000.5, {"button": "long_press"}, 7))

    assert {("button", "press"): 1, ("button", "long_press"): 1} == events.happened


def test_an_id_that_was_not_heard_for_long_is_another_press() -> None:
    """The ids wrap around after 255 and restart with a new battery, so an old id may be a new press."""
    assert {("button", "press"): 1} == heard((1000.0, PRESS, 7), (1599.9, PRESS, 7)).happened
    assert {("button", "press"): 2} == heard((1000.0, PRESS, 7), (1600.0, PRESS, 7)).happened


def test_without_packet_id_what_is_near_is_a_repeat() -> None:
    """Without ids, a repeat and a fast second press look the same: losing a press is better than inventing one."""
    events = heard((1000.0, PRESS, None), (1004.9, PRESS, None), (1009.9, PRESS, None))

    assert {("button", "press"): 2} == events.happened


def test_a_late_copy_from_another_adapter_is_no_press() -> None:
    """The kernel may deliver another adapter's copy of a press after the next event; the press must not count twice."""
    events = Events()
    hear(events, (1000.0, PRESS, 7), (1000.5, DOUBLE_PRESS, 8), adapter="hci0")
    hear(events, (1001.0, PRESS, 7), (1001.5, DOUBLE_PRESS, 8), adapter="hci1")

    assert {("button", "press"): 1, ("button", "double_press"): 1} == events.happened


def test_what_one_adapter_hears_is_in_order() -> None:
    """One adapter may hear descending ids from a sensor that restarts with each press, and no press may be lost."""
    events = heard((1000.0, PRESS, 3), (1001.0, PRESS, 2), (1002.0, PRESS, 1))

    assert {("button", "press"): 3} == events.happened


@pytest.mark.parametrize(("packet_id", "wait_s"), [(7, 5.0), (3, 1.0), (None, 1.0)])
def test_a_sensor_that_restarted_is_heard_by_another_adapter_too(packet_id: int | None, wait_s: float) -> None:
    """Only a packet that is just behind the latest one and arrives soon is a late copy; any other is a new event."""
    events = Events()
    hear(events, (1000.0, PRESS, 8), adapter="hci0")
    hear(events, (1000.0 + wait_s, DOUBLE_PRESS, packet_id), adapter="hci1")

    assert {("button", "press"): 1, ("button", "double_press"): 1} == events.happened


@pytest.mark.parametrize(
    ("payload", "counts"),
    [
        ("4000093a003a043a003a01", {("button_2", "long_press"): 1, ("button_4", "press"): 1}),
        ("403a80", {("button", "hold_press"): 1}),
        ("403afe", {("button", "hold_press"): 1}),
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

    assert counts == events.happened


def test_what_a_sensor_says_of_itself_is_known() -> None:
    """The latest firmware version shows the owner which sensors need an update; a text is not device information."""
    events = heard(
        (1000.0, {"firmware_version": "4.1.0.0"}, 1),
        (1001.0, {"device_type": 1}, 2),
        (1002.0, {"firmware_version": "4.1.1.0", "text": "hello", "raw": b"x"}, 3),
    )

    assert {"device_type": "1", "firmware_version": "4.1.1.0"} == events.info
    assert {} == events.happened


def test_a_button_has_all_its_events_from_its_first_packet() -> None:
    """Prometheus can see an event as an increase only if its series existed before the event."""
    events = heard((1000.0, {"button": "none", "dimmer": "rotate_left 03"}, 7))

    assert {
        "button": {
            "press": 0,
            "double_press": 0,
            "triple_press": 0,
            "long_press": 0,
            "long_double_press": 0,
            "long_triple_press": 0,
            "hold_press": 0,
            "hold_release": 0,
            "unknown": 0,
        },
        "dimmer": {"rotate_left": 1, "rotate_right": 0, "unknown": 0},
    } == {name: source.counts for name, source in events.sources.items()}


def test_a_fixed_packet_id_counts_each_press_if_the_sensor_says_that_it_is_over() -> None:
    """Some senders never change the packet id, but report "none" after each press, which must separate the presses."""
    events = Events()
    for number in range(10):
        hear(events, (1000.0 + 60 * number, PRESS, 7), (1001.0 + 60 * number, {"button": "none"}, 7))

    assert {("button", "press"): 10} == events.happened


def test_a_fixed_packet_id_counts_each_press_if_the_sensor_counts() -> None:
    """Some senders never change the packet id, but count their presses, and none of the presses may be lost."""
    events = Events()
    for number in range(10):
        events.hear(named(PRESS), 7, 1000.0 + 60 * number, "", has_counted=True)
        events.hear(named(PRESS), 7, 1001.0 + 60 * number, "")

    assert {("button", "press"): 10} == events.happened


def test_a_fixed_packet_id_without_any_other_sign_counts_as_one() -> None:
    """A sensor may repeat its latest event until the next one: losing a press is better than inventing one."""
    events = heard(*[(1000.0 + 60 * number, PRESS, 7) for number in range(10)])

    assert {("button", "press"): 1} == events.happened


def test_an_alternating_report_is_no_second_press() -> None:
    """A sensor may send a press and "none" in turn, under one packet id: this is still one press."""
    packets = [(1000.0 + number, PRESS if number % 2 == 0 else {"button": "none"}, 7) for number in range(20)]

    assert {("button", "press"): 1} == heard(*packets).happened


def test_a_late_report_that_a_button_is_not_pressed_ends_no_newer_press() -> None:
    """If a late "none" ended a newer press, the next repeat of this press would count as another press."""
    events = Events()
    hear(events, (1000.0, {"button": "none"}, 6), (1000.5, PRESS, 7), adapter="hci0")
    hear(events, (1001.0, {"button": "none"}, 6), (1010.0, PRESS, 7), adapter="hci1")

    assert {("button", "press"): 1} == events.happened


def many(kind: str, first: int, last: int) -> dict[str, str]:
    """Return a press at each position from `first` to `last`."""
    return {kind if number == 1 else f"{kind}_{number}": "press" for number in range(first, last + 1)}


def test_nobody_can_fill_prometheus_with_buttons() -> None:
    """Anybody can send hundreds of buttons under a sensor's address; the sensor's own are still counted."""
    events = Events()
    left_out = [
        events.hear(named(said), packet_id, 1000.0 + packet_id, "")
        for packet_id, said in enumerate([PRESS, many("button", 2, 127), PRESS])
    ]

    assert (16, 2) == (len(events.sources), events.happened["button", "press"])  # type: ignore[index] # equal to its text
    assert [0, 126 - 15, 0] == left_out


def test_buttons_that_came_first_do_not_keep_others_out() -> None:
    """The exporter may start during a flood, and must still count the low positions, which a remote control uses."""
    events = heard(
        (1000.0, many("command", 1, 126), 1), (1001.0, many("button", 1, 4) | {"dimmer": "rotate_left 1"}, 2)
    )

    assert {"button", "button_2", "button_3", "button_4", "dimmer"} <= events.sources.keys()
    assert 16 == len(events.sources)


def test_nobody_can_fill_prometheus_with_versions() -> None:
    """Anybody can send any number of versions under a sensor's address, and each would be a series in Prometheus."""
    events = Events()
    known = set()
    for number in range(200):
        hear(events, (1000.0 + number, {"firmware_version": f"4.1.0.{number}"}, None))
        known.add(events.info["firmware_version"])
    hear(events, (2000.0, {"firmware_version": "4.1.0.0"}, None))

    assert 16 == len(known)
    assert {"firmware_version": "4.1.0.0"} == events.info
