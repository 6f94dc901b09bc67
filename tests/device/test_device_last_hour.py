"""The last hour of each measurement of a device, and the limit on the number of such measurements."""

import pytest

from ble_exporter.device.history import POINTS, STEP_S
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
    """The chart has one point per minute, which must show a door as it was at the end of that minute."""
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
    """A late copy is older than the point that is already drawn, and must not replace it."""
    home.hear({"temperature": 21}, packet_id=7, adapter="hci0")
    home.hear({"temperature": 22}, packet_id=8, adapter="hci0")
    home.hear({"temperature": 21}, packet_id=7, adapter="hci1")

    assert {"temperature": {0: 22}} == last_hour(home)
