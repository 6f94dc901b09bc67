"""What each configured device is doing, in words."""

import pytest

from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.metrics.readings import Readings
from ble_exporter.model import Reading
from ble_exporter.status.device_status import Roster

DEVICES = {"A4:C1:38:00:00:01": "attic", "A4:C1:38:00:00:02": "cellar"}


class House:
    """A roster with its store, on a clock that the test moves."""

    def __init__(self, scan_interval_s: float = 0.0) -> None:
        self.now = 0.0
        self.readings = Readings(600, lambda: self.now)
        self.roster = Roster(DEVICES, self.readings, lambda: self.now, scan_interval_s)

    def hear(self, moment: float, device: str = "attic", **fields: object) -> None:
        """Take in a reading; 21.5 °C, where nothing else is said."""
        self.now = moment
        given = {"measurements": {"temperature": 21.5}, "rssi": -60, **fields}
        reading = Reading(device, heard_at=1.7e9 + moment, **given)  # type: ignore[arg-type]  # fields by name
        self.readings.update(reading)
        self.roster.hear(reading)

    def state(self, moment: float) -> tuple[object, object]:
        """Return the attic's state at a moment, and in words."""
        self.now = moment
        attic = self.roster.states()[0]
        return attic["state"], attic["state_text"]


@pytest.fixture
def house() -> House:
    """A house whose radio listens all the time."""
    return House()


def test_every_configured_device_is_there_heard_or_not(house: House) -> None:
    """A sensor that is missing is what one looks for."""
    assert [("attic", "A4:C1:38:00:00:01", "never_heard"), ("cellar", "A4:C1:38:00:00:02", "never_heard")] == [
        (state["name"], state["address"], state["state"]) for state in house.roster.states()
    ]


def test_all_that_is_known_of_a_device_is_told(house: House) -> None:
    """What one wants to know before climbing to the attic."""
    for moment in (0.0, 2.5, 5.0, 7.5):
        house.hear(moment, adapter="hci0", formats=("BTHome v2",))
    house.hear(10.0, measurements={"temperature_2": 5.5}, rssi=-71, adapter="hci1", formats=("BTHome v2", "MiBeacon"))
    house.roster.refuse("attic", "wrong_key")
    house.now = 14.04

    assert {
        "name": "attic",
        "address": "A4:C1:38:00:00:01",
        "state": "heard",
        "state_text": "heard 4 s ago",
        "format": "BTHome v2 and MiBeacon",
        "last_heard_timestamp_seconds": 1.7e9 + 10,
        "last_update_timestamp_seconds": 1.7e9 + 10,
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
    } == house.roster.states()[0]


def test_a_binary_sensor_says_it_in_words(house: House) -> None:
    """Is 1 a lock that is locked? The number stays beside the word, as a metric has it."""
    house.hear(0, measurements={"lock": 1, "lock_2": 0, "count": 1})

    assert {
        "lock": {"value": 1, "unit": "", "text": "unlocked"},
        "lock_2": {"value": 0, "unit": "", "text": "locked"},
        "count": {"value": 1, "unit": "", "text": ""},
    } == house.roster.states()[0]["readings"]


@pytest.mark.parametrize("name", [number.name for number in OBJECTS.values() if number.is_binary])
def test_each_binary_sensor_has_its_words(house: House, name: str) -> None:
    """One that is added to the table needs two of its own."""
    said = []
    for value in (0, 1):
        house.hear(float(value), measurements={name: value})
        readings = house.roster.states()[0]["readings"]
        said.append(readings[name]["text"])

    assert all(said)
    assert said[0] != said[1]


def test_a_device_is_silent_when_its_rhythm_is_broken(house: House) -> None:
    """Some lost packets are not worth a word; six times the usual interval, and a minute at least, are."""
    for moment in range(0, 100, 5):
        house.hear(float(moment))

    assert house.state(154) == ("heard", "heard 59 s ago")
    assert house.state(155) == ("silent", "silent for 60 s, usual interval 5 s")
    assert house.state(95 + 7200) == ("silent", "silent for 2 h, usual interval 5 s")


def test_a_device_is_not_silent_in_a_pause_between_scans() -> None:
    """Nothing can be heard there."""
    house = House(scan_interval_s=300)
    house.hear(0)

    assert house.state(800) == ("heard", "heard 13 min ago")


def test_a_device_that_is_only_refused_says_why(house: House) -> None:
    """It is within reach, and one thing is to be mended."""
    house.roster.refuse("attic", "wrong_key")

    assert house.state(10) == ("refused", "refused: wrong key")
    assert house.state(60) == ("never_heard", "not heard yet")


def test_a_device_that_is_heard_is_heard_whatever_is_refused(house: House) -> None:
    """What was refused may be somebody else's, who sends under its address."""
    house.hear(0)
    house.roster.refuse("attic", "not_encrypted")

    assert house.state(10) == ("heard", "heard 10 s ago")


def test_a_value_that_is_no_longer_exported_is_not_shown(house: House) -> None:
    """A page that shows what died hours ago is what this program is against."""
    house.hear(0)
    house.now = 600.0

    attic = house.roster.states()[0]
    assert (attic["readings"], attic["last_update_timestamp_seconds"]) == ({}, None)


def test_what_is_no_measurement_is_told_with_its_time(house: House) -> None:
    """The latest word of each; bytes as hexadecimal digits."""
    house.hear(0, others={"text": "hello", "button": "press"})
    house.hear(5, others={"raw": b"\xff\x00", "button": "dimmer 3"})
    house.now = 7.5

    assert house.roster.states()[0]["others"] == {
        "text": {"value": "hello", "heard_timestamp_seconds": 1.7e9, "age_seconds": 7.5},
        "raw": {"value": "ff00", "heard_timestamp_seconds": 1.7e9 + 5, "age_seconds": 2.5},
        "button": {"value": "dimmer 3", "heard_timestamp_seconds": 1.7e9 + 5, "age_seconds": 2.5},
    }


def test_nobody_can_fill_the_memory_with_words(house: House) -> None:
    """Anybody can send a hundred buttons under a sensor's address; the latest are kept."""
    house.hear(0, others={"text": "hello"})
    house.hear(1, others={f"button_{number}": "press" for number in range(2, 130)})
    others = house.roster.states()[0]["others"]

    assert isinstance(others, dict)
    assert [f"button_{number}" for number in range(98, 130)] == list(others)
