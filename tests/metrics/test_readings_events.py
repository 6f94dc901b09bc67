"""Events and information, as a scrape sees them. What is one event: tests/device/test_events.py."""

from collections.abc import Mapping

import pytest

from tests.home import Home

PRESS: Mapping[str, int | str | bytes] = {"button": "press"}


@pytest.fixture
def home() -> Home:
    """A home with one sensor, the attic's."""
    return Home()


def labels_and_values(home: Home, family: str) -> list[tuple[dict[str, str], float]]:
    """Return the series of a family in a scrape; none where it is left out."""
    return [
        (sample.labels, sample.value)
        for found in home.readings.collect()
        if found.name == family
        for sample in found.samples
    ]


def test_an_event_is_counted_by_kind_and_event(home: Home) -> None:
    """An alert is written for one of them; a repeat is none."""
    for packet_id, event in ((7, "press"), (7, "press"), (8, "press"), (9, "long_press")):
        home.hear(others={"button": event}, packet_id=packet_id)

    assert [
        ({"device": "attic", "kind": "button", "event": "press"}, 2),
        ({"device": "attic", "kind": "button", "event": "long_press"}, 1),
    ] == labels_and_values(home, "ble_sensor_events")
    assert 2 == home.scrape()["events_total['attic', 'button', 'press']"]


def test_each_button_is_told_apart_by_its_position(home: Home) -> None:
    """A remote control with four buttons; "none" is what it says of those that nobody touched."""
    home.hear(others={"button": "none", "button_2": "long_press", "button_3": "none", "button_4": "press"})

    assert [
        ({"device": "attic", "kind": "button", "event": "long_press", "position": "2"}, 1),
        ({"device": "attic", "kind": "button", "event": "press", "position": "4"}, 1),
    ] == labels_and_values(home, "ble_sensor_events")


def test_the_adapter_says_which_event_is_a_late_copy(home: Home) -> None:
    """The kernel holds a packet back until it hears the next one."""
    home.hear(others=PRESS, packet_id=7, adapter="hci0")
    home.hear(others={"button": "double_press"}, packet_id=8, adapter="hci0")
    home.hear(others=PRESS, packet_id=7, adapter="hci1")

    assert [1, 1] == [value for _labels, value in labels_and_values(home, "ble_sensor_events")]


def test_a_count_goes_with_its_device_and_comes_back_whole(home: Home) -> None:
    """A device that was not heard has no series; a count that began anew would look like a restart."""
    home.hear(others=PRESS, packet_id=7)
    home.now += 30
    home.begin_scan()
    home.end_scan()
    assert [] == labels_and_values(home, "ble_sensor_events")

    home.hear()
    assert [1] == [value for _labels, value in labels_and_values(home, "ble_sensor_events")]


def test_what_a_sensor_says_of_itself_is_an_info(home: Home) -> None:
    """Which of my sensors still has the old firmware? The latest word counts."""
    home.hear(others={"firmware_version": "4.1.0.0"})
    home.hear(others={"device_type": 1})
    home.hear(others={"firmware_version": "4.1.1.0", "text": "hello", "raw": b"x"})

    assert [({"device": "attic", "device_type": "1", "firmware_version": "4.1.1.0"}, 1)] == labels_and_values(
        home, "ble_sensor_device"
    )


def test_without_events_there_is_no_family(home: Home) -> None:
    """A help text without a series is a line that says nothing."""
    home.hear({"temperature": 21.5})

    assert not {"ble_sensor_events", "ble_sensor_device"} & {family.name for family in home.readings.collect()}
