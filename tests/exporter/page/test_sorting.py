"""The order of the table's rows."""

import pytest

from ble_exporter.exporter.page.sorting import Sort
from ble_exporter.status.device_status import DeviceStatus
from tests.home import Home


def names(home: Home, sort: str) -> list[str]:
    """Return the devices' names in the order that a query asks for."""
    order = Sort.parse(sort)
    states = DeviceStatus(home.devices.values(), home.clock).states()
    return order.apply([(order.value(state), state["name"]) for state in states])


@pytest.fixture
def home() -> Home:
    """A home with a device that was never heard, a silent one, a refused one, a late one, and one that is heard."""
    home = Home("never", "silent", "refused", "late", "heard")
    home.hear({"temperature": -4.5, "humidity": 80}, device="silent", rssi=-90)
    home.now += 600
    for _ in range(3):
        home.now += 10
        home.hear({"temperature": 9.5, "battery": 100}, device="late", rssi=-60)
    home.now += 40
    home.hear({"temperature": 21.5, "battery": 9}, device="heard", rssi=-75)
    home.devices["refused"].refuse("wrong_key", home.now)
    home.now += 2
    return home


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("", "never silent refused late heard"),
        ("device", "heard late never refused silent"),
        ("-device", "silent refused never late heard"),
        ("state", "refused silent never late heard"),
        ("age", "heard late silent never refused"),
        ("-age", "never refused silent late heard"),
        ("temperature", "silent late heard never refused"),
        ("-temperature", "heard late silent never refused"),
        ("battery", "heard late never silent refused"),
        ("rssi", "silent heard late never refused"),
        ("-packets", "late silent heard never refused"),
        ("others", "never silent refused late heard"),
        ("--age", "never silent refused late heard"),
    ],
)
def test_the_rows_are_in_the_order_of_a_column(home: Home, sort: str, expected: str) -> None:
    """A user looks for the coldest room, the emptiest battery, or the sensor that has been silent for longest."""
    assert expected.split() == names(home, sort)


def test_names_are_in_the_order_in_which_people_put_them() -> None:
    """Sorted by bytes, room 10 would come before room 2, and Österreich after Zürich."""
    home = Home("room 10", "Zürich", "room 2", "Österreich", "Room 1")

    assert ["Österreich", "Room 1", "room 2", "room 10", "Zürich"] == names(home, "device")


def test_a_third_click_restores_the_configured_order() -> None:
    """The order of the configuration is the user's own choice, to which the page must offer a way back."""
    assert ["age", "-age", "", "age"] == [Sort.parse(query).next("age") for query in ("", "age", "-age", "device")]
