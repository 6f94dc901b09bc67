"""Events and device information in a scrape; tests/device/test_events.py has the rules for counting events."""

from collections.abc import Mapping

import pytest

from ble_exporter.exporter.exposition import TEXT, Exposition
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


def events_of(home: Home, now: float | None = None) -> dict[str, float]:
    """Scrape, possibly at another time, and return the counts of events that are not 0, by event and position."""
    home.now = home.now if now is None else now
    return {
        labels["event"] + labels.get("position", ""): value
        for labels, value in labels_and_values(home, "ble_sensor_events")
        if value
    }


def test_an_event_is_counted_by_kind_and_event(home: Home) -> None:
    """An alert may need one particular event, and must not count repeats."""
    for packet_id, event in ((7, "press"), (7, "press"), (8, "press"), (9, "long_press")):
        home.hear(others={"button": event}, packet_id=packet_id)

    assert {} == events_of(home)
    assert {"press": 2, "long_press": 1} == events_of(home, home.now + 15)
    assert ({"device": "attic", "kind": "button", "event": "press"}, 2) in labels_and_values(home, "ble_sensor_events")


def test_the_first_press_is_seen_as_an_increase(home: Home) -> None:
    """A series that begins with 1 has no increase: scrapes must have shown the 0 first, at any usual interval."""
    for scrape_interval_s in (1, 15, 30, 60):
        home = Home()
        for _ in range(5):
            home.now += scrape_interval_s
            home.scrape()
        home.hear(others=PRESS, packet_id=7)
        values = []
        for _ in range(60 // scrape_interval_s + 1):
            home.now += scrape_interval_s
            values.append(home.scrape()["events_total['attic', 'button', 'press']"])

        assert sorted(values) == values
        assert (0, 1) == (values[0], values[-1])


@pytest.mark.parametrize("offset_s", [1, 15, 29])
def test_each_of_two_servers_sees_the_increase(home: Home, offset_s: float) -> None:
    """For high availability, users run two Prometheus servers, and both must scrape a new series' first 0."""
    seen: list[list[float]] = [[], []]
    for minute in range(12):
        for server, wait_s in enumerate((offset_s, 30 - offset_s)):
            home.now += wait_s
            if minute == 4 and server == 0:
                home.hear(others=PRESS, packet_id=7)
            seen[server] += [home.scrape().get("events_total['attic', 'button', 'press']", -1)]

    assert all({-1, 0, 1} == set(values) for values in seen)


def test_a_press_of_a_known_button_counts_at_once(home: Home) -> None:
    """The 0 of a known button has been scraped before, so an alert must not wait any longer."""
    home.hear(others={"button": "none"}, packet_id=7)
    home.scrape()
    home.now += 60
    home.scrape()
    home.hear(others=PRESS, packet_id=8)

    assert {"press": 1} == events_of(home)


def test_the_cached_text_ends_when_the_press_counts() -> None:
    """A press begins to count after some time, without another packet, and the cached text must then change."""
    home = Home()
    exposition = Exposition({"readings": home.readings})
    home.hear(others=PRESS, packet_id=7)
    press = b'event="press",kind="button"} '

    assert press + b"0.0" in exposition.render(TEXT)
    home.now += 14.9
    assert press + b"0.0" in exposition.render(TEXT)
    home.now += 30
    assert press + b"1.0" in exposition.render(TEXT)


def test_each_button_is_told_apart_by_its_position(home: Home) -> None:
    """A remote control sends "none" for its other buttons, and the user must learn which one was pressed."""
    home.hear(others={"button": "none", "button_2": "long_press", "button_3": "none", "button_4": "press"})
    home.scrape()

    assert {"long_press2": 1, "press4": 1} == events_of(home, home.now + 60)
    assert 4 * 9 == len(labels_and_values(home, "ble_sensor_events"))


def test_the_adapter_says_which_event_is_a_late_copy(home: Home) -> None:
    """The kernel may deliver another adapter's copy of a press late, and the press must not count twice."""
    home.scrape()
    home.hear(others=PRESS, packet_id=7, adapter="hci0")
    home.hear(others={"button": "double_press"}, packet_id=8, adapter="hci0")
    home.hear(others=PRESS, packet_id=7, adapter="hci1")
    home.scrape()

    assert {"press": 1, "double_press": 1} == events_of(home, home.now + 60)


def test_a_count_of_presses_tells_them_apart(home: Home) -> None:
    """A sensor may never change its packet id, but count its presses, and none of them may be lost."""
    home.scrape()
    for number in range(10):
        home.now += 60
        home.hear({"count": number}, others=PRESS, packet_id=7)
        home.hear({"count": number}, others=PRESS, packet_id=7)
        home.scrape()

    assert {"press": 10} == events_of(home, home.now + 60)


def test_a_count_stays_though_its_device_is_gone(home: Home) -> None:
    """A button is silent between presses; if its series vanished, the count would begin again with the next press."""
    home.hear(others=PRESS, packet_id=7)
    home.scrape()
    home.now += 30
    home.begin_scan()
    home.end_scan()

    assert not home.devices["attic"].is_present
    assert {"press": 1} == events_of(home)


def test_what_a_sensor_says_of_itself_is_an_info(home: Home) -> None:
    """The latest firmware version shows the owner which sensors need an update."""
    home.hear(others={"firmware_version": "4.1.0.0"})
    home.hear(others={"device_type": 1})
    home.hear(others={"firmware_version": "4.1.1.0", "text": "hello", "raw": b"x"})

    assert [({"device": "attic", "device_type": "1", "firmware_version": "4.1.1.0"}, 1)] == labels_and_values(
        home, "ble_sensor_device"
    )


def test_without_events_there_is_no_family(home: Home) -> None:
    """A help text without a series is noise."""
    home.hear({"temperature": 21.5})

    assert not {"ble_sensor_events", "ble_sensor_device"} & {family.name for family in home.readings.collect()}
