"""The last hour of each measurement of a device, and the limit on the number of such measurements."""

import pytest

from ble_exporter.device.device import MOST_HISTORIES
from ble_exporter.device.history import POINTS, STEP_S
from ble_exporter.formats.registry import UNITS
from tests.home import Home

HOUR_S = POINTS * STEP_S


@pytest.fixture
def home() -> Home:
    """A home with one sensor in the attic, on a clock that begins at 0."""
    home = Home()
    home.now = 0.0
    return home


def last_hour(home: Home) -> dict[str, dict[int, float]]:
    """Return the attic's last hour without gaps: measurement → minutes ago → value."""
    return {
        measurement: {POINTS - 1 - index: value for index, value in enumerate(values) if value is not None}
        for measurement, values in home.devices["attic"].last_hour(home.now).items()
    }


def test_a_point_is_the_last_value_of_its_minute(home: Home) -> None:
    """A minute is a full minute of the clock: a value at 59.9 s belongs to the minute before a value at 60 s."""
    for home.now, door in ((0, 0), (20, 1), (59.9, 1), (60, 0), (130, 1)):
        home.hear({"door": door})

    assert {"door": {2: 1, 1: 0, 0: 1}} == last_hour(home)


def test_each_measurement_has_its_own_gaps(home: Home) -> None:
    """A measurement without a new value must have a gap, even if the device sends another measurement."""
    home.hear({"temperature": 20, "humidity": 40})
    home.now = 5 * STEP_S
    home.hear({"temperature": 21})

    assert {"temperature": {5: 20, 0: 21}, "humidity": {5: 40}} == last_hour(home)


def test_a_measurement_that_was_not_heard_for_an_hour_is_not_there(home: Home) -> None:
    """A chart line without points carries no information."""
    home.hear({"temperature": 20})

    home.now = HOUR_S - 1
    assert {"temperature": {59: 20}} == last_hour(home)
    home.now = HOUR_S
    assert {} == last_hour(home)
    home.hear({"humidity": 40})
    assert {"humidity": {0: 40}} == last_hour(home)


def test_a_late_copy_is_no_point(home: Home) -> None:
    """A late copy is older than the point that is already drawn."""
    home.hear({"temperature": 21}, packet_id=7, adapter="hci0")
    home.hear({"temperature": 22}, packet_id=8, adapter="hci0")
    home.hear({"temperature": 21}, packet_id=7, adapter="hci1")

    assert {"temperature": {0: 22}} == last_hour(home)


def test_nobody_can_fill_the_memory_with_names(home: Home) -> None:
    """Anybody can send hundreds of names under a sensor's address; the temperature, heard before them, must stay."""
    kinds = sorted(UNITS)
    home.hear({"temperature": 20})
    for minute in range(1, 90):
        home.now = minute * STEP_S
        home.hear({f"{kinds[minute % len(kinds)]}_{position}": 1 for position in range(2, 60)})
        home.hear({"temperature": 21})

    measurements = last_hour(home)
    assert MOST_HISTORIES == len(measurements)
    assert dict.fromkeys(range(POINTS), 21) == measurements["temperature"]


def test_a_name_that_is_heard_no_more_makes_room_for_another(home: Home) -> None:
    """After a firmware change, the new names get a last hour once the old ones have expired."""
    home.hear({f"count_{position}": 1 for position in range(2, MOST_HISTORIES + 2)})
    home.now = HOUR_S - 1
    home.hear({"temperature": 20})
    assert "temperature" not in last_hour(home)

    home.now = HOUR_S
    home.hear({"temperature": 21})
    assert {"temperature": {0: 21}} == last_hour(home)


def test_one_that_is_too_many_gets_the_next_room(home: Home) -> None:
    """A measurement without room at its first packet must still get a last hour when another one expires."""
    home.hear({f"count_{position}": 1 for position in range(2, MOST_HISTORIES + 2)})
    home.hear({"temperature": 20})
    for minute in range(1, POINTS):
        home.now = minute * STEP_S
        home.hear({"temperature": 20})
        home.hear({f"count_{position}": 1 for position in range(3, MOST_HISTORIES + 2)})
    assert "temperature" not in last_hour(home)

    home.now = HOUR_S
    home.hear({"temperature": 21})
    assert {"temperature": {0: 21}} == {name: hour for name, hour in last_hour(home).items() if name == "temperature"}
