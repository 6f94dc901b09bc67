"""The places of the values that a scrape reads, which the next scrape uses again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.lifetime import Lifetime
from ble_exporter.device.rhythm import fixed_limit
from ble_exporter.metrics.places import Places
from tests.data import named
from tests.home import Home, samples_of


@pytest.fixture
def home() -> Home:
    """A home with one sensor in the attic, whose first value was scraped."""
    home = Home()
    home.hear({"temperature": 20})
    home.scrape()
    return home


def test_a_new_measurement_shows_in_the_next_scrape(home: Home) -> None:
    """A sensor sends its measurements in several kinds of packets, and a scrape may come between two of them."""
    home.hear({"humidity": 40})

    assert 40 == home.scrape()["humidity_percent['attic']"]


@pytest.mark.parametrize("rssi", [None, -50])
def test_a_signal_strength_may_become_unknown_or_known(home: Home, rssi: int | None) -> None:
    """BlueZ does not always report an RSSI, and an old RSSI must not be served as the current one."""
    home.hear({"temperature": 20}, rssi=None if rssi else -40)
    home.scrape()
    home.hear({"temperature": 20}, rssi=rssi)

    assert rssi == home.scrape().get("rssi_dbm['attic']")


def test_the_interval_shows_when_it_is_known(home: Home) -> None:
    """The interval is known only from the second packet on, and the first scrape may come before that packet."""
    home.now += 5
    home.hear({"temperature": 20})

    assert 5 == samples_of(home.readings, of_reception=True)["advertisement_interval_seconds['attic']"]


def test_the_time_of_the_latest_measurement_has_milliseconds(home: Home) -> None:
    """More digits would be noise, and would make each scrape longer."""
    home.now += 0.123456
    home.hear({"temperature": 21})

    assert 0.123 == pytest.approx(home.scrape()["last_update_timestamp_seconds['attic']"] % 1, abs=1e-6)


names = st.sampled_from(["attic", "cellar"])
measurements = st.dictionaries(
    st.sampled_from(["temperature", "humidity", "temperature_2", "pressure"]), st.integers(0, 3), max_size=3
)
packets = st.fixed_dictionaries(
    {
        "measurements": measurements,
        "device": names,
        "packet_id": st.none() | st.integers(0, 3),
        "adapter": st.sampled_from(["", "hci0", "hci1"]),
        "rssi": st.none() | st.integers(-90, -80),
        "others": st.just({}) | st.just({"button": 1}),
        "is_triggered": st.booleans(),
    }
)
steps = st.one_of(packets, st.sampled_from([0.5, 2.0, 40.0, 200.0]), names)


@given(st.lists(steps, max_size=30))
def test_the_places_of_the_previous_scrape_are_those_that_a_search_finds(taken: list[object]) -> None:
    """A place that is out of date would show the temperature of a dead sensor, or hide that of a living one."""
    home = Home("attic", "cellar", lifetime=Lifetime(fixed_limit(60), fixed_limit(30)))
    home.devices["cellar"].offsets = named({"temperature": 1})

    for step in taken:
        if isinstance(step, dict):
            home.hear(**step)
        elif isinstance(step, float):
            home.now += step
        elif isinstance(step, str):
            device = home.devices[step]
            device.configure(f"{device.name}'", device.read, device.lifetime)
        shown = list(home.readings.tables()[0].columns())
        found = Places(home.devices.values()).table(home.clock.boot_at)
        assert found is not None
        assert [(one.head, one.labels, one.values) for one in found.columns()] == [
            (one.head, one.labels, one.values) for one in shown
        ]
