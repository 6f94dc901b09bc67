"""Events and device information in a scrape; tests/device/test_events.py has the rules for counting events."""

from collections.abc import Mapping

import pytest

from tests.home import Home

PRESS: Mapping[str, int | str | bytes] = {"button": "press"}


@pytest.fixture
def home() -> Home:
    """A home with one sensor in the attic."""
    return Home()


def labels_and_values(home: Home, family: str) -> list[tuple[dict[str, str], float]]:
    """Return the labels and values of a family in a scrape; an empty list if the family is missing."""
    return [
        (sample.labels, sample.value)
        for found in home.readings.collect()
        if found.name == family
        for sample in found.samples
    ]


def test_an_event_is_counted_by_kind_and_event(home: Home) -> None:
    """An alert may need one particular event, and must not count repeats."""
    for packet_id, event in ((7, "press"), (7, "press"), (8, "press"), (9, "long_press")):
        home.hear(others={"button": event}, packet_id=packet_id)

    assert [
        ({"device": "attic", "kind": "button", "event": "press"}, 2),
        ({"device": "attic", "kind": "button", "event": "long_press"}, 1),
    ] == labels_and_values(home, "ble_sensor_events")
    assert 2 == home.scrape()["events_total['attic', 'button', 'press']"]


def test_each_button_is_told_apart_by_its_position(home: Home) -> None:
    """A remote control with four buttons sends "none" for each button that was not pressed."""
    home.hear(others={"button": "none", "button_2": "long_press", "button_3": "none", "button_4": "press"})

    assert [
        ({"device": "attic", "kind": "button", "event": "long_press", "position": "2"}, 1),
        ({"device": "attic", "kind": "button", "event": "press", "position": "4"}, 1),
    ] == labels_and_values(home, "ble_sensor_events")


def test_the_adapter_says_which_event_is_a_late_copy(home: Home) -> None:
    """The kernel may hold a packet back until it receives the next one."""
    home.hear(others=PRESS, packet_id=7, adapter="hci0")
    home.hear(others={"button": "double_press"}, packet_id=8, adapter="hci0")
    home.hear(others=PRESS, packet_id=7, adapter="hci1")

    assert [1, 1] == [value for _labels, value in labels_and_values(home, "ble_sensor_events")]


def test_a_count_goes_with_its_device_and_comes_back_whole(home: Home) -> None:
    """An expired device has no series; a counter that restarted at 0 would look like a restart of the exporter."""
    home.hear(others=PRESS, packet_id=7)
    home.now += 30
    home.begin_scan()
    home.end_scan()
    assert [] == labels_and_values(home, "ble_sensor_events")

    home.hear()
    assert [1] == [value for _labels, value in labels_and_values(home, "ble_sensor_events")]


def test_what_a_sensor_says_of_itself_is_an_info(home: Home) -> None:
    """An owner can find the sensors with old firmware. The latest version counts."""
    home.hear(others={"firmware_version": "4.1.0.0"})
    home.hear(others={"device_type": 1})
    home.hear(others={"firmware_version": "4.1.1.0", "text": "hello", "raw": b"x"})

    assert [({"device": "attic", "device_type": "1", "firmware_version": "4.1.1.0"}, 1)] == labels_and_values(
        home, "ble_sensor_device"
    )


def test_without_events_there_is_no_family(home: Home) -> None:
    """A help text without a series would be useless."""
    home.hear({"temperature": 21.5})

    assert not {"ble_sensor_events", "ble_sensor_device"} & {family.name for family in home.readings.collect()}
