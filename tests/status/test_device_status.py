"""What each configured device is doing, in words."""

import pytest

from ble_exporter.device.rhythm import fixed_limit, learned_limit
from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.status.device_status import DeviceState, DeviceStatus
from tests.home import EPOCH_S, Home


@pytest.fixture
def home() -> Home:
    """Two sensors, whose radio listens all the time."""
    return Home("attic", "cellar", limit=fixed_limit(600))


def states(home: Home) -> list[DeviceState]:
    """Return the state of each device."""
    return DeviceStatus(home.devices.values(), lambda: home.now).states()


def hear(home: Home) -> None:
    """Let the attic tell its temperature."""
    home.hear({"temperature": 21.5})


def in_words(home: Home, later_s: float) -> tuple[str, str]:
    """Return the attic's state some seconds from now, and in words."""
    home.now += later_s
    attic = states(home)[0]
    home.now -= later_s
    return attic["state"], attic["state_text"]


def test_every_configured_device_is_there_heard_or_not(home: Home) -> None:
    """A sensor that is missing is what one looks for."""
    assert [("attic", "A4:C1:38:00:00:01", "never_heard"), ("cellar", "A4:C1:38:00:00:02", "never_heard")] == [
        (state["name"], state["address"], state["state"]) for state in states(home)
    ]


def test_of_a_device_that_was_never_heard_nothing_is_told(home: Home) -> None:
    """No 0 and no 1970 in the place of what is not known."""
    assert {
        "name": "attic",
        "address": "A4:C1:38:00:00:01",
        "state": "never_heard",
        "state_text": "not heard yet",
        "format": None,
        "last_heard_timestamp_seconds": None,
        "last_update_timestamp_seconds": None,
        "age_seconds": None,
        "interval_seconds": None,
        "rssi_dbm": None,
        "adapter": None,
        "packets": 0,
        "refused": {},
        "readings": {},
        "others": {},
    } == states(home)[0]


def test_all_that_is_known_of_a_device_is_told(home: Home) -> None:
    """What one wants to know before climbing to the attic."""
    for _ in range(4):
        home.hear({"temperature": 21.5}, adapter="hci0", formats=("BTHome v2",))
        home.now += 2.5
    home.hear({"temperature_2": 5.5}, rssi=-71, adapter="hci1", formats=("BTHome v2", "MiBeacon"))
    home.devices["attic"].refuse("wrong_key", home.now)
    home.now += 4.04

    assert {
        "name": "attic",
        "address": "A4:C1:38:00:00:01",
        "state": "heard",
        "state_text": "heard 4 s ago",
        "format": "BTHome v2 and MiBeacon",
        "last_heard_timestamp_seconds": EPOCH_S + 5010,
        "last_update_timestamp_seconds": EPOCH_S + 5010,
        "age_seconds": 4.0,
        "interval_seconds": 2.5,
        "rssi_dbm": -71,
        "adapter": "hci1",
        "packets": 5,
        "refused": {"wrong_key": 1},
        "readings": {
            "temperature": {"value": 21.5, "unit": "°C", "text": ""},
            "temperature_2": {"value": 5.5, "unit": "°C", "text": ""},
        },
        "others": {},
    } == states(home)[0]


def test_a_binary_sensor_says_it_in_words(home: Home) -> None:
    """Is 1 a lock that is locked? The number stays beside the word, as a metric has it."""
    home.hear({"lock": 1, "lock_2": 0, "count": 1})

    assert {
        "lock": {"value": 1, "unit": "", "text": "unlocked"},
        "lock_2": {"value": 0, "unit": "", "text": "locked"},
        "count": {"value": 1, "unit": "", "text": ""},
    } == states(home)[0]["readings"]


@pytest.mark.parametrize("name", [number.name for number in OBJECTS.values() if number.is_binary])
def test_each_binary_sensor_has_its_words(home: Home, name: str) -> None:
    """One that is added to the table needs two of its own."""
    said = []
    for value in (0, 1):
        home.hear({name: value})
        said.append(states(home)[0]["readings"][name]["text"])

    assert all(said)
    assert said[0] != said[1]


def test_a_device_is_silent_when_its_rhythm_is_broken(home: Home) -> None:
    """Some lost packets are not worth a word; six times the usual interval, and a minute at least, are."""
    for _ in range(20):
        home.now += 5
        hear(home)

    assert ("heard", "heard 59 s ago") == in_words(home, 59)
    assert ("silent", "silent for 60 s, usual interval 5 s") == in_words(home, 60)
    assert ("silent", "silent for 2 h, usual interval 5 s") == in_words(home, 7200)


def test_a_device_that_was_heard_once_has_no_usual_interval(home: Home) -> None:
    """It is silent all the same."""
    hear(home)

    assert ("silent", "silent for 60 s") == in_words(home, 60)


def test_a_device_is_not_silent_in_a_pause_between_scans() -> None:
    """Nothing can be heard there."""
    home = Home(presence_limit=learned_limit(300))
    hear(home)

    assert ("heard", "heard 13 min ago") == in_words(home, 800)


def test_a_device_that_is_only_refused_says_why(home: Home) -> None:
    """It is within reach, and one thing is to be mended."""
    home.devices["attic"].refuse("wrong_key", home.now)

    assert ("refused", "refused: wrong key") == in_words(home, 10)
    assert ("never_heard", "not heard yet") == in_words(home, 60)


def test_a_device_that_is_heard_is_heard_whatever_is_refused(home: Home) -> None:
    """What was refused may be somebody else's, who sends under its address."""
    hear(home)
    home.devices["attic"].refuse("not_encrypted", home.now)

    assert ("heard", "heard 10 s ago") == in_words(home, 10)


def test_a_value_that_is_no_longer_exported_is_not_shown(home: Home) -> None:
    """A page that shows values of a sensor that died hours ago is exactly what this program prevents."""
    hear(home)
    home.now += 600

    attic = states(home)[0]
    assert ({}, None) == (attic["readings"], attic["last_update_timestamp_seconds"])
    # When it was heard, and how, is no value: it says what one looks for.
    assert (attic["last_heard_timestamp_seconds"], attic["packets"]) == (EPOCH_S + 5000, 1)


def test_what_is_no_measurement_is_told_with_its_time(home: Home) -> None:
    """The latest word of each; bytes as hexadecimal digits."""
    home.hear(others={"text": "hello", "button": "press"})
    home.now += 5
    home.hear(others={"raw": b"\xff\x00", "button": "dimmer 3"})
    home.now += 2.5

    assert states(home)[0]["others"] == {
        "text": {"value": "hello", "heard_timestamp_seconds": EPOCH_S + 5000, "age_seconds": 7.5},
        "raw": {"value": "ff00", "heard_timestamp_seconds": EPOCH_S + 5005, "age_seconds": 2.5},
        "button": {"value": "dimmer 3", "heard_timestamp_seconds": EPOCH_S + 5005, "age_seconds": 2.5},
    }


def test_the_last_hour_is_told_of_every_device(home: Home) -> None:
    """Devices are in the order of the configuration, including one that was not heard."""
    home.hear({"temperature": 12.5, "humidity_2": 40}, device="cellar")
    home.now += 60
    home.hear({"temperature": 12.6}, device="cellar")

    assert [
        {"name": "attic", "measurements": {}},
        {
            "name": "cellar",
            "measurements": {"temperature": [None] * 58 + [12.5, 12.6], "humidity_2": [None] * 58 + [40, None]},
        },
    ] == DeviceStatus(home.devices.values(), lambda: home.now).last_hour()
