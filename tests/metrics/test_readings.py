"""The series of the readings, as a scrape returns them."""

from collections.abc import Callable

import pytest

from tests.data import named
from tests.home import EPOCH_S, Home


@pytest.fixture
def home() -> Home:
    """A home with one sensor in the attic, during its first scan."""
    return Home()


def labels_and_values(home: Home, metric: str) -> list[tuple[dict[str, str], float]]:
    """Return the labels and values of one metric in a scrape."""
    family = next(family for family in home.readings.collect() if family.name == metric)
    return [(sample.labels, sample.value) for sample in family.samples]


def test_a_reading_shows_immediately(home: Home) -> None:
    """Users must not wait until the end of a scan for a value that has arrived."""
    home.hear({"temperature": 21.5})

    assert home.scrape() == {
        "temperature_celsius['attic']": 21.5,
        "seen['attic']": 1,
        "last_update_timestamp_seconds['attic']": EPOCH_S + 5000,
        "rssi_dbm['attic']": -60,
    }


def test_a_value_with_an_offset_has_its_raw_value_beside_it() -> None:
    """A user who changes an offset can correct earlier values with the raw series, which must have the same labels."""
    home = Home("attic", "cellar")
    home.devices["attic"].offsets = named({"temperature_2": -0.4, "pressure": 30, "humidity": 2})
    home.hear({"temperature": 20, "temperature_2": 21.37, "pressure": 980.5}, rssi=None)
    home.hear({"temperature": 12.5}, device="cellar", rssi=None)

    shown = {name: value for name, value in home.scrape().items() if "temperature" in name or "pressure" in name}
    assert {
        "temperature_celsius['attic']": 20,
        "temperature_celsius['cellar']": 12.5,
        "temperature_celsius['2', 'attic']": 20.97,
        "raw_temperature_celsius['2', 'attic']": 21.37,
        "pressure_pascals['attic']": 101_050,
        "raw_pressure_pascals['attic']": 98_050,
    } == shown
    assert [({"device": "attic", "position": "2"}, 21.37)] == labels_and_values(
        home, "ble_sensor_raw_temperature_celsius"
    )


def test_a_raw_value_expires_with_the_corrected_one(home: Home) -> None:
    """The raw value of a dead sensor must not look current either."""
    home.devices["attic"].offsets = named({"temperature": 1})
    home.hear({"temperature": 20})
    home.now += 1
    home.begin_scan()
    home.hear({"humidity": 40})
    home.end_scan()

    assert [] == [name for name in home.scrape() if "temperature" in name]


def test_a_device_that_was_not_heard_has_no_series() -> None:
    """A dead sensor must not look alive: its series must end, so that graphs show a gap."""
    home = Home("attic", "cellar")
    home.hear({"temperature": 21.5}, device="attic", rssi=None)
    home.hear({"temperature": 12.5}, device="cellar", rssi=None)
    home.now += 30
    home.begin_scan()
    home.hear({"temperature": 12.6}, device="cellar", rssi=None)
    home.end_scan()

    assert {
        "temperature_celsius['cellar']": 12.6,
        "seen['cellar']": 1,
        "last_update_timestamp_seconds['cellar']": EPOCH_S + 5030,
    } == home.scrape()


def test_a_measurement_that_was_not_heard_goes_though_its_device_stays(home: Home) -> None:
    """A fresh temperature must not make the voltage of the previous scan look current."""
    home.hear({"temperature": 21.5, "voltage": 2.9})
    home.now += 30
    home.begin_scan()
    home.hear({"temperature": 21.6})
    home.end_scan()

    assert "temperature_celsius['attic']" in home.scrape()
    assert "voltage_volts['attic']" not in home.scrape()


def test_the_latest_scan_shows_until_the_next_one_ends(home: Home) -> None:
    """If a scan removed the values when it started, graphs would have a gap until a device's first packet."""
    home.hear({"temperature": 21.5})
    home.end_scan()
    home.now += 30
    home.begin_scan()

    assert 21.5 == home.scrape()["temperature_celsius['attic']"]


def test_a_packet_without_measurement_is_seen_but_updates_nothing(home: Home) -> None:
    """A sensor that still sends but no longer measures must trigger an alert on its last update."""
    home.hear()

    assert {"seen['attic']": 1, "rssi_dbm['attic']": -60} == home.scrape()


def test_a_device_that_was_never_heard_has_no_series(home: Home) -> None:
    """Alerts look for missing series, so a device without accepted packets must not even have a `seen` of 0."""
    home.devices["attic"].refuse("wrong_key", home.now)

    assert {} == home.scrape()


def test_devices_stand_in_the_order_of_the_configuration() -> None:
    """Two scrapes can be compared line by line, no matter which device is heard first."""
    home = Home("cellar", "attic")
    home.hear({"temperature": 21.5}, device="attic")
    home.hear({"temperature": 12.5}, device="cellar")

    assert [({"device": "cellar"}, 1), ({"device": "attic"}, 1)] == labels_and_values(home, "ble_sensor_seen")


def test_repeated_objects_are_told_apart_by_their_position(home: Home) -> None:
    """A user must be able to tell two probes apart; the first has no label `position`, like a single probe."""
    home.hear({"temperature": 21.5, "temperature_2": 5.5})

    assert [
        ({"device": "attic"}, 21.5),
        ({"device": "attic", "position": "2"}, 5.5),
    ] == labels_and_values(home, "ble_sensor_temperature_celsius")


def test_the_rssi_is_that_of_each_adapter(home: Home) -> None:
    """To find the best place for an adapter, a user needs the latest RSSI of each adapter."""
    for adapter, rssi in (("hci0", -60), ("hci1", -80), ("hci0", -62)):
        home.hear({"temperature": 21.5}, adapter=adapter, rssi=rssi)

    assert [
        ({"device": "attic", "adapter": "hci0"}, -62),
        ({"device": "attic", "adapter": "hci1"}, -80),
    ] == labels_and_values(home, "ble_sensor_rssi_dbm")


def test_the_rssi_of_an_adapter_that_did_not_hear_the_device_goes_with_the_scan(home: Home) -> None:
    """The RSSI from the previous scan must not be shown for this scan."""
    home.hear({"temperature": 21.5}, adapter="hci0")
    home.hear({"temperature": 21.5}, adapter="hci1", rssi=-80)
    home.now += 30
    home.begin_scan()
    home.hear({"temperature": 21.5}, adapter="hci1", rssi=-81)
    home.end_scan()

    assert [({"device": "attic", "adapter": "hci1"}, -81)] == labels_and_values(home, "ble_sensor_rssi_dbm")


def test_a_device_whose_rssi_nobody_knows_is_seen_without_one(home: Home) -> None:
    """A capture may have no RSSI; an invented 0 dBm would be the best signal of all."""
    home.hear()
    home.hear(rssi=None)

    assert {"seen['attic']": 1} == home.scrape()


def test_a_repeat_updates_the_rssi_but_not_the_last_update(home: Home) -> None:
    """A repeat shows that the device is heard, but its values were measured earlier."""
    home.hear({"temperature": 21.5}, packet_id=7)
    home.now += 30
    home.hear({"temperature": 21.5}, packet_id=7, rssi=-70)

    scraped = home.scrape()
    assert scraped["last_update_timestamp_seconds['attic']"] == EPOCH_S + 5000
    assert -70 == scraped["rssi_dbm['attic']"]


@pytest.mark.parametrize(
    ("name", "value", "series", "exported"),
    [
        ("pressure", 1008.83, "pressure_pascals", 100883),
        ("energy", 1.5, "energy_joules", 5_400_000),
        ("mass", 80.3, "mass_grams", 80300),
        ("pm25", 3090.0, "pm25_grams_per_cubic_meter", 0.00309),
        ("precipitation", 12.0, "precipitation_meters", 0.012),
        ("volume", 215.0, "volume_cubic_meters", 0.215),
        ("volume_flow_rate", 3.6, "volume_flow_rate_cubic_meters_per_second", 0.001),
        ("conductivity", 1000.0, "conductivity_siemens_per_meter", 0.1),
        ("rotational_speed", 3000.0, "rotational_speed_revolutions_per_second", 50),
        ("voltage", 3.074, "voltage_volts", 3.074),
    ],
)
def test_values_are_in_base_units(home: Home, name: str, value: float, series: str, exported: float) -> None:
    """Dashboards and alerts rely on base units; a wrong factor exports a wrong value."""
    home.hear({name: value})

    assert exported == pytest.approx(home.scrape()[f"{series}['attic']"], rel=1e-12)


def test_each_change_moves_the_version() -> None:
    """The exposition caches its text until the version changes: without a new version it would serve stale values."""
    home = Home("attic", "cellar")
    changes: list[Callable[[], None]] = [
        lambda: home.hear({"temperature": 21.5}),
        lambda: home.hear(device="cellar"),
        home.end_scan,
    ]
    versions = [home.readings.version]
    for change in changes:
        change()
        home.now += 1
        home.begin_scan()
        versions.append(home.readings.version)

    assert len(versions) == len(set(versions))


def test_the_last_update_follows_a_wall_clock_that_is_set(home: Home) -> None:
    """If the clock was a day ahead at first, an alert on the age of a reading must not be delayed by a day."""
    home.hear({"temperature": 21})
    before = home.scrape()["last_update_timestamp_seconds['attic']"]

    home.set_ahead_s = -86_400

    assert before - 86_400 == home.scrape()["last_update_timestamp_seconds['attic']"]


def test_a_wall_clock_that_is_set_changes_the_version(home: Home) -> None:
    """Without a new version, a scrape would serve the text that was rendered with the old clock."""
    home.hear({"temperature": 21})
    before = home.readings.version

    home.set_ahead_s = 86_400

    assert home.readings.version > before
    assert home.readings.version == home.readings.version
