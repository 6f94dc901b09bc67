"""Expired values in a scrape; tests/device/test_device_expiry.py has the rules for when a value expires."""

import re

from ble_exporter.device.rhythm import fixed_limit
from ble_exporter.exporter.exposition import TEXT, Exposition
from tests.home import EPOCH_S, Home


def metrics_of(exposition: Exposition) -> set[str]:
    """Scrape, and return the metrics that have a series of the attic."""
    return set(re.findall(r'^ble_sensor_(\w+)\{.*device="attic"', exposition.render(TEXT).decode(), re.MULTILINE))


def test_a_value_goes_and_all_of_its_device_with_it() -> None:
    """A device whose values have expired must not look alive through any other series."""
    home = Home(limit=fixed_limit(90))
    home.hear({"temperature": 21.5})
    home.now += 89.9
    assert {"temperature_celsius", "seen", "last_update_timestamp_seconds", "rssi_dbm"} == {
        name.partition("[")[0] for name in home.scrape()
    }

    home.now += 0.1
    assert {} == home.scrape()


def test_a_packet_without_measurement_keeps_seen_and_the_last_update() -> None:
    """`seen` shows that the device was heard, but the packet confirmed no value."""
    home = Home(limit=fixed_limit(90))
    home.hear({"temperature": 21.5})
    home.now += 60
    home.hear()
    home.now += 30

    assert {
        "seen['attic']": 1,
        "last_update_timestamp_seconds['attic']": EPOCH_S + 5000,
        "rssi_dbm['attic']": -60,
    } == home.scrape()


def test_a_device_that_was_gone_has_no_last_update_of_before() -> None:
    """A device that only sends its name after its absence has measured nothing."""
    home = Home(limit=fixed_limit(90))
    home.hear({"temperature": 21.5})
    home.now += 90
    home.hear()

    assert {"seen['attic']": 1, "rssi_dbm['attic']": -60} == home.scrape()


def test_what_expired_is_gone_from_the_next_scrape_without_any_update() -> None:
    """The exposition caches the text of the last scrape, which must not keep a dead sensor visible."""
    home = Home(limit=fixed_limit(90))
    exposition = Exposition({"readings": home.readings})
    home.hear({"temperature": 21.5})
    before = metrics_of(exposition)
    home.now += 90

    assert "temperature_celsius" in before
    assert set() == metrics_of(exposition)


def test_a_registry_that_asks_for_no_version_gets_no_dead_value_either() -> None:
    """Other programs can register Readings as an ordinary collector, and must not get expired values."""
    home = Home(limit=fixed_limit(90))
    home.hear({"temperature": 21.5})
    home.now += 90

    assert [] == list(home.readings.collect())


def test_time_alone_moves_the_version_only_if_something_expires() -> None:
    """A new version without a change would make the exposition write its text again at each scrape."""
    home = Home("attic", "cellar", limit=fixed_limit(90))
    home.hear({"temperature": 21.5})
    home.now += 5
    home.hear({"temperature": 12.5}, device="cellar")
    versions = []
    for wait in (0, 84, 1, 4, 1, 1000):
        home.now += wait
        versions.append(home.readings.version)

    assert versions[0] == versions[1] < versions[2] == versions[3] < versions[4] == versions[5]


def test_without_a_limit_time_changes_nothing() -> None:
    """Without a limit, the values of the latest scan stay until the next one ends, however long that takes."""
    home = Home()
    home.hear({"temperature": 21.5})
    version, scraped = home.readings.version, home.scrape()
    home.now += 1e6

    assert (version, scraped) == (home.readings.version, home.scrape())
    assert "temperature_celsius['attic']" in scraped


def test_a_refresh_expires_the_values_device_by_device() -> None:
    """With thousands of devices, the event loop must handle packets between two devices."""
    home = Home("attic", "cellar", limit=fixed_limit(90))
    for name in home.devices:
        home.hear({"temperature": 21.5}, device=name)
    assert [] == list(home.readings.refresh())

    home.now += 90
    assert [None, None] == list(home.readings.refresh())
    assert {} == home.scrape()
