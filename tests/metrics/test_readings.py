"""The store of readings, as a scrape sees it."""

import re

import pytest
from prometheus_client import CollectorRegistry

from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.formats.measurement import Measurement
from ble_exporter.metrics import update_metrics
from ble_exporter.metrics.families import FAMILIES
from ble_exporter.metrics.readings import Readings
from ble_exporter.model import Reading
from tests.conftest import samples
from tests.data import named


def test_a_reading_shows_at_once(readings: Readings) -> None:
    """Nobody waits for the end of a scan to see a value that was heard."""
    readings.update(Reading("attic", {Measurement("temperature"): 21.5}, 1000.25, -60))

    assert samples(readings) == {
        "temperature_celsius['attic']": 21.5,
        "seen['attic']": 1,
        "last_update_timestamp_seconds['attic']": 1000.25,
        "rssi_dbm['attic']": -60,
    }


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_the_two_packets_of_a_measurement_merge(readings: Readings, order: tuple[str, str]) -> None:
    """The firmware alternates: neither packet may erase the other's values, whichever comes first."""
    packets = {"a": {"temperature": 21.5, "humidity": 45.0}, "b": {"voltage": 2.9}}
    for name in order:
        readings.update(Reading("attic", named(packets[name]), 1000.0))
    readings.end_scan()

    shown = samples(readings)
    assert (
        shown["temperature_celsius['attic']"],
        shown["humidity_percent['attic']"],
        shown["voltage_volts['attic']"],
    ) == (21.5, 45.0, 2.9)


def test_a_device_that_was_not_heard_has_no_series(readings: Readings) -> None:
    """A reading that died must not look alive: that is what this program is for."""
    readings.update(Reading("attic", {Measurement("temperature"): 21.5}, 1000.0))
    readings.update(Reading("cellar", {Measurement("temperature"): 12.5}, 1000.0))
    readings.end_scan()
    readings.begin_scan()
    readings.update(Reading("cellar", {Measurement("temperature"): 12.6}, 1030.0))

    assert readings.end_scan() == ["cellar"]
    assert {"temperature_celsius['cellar']", "seen['cellar']", "last_update_timestamp_seconds['cellar']"} == set(
        samples(readings)
    )


def test_a_measurement_that_was_not_heard_goes_though_its_device_stays(readings: Readings) -> None:
    """A voltage of the scan before must not live on the temperature's freshness."""
    readings.update(Reading("attic", {Measurement("temperature"): 21.5, Measurement("voltage"): 2.9}, 1000.0))
    readings.end_scan()
    readings.begin_scan()
    readings.update(Reading("attic", {Measurement("temperature"): 21.6}, 1030.0))
    readings.end_scan()

    assert "voltage_volts['attic']" not in samples(readings)


def test_the_latest_scan_shows_until_the_next_one_ends(readings: Readings) -> None:
    """Between the start of a scan and a device's first packet there must be no hole in the graph."""
    readings.update(Reading("attic", {Measurement("temperature"): 21.5}, 1000.0))
    readings.end_scan()
    readings.begin_scan()

    assert samples(readings)["temperature_celsius['attic']"] == 21.5


def test_a_packet_without_measurement_is_seen_but_updates_nothing(readings: Readings) -> None:
    """The last update is that of a measurement, not of a sign of life."""
    readings.update(Reading("attic", {}, 1000.0, -60))

    assert samples(readings) == {"seen['attic']": 1, "rssi_dbm['attic']": -60}


def test_what_is_refused_leaves_no_trace(readings: Readings) -> None:
    """Half a reading would be an update that nobody understands."""
    with pytest.raises(ValueError, match="colour: not a measurement"):
        readings.update(Reading("attic", {Measurement("temperature"): 21.5, Measurement("colour"): 1.0}, 1000.0, -60))

    assert samples(readings) == {}


def test_repeated_objects_are_told_apart_by_their_position(readings: Readings) -> None:
    """A sensor with two probes has two series; the first is the one without the label."""
    readings.update(Reading("attic", {Measurement("temperature"): 21.5, Measurement("temperature", 2): 5.5}, 1000.0))

    family = next(family for family in readings.collect() if family.name == "ble_sensor_temperature_celsius")
    assert [(sample.labels, sample.value) for sample in family.samples] == [
        ({"device": "attic"}, 21.5),
        ({"device": "attic", "position": "2"}, 5.5),
    ]


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
def test_values_are_in_base_units(readings: Readings, name: str, value: float, series: str, exported: float) -> None:
    """Dashboards and alerts are written once for base units; a factor that is wrong is a wrong value."""
    readings.update(Reading("attic", named({name: value}), 1000.0))

    assert exported == pytest.approx(samples(readings)[f"{series}['attic']"], rel=1e-12)


def test_every_object_has_a_family_whose_help_names_it() -> None:
    """What is decoded must be seen, and the help must lead to the specification."""
    assert {number.name for number in OBJECTS.values()} == set(FAMILIES)
    for object_id, number in OBJECTS.items():
        assert f"0x{object_id:02X}" in re.findall(r"0x[0-9A-F]{2}", FAMILIES[number.name].help)


def test_no_two_measurements_share_a_metric() -> None:
    """Two sources of one series would make Prometheus refuse the whole scrape."""
    assert len(FAMILIES) == len({family.metric for family in FAMILIES.values()})


def test_each_change_moves_the_version(readings: Readings) -> None:
    """The exposition keeps what it wrote as long as the version stays: a change that it misses is a stale value."""
    versions = [readings.version]
    for change in (
        lambda: readings.update(Reading("attic", {Measurement("temperature"): 21.5}, 1000.0)),
        lambda: readings.update(Reading("attic", {}, 1001.0)),
        readings.end_scan,
    ):
        change()
        versions.append(readings.version)

    assert len(versions) == len(set(versions))


def test_in_the_default_mode_time_changes_nothing() -> None:
    """The latest scan shows until the next one ends, however long that takes: the clock is not even looked at."""
    readings = Readings(clock=lambda: pytest.fail("looked at the clock"))
    readings.begin_scan()
    readings.update(Reading("attic", {Measurement("temperature"): 21.5}, 1000.0))
    readings.end_scan()
    readings.begin_scan()
    versions = [readings.version, readings.version]

    assert versions[0] == versions[1]
    assert "temperature_celsius['attic']" in samples(readings)


def test_update_metrics_puts_gauges_on_the_given_registry() -> None:
    """Public API: the simple way to the gauges, on a registry that a test replaces."""
    registry = CollectorRegistry()
    update_metrics("attic", {"temperature": 21.5, "battery": 97.0}, registry)
    update_metrics("attic", {"humidity": 45.0}, registry)

    def value(metric: str) -> float | None:
        return registry.get_sample_value(metric, {"device": "attic"})

    assert (
        value("ble_sensor_temperature_celsius"),
        value("ble_sensor_battery_percent"),
        value("ble_sensor_humidity_percent"),
        value("ble_sensor_seen"),
    ) == (21.5, 97.0, 45.0, 1)
    assert value("ble_sensor_last_update_timestamp_seconds") is not None


@pytest.mark.parametrize("name", ["colour", "temperature_1", "temperature_x", "colour_2", "temperature_346"])
def test_an_unknown_measurement_is_refused_by_name(name: str) -> None:
    """A typing error in a caller must not vanish."""
    with pytest.raises(ValueError, match=f"{name}: not a measurement"):
        update_metrics("attic", {name: 1.0}, CollectorRegistry())
