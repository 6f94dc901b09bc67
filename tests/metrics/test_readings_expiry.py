"""The store with a time limit, on a clock that the test sets."""

import re
from collections.abc import Iterable
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.rhythm import Fixed, Learned
from ble_exporter.exporter.exposition import TEXT, Exposition
from ble_exporter.formats.measurement import Measurement
from ble_exporter.metrics.readings import Readings
from ble_exporter.model import Reading
from ble_exporter.parser import parse_bthome
from tests.conftest import PACKET_A, PACKET_B
from tests.data import named

TEMPERATURE = "temperature_celsius"
VOLTAGE = "voltage_volts"


class House:
    """
    A store on a clock that the test moves, and its exposition.

    Args:
        stale_after, scan_interval_s: See Readings.

    Attributes:
        now: Monotonic seconds.
    """

    def __init__(self, stale_after: float | Literal["auto"], scan_interval_s: float = 0.0) -> None:
        self.now = 5000.0
        self.readings = Readings(stale_after, lambda: self.now, scan_interval_s)
        self._exposition = Exposition({"readings": self.readings})

    def hear(
        self, measurements: dict[str, float], *, device: str = "attic", adapter: str = "", rssi: int = -60
    ) -> None:
        """Take in a packet without packet id."""
        self.readings.update(Reading(device, named(measurements), 1.7e9 + self.now, rssi, adapter=adapter))

    def hear_each(self, seconds: Iterable[float], measurements: dict[str, float]) -> None:
        """Take in the same packet after each of these times, in seconds from the one before."""
        for wait in seconds:
            self.now += wait
            self.hear(measurements)

    def shown(self) -> set[str]:
        """Scrape; return the series: "seen", and "rssi_dbm hci0" where there is an adapter."""
        text = self._exposition.render(TEXT).decode()
        series = re.findall(r'^ble_sensor_(\w+)\{(?:adapter="(\w+)",)?device="attic"\}', text, re.MULTILINE)
        return {f"{metric} {adapter}".strip() for metric, adapter in series}


def test_a_value_shows_for_its_time_and_no_longer() -> None:
    """To the second, and all of the device with it when nothing is left."""
    house = House(stale_after=90)
    house.hear({"temperature": 21.5})
    house.now += 89.9

    assert house.shown() == {TEMPERATURE, "rssi_dbm", "seen", "last_update_timestamp_seconds"}
    house.now += 0.1
    assert house.shown() == set()


def test_a_scan_ends_nothing_where_there_is_a_time_limit() -> None:
    """Neither the scan that heard the value nor the next; and it still says which devices it heard."""
    house = House(stale_after=90)
    house.readings.begin_scan()
    house.hear({"temperature": 21.5})
    first = house.readings.end_scan()
    house.readings.begin_scan()
    house.now += 30

    assert (first, house.readings.end_scan()) == (["attic"], [])
    assert TEMPERATURE in house.shown()


def test_a_scan_that_is_longer_than_the_limit_has_heard_its_devices_all_the_same() -> None:
    """The line of the scan in the log is about the whole of it."""
    house = House(stale_after=90)
    house.readings.begin_scan()
    house.hear({"temperature": 21.5})
    house.now += 120
    house.shown()

    assert house.readings.end_scan() == ["attic"]


def test_a_voltage_does_not_live_on_the_temperature_s_freshness() -> None:
    """What was heard long ago is not the present, whatever else the device says."""
    house = House(stale_after=90)
    house.hear({"temperature": 21.5, "voltage": 2.9})
    house.hear_each([60, 30], {"temperature": 21.5})

    assert house.shown() == {TEMPERATURE, "rssi_dbm", "seen", "last_update_timestamp_seconds"}


def test_a_packet_without_measurement_keeps_the_device_but_none_of_its_values() -> None:
    """It was heard: that is what `seen` says, and no more."""
    house = House(stale_after=90)
    house.hear({"temperature": 21.5})
    house.now += 60
    house.hear({})
    house.now += 30

    assert house.shown() == {"rssi_dbm", "seen", "last_update_timestamp_seconds"}


def test_an_adapter_s_rssi_goes_though_another_hears_the_device() -> None:
    """A sensor that was carried into another room is not near both adapters."""
    house = House(stale_after=90)
    house.hear({"temperature": 21.5}, adapter="hci0")
    house.now += 60
    house.hear({"temperature": 21.5}, adapter="hci1")
    house.now += 30

    assert house.shown() == {TEMPERATURE, "seen", "last_update_timestamp_seconds", "rssi_dbm hci1"}


def test_what_expired_is_gone_from_the_next_scrape_without_any_update() -> None:
    """The text of the last scrape is kept, and nobody may be served a dead sensor from it."""
    house = House(stale_after=90)
    house.hear({"temperature": 21.5})
    shown = [house.shown()]
    house.now += 90
    shown.append(house.shown())

    assert (TEMPERATURE in shown[0], shown[1]) == (True, set())


def test_a_registry_that_asks_for_no_version_gets_no_dead_value_either() -> None:
    """The store is a collector like any other, for other programs too."""
    house = House(stale_after=90)
    house.hear({"temperature": 21.5})
    house.now += 90

    assert list(house.readings.collect()) == []


def test_time_alone_moves_the_version_only_where_something_is_due() -> None:
    """Or each scrape would be written anew."""
    house = House(stale_after=90)
    house.hear({"temperature": 21.5})
    versions = []
    for wait in (0, 89, 1, 1000):
        house.now += wait
        versions.append(house.readings.version)

    assert versions[0] == versions[1] < versions[2] == versions[3]


def test_a_lost_packet_makes_no_gap_at_the_default_cadence() -> None:
    """The firmware's two packets in turn, one each 2.5 s, for an hour; of each kind every second one is lost."""
    house = House("auto")
    packets = [parse_bthome(PACKET_A), parse_bthome(PACKET_B)]
    for number in range(4, 1440):
        house.now += 2.5
        if number % 4 < 2:
            house.hear(packets[number % 2])
        assert number < 6 or {TEMPERATURE, VOLTAGE} <= house.shown()


def test_a_dead_sensor_is_gone_after_a_minute_of_listening() -> None:
    """Each half of the measurement a minute after it was last heard."""
    house = House("auto")
    for number in range(1440):
        house.now += 2.5
        house.hear(parse_bthome(PACKET_B if number % 2 else PACKET_A))
    house.now += 57.4
    assert {TEMPERATURE, VOLTAGE} <= house.shown()
    house.now += 0.1
    assert TEMPERATURE not in house.shown()
    assert VOLTAGE in house.shown()
    house.now += 2.5
    assert house.shown() == set()


@pytest.mark.parametrize("heard_before", [1, 20])
def test_a_sensor_that_misses_two_short_scans_stays(heard_before: int) -> None:
    """Five seconds of each thirty hear one temperature packet: to lose two in a row is nothing out of the ordinary."""
    house = House("auto", scan_interval_s=30)
    house.hear_each([30] * heard_before, {"temperature": 21.5})
    for _second in range(90):
        house.now += 1
        assert TEMPERATURE in house.shown()


def test_a_sensor_that_is_slower_than_the_floor_is_learned() -> None:
    """It goes between its first packets; but what was learned outlives it, or that would go on for ever."""
    house = House("auto")
    house.hear({"temperature": 21.5})
    house.now += 119
    assert house.shown() == set()
    house.hear_each([1], {"temperature": 21.5})
    house.now += 119

    assert TEMPERATURE in house.shown()


def test_what_expired_does_not_come_back_with_another_measurement() -> None:
    """Whether or not there was a scrape in between."""
    house = House(stale_after=90)
    house.hear({"temperature": 21.5})
    house.now += 100
    house.hear({"voltage": 2.9})

    assert house.shown() == {VOLTAGE, "rssi_dbm", "seen", "last_update_timestamp_seconds"}


def test_a_device_that_was_gone_begins_anew() -> None:
    """Its last update is not that of before; a device that only says its name has none."""
    house = House(stale_after=90)
    house.hear({"temperature": 21.5})
    house.now += 90
    house.hear({})

    assert house.shown() == {"rssi_dbm", "seen"}


PACKETS = st.tuples(
    st.integers(0, 200),
    st.sampled_from([{"temperature": 21.5}, {"voltage": 2.9}, {"temperature": 21.5, "voltage": 2.9}, {}]),
    st.sampled_from(["hci0", "hci1"]),
    st.booleans(),
)
NAMES = {"temperature": TEMPERATURE, "voltage": VOLTAGE, "hci0": "rssi_dbm hci0", "hci1": "rssi_dbm hci1"}


@given(
    st.lists(PACKETS, max_size=40),
    st.integers(0, 1000),
    st.sampled_from([(90, 0), ("auto", 0), ("auto", 30), (1, 0), ("auto", 400)]),
)
def test_a_scrape_shows_what_was_heard_within_its_limit_and_nothing_else(
    packets: list[tuple[int, dict[str, float], str, bool]],
    silence: int,
    setting: tuple[float | Literal["auto"], float],
) -> None:
    """Whatever is heard when, and whether or not there were scrapes in between."""
    house = House(*setting)
    limits = Learned(setting[1]) if isinstance(setting[0], str) else Fixed(setting[0])
    heard: dict[str, float] = {}

    def check() -> None:
        ages = {NAMES[name]: (house.now - at, limits.limit_s("", name)) for name, at in heard.items()}
        shown = house.shown() - {"seen", "last_update_timestamp_seconds"}
        assert {name for name, (age_s, limit_s) in ages.items() if age_s < limit_s} == shown
        assert {name for name, (age_s, _limit_s) in ages.items() if age_s < limits.least_s} <= shown
        assert bool(shown) == ("seen" in house.shown())

    for wait, measurements, adapter, is_scraped in packets:
        house.now += wait
        if is_scraped:
            check()
        house.hear(measurements, adapter=adapter)
        limits.hear("", [adapter, *measurements], house.now)
        heard.update(dict.fromkeys([adapter, *measurements], house.now))
    check()
    house.now += silence
    check()


def test_a_copy_that_another_adapter_tells_late_teaches_no_rhythm() -> None:
    """3 s, 117 s, 3 s: by their median the value of a healthy sensor would go between its packets."""
    house = House("auto")
    for packet_id in range(20):
        for adapter, wait in (("hci0", 3), ("hci1", 117)):
            heard_at = 1.7e9 + house.now
            house.readings.update(
                Reading("attic", {Measurement("temperature"): 21.5}, heard_at, -60, (), adapter, packet_id)
            )
            house.now += wait

    house.now += 300

    assert TEMPERATURE in house.shown()
