"""Each device has room for a limited number of measurements: a flood must neither displace nor block its own."""

import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device import Device
from ble_exporter.device.history import POINTS, STEP_S
from ble_exporter.device.rhythm import NO_LIMIT, Limit, Rhythm, fixed_limit, learned_limit
from ble_exporter.device.series import MOST_SERIES
from ble_exporter.metrics.families import FAMILIES
from tests.home import Home

HOUR_S = POINTS * STEP_S
OWN = {"temperature": 21.5, "humidity": 45.0, "battery": 97.0}
FLOOD = {f"{name}_{position}": 1.0 for position in range(2, 6) for name in FAMILIES}
LIMITS = [NO_LIMIT, fixed_limit(60), learned_limit()]


def hear_own(home: Home, *, times: int = 1) -> None:
    """Send the sensor's own measurements every five seconds."""
    for _ in range(times):
        home.now += 5
        home.hear(OWN)


def own_values(device: Device) -> dict[str, float]:
    """Return the values of the sensor's own measurements."""
    return {name: value for name, value in device.values().items() if name in OWN}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_flood_does_not_displace_the_sensor_s_own_measurements(limit: Limit) -> None:
    """Anybody can send thousands of measurements under a sensor's address; the sensor's own must stay."""
    home = Home(limit=limit)
    attic = home.devices["attic"]
    hear_own(home, times=10)
    for _ in range(10):
        home.now += 1
        home.hear(FLOOD)
        assert OWN == own_values(attic)
    assert MOST_SERIES == len(attic.series)
    assert dict.fromkeys(OWN, 5) == {
        name: series.rhythm.interval_s for name, series in attic.series.items() if name in OWN
    }


@pytest.mark.parametrize("limit", LIMITS)
def test_a_flood_that_came_first_does_not_block_the_sensor_s_own_measurements(limit: Limit) -> None:
    """The exporter may be started during a flood: the sensor's own measurements displace those at high positions."""
    home = Home(limit=limit)
    for _ in range(10):
        home.now += 1
        home.hear(FLOOD)
    hear_own(home)
    home.hear(FLOOD)

    assert OWN == own_values(home.devices["attic"])


@pytest.mark.parametrize("limit", LIMITS[1:])
def test_a_second_probe_is_back_after_a_flood_of_lower_positions(limit: Limit) -> None:
    """A flood of nearly all names at the first position fills the room, but must not keep the probe out afterwards."""
    home = Home(limit=limit)
    attic = home.devices["attic"]
    home.hear({"temperature_2": 4.0})
    home.hear(dict.fromkeys(FAMILIES, 1.0))
    assert "temperature_2" not in attic.values()

    home.now += 60
    home.hear({"temperature_2": 4.0})
    assert {"temperature_2": 4.0} == attic.values()


def test_a_door_that_was_heard_once_survives_a_flood_of_positions() -> None:
    """A door may be silent for a day, and its state must outlast the measurements that only a flood sends."""
    home = Home()
    home.hear({"door": 1.0}, is_triggered=True)
    home.now += 20 * HOUR_S
    for _ in range(5):
        home.now += 1
        home.hear(FLOOD, is_triggered=True)

    assert {"door": 1.0}.items() <= home.devices["attic"].values().items()


def test_after_an_hour_what_fills_the_room_gives_way() -> None:
    """Values without a limit never expire; those that only a flood sent must not keep a new probe out for ever."""
    home = Home()
    home.hear(dict.fromkeys(FAMILIES, 1.0))
    home.now += 5
    home.hear(dict.fromkeys(FAMILIES, 1.0))
    home.hear({"temperature_2": 4.0})
    assert "temperature_2" not in home.devices["attic"].values()

    home.now += HOUR_S
    home.hear({"temperature_2": 4.0})
    assert {"temperature_2": 4.0}.items() <= home.devices["attic"].values().items()


def test_expired_measurements_make_room() -> None:
    """After a firmware update, the measurements of the old firmware must not keep the new ones out."""
    home = Home(limit=fixed_limit(60))
    home.hear({f"count_{position}": 1.0 for position in range(1, MOST_SERIES + 1)})
    home.now += 60
    home.hear(FLOOD)

    assert MOST_SERIES == len(home.devices["attic"].values())
    assert 0 < len(FLOOD) - MOST_SERIES == home.devices["attic"].left_out


def test_what_is_left_out_and_what_is_displaced_is_counted() -> None:
    """The counts tell the owner that somebody else uses the sensor's address."""
    home = Home()
    attic = home.devices["attic"]
    home.hear({f"count_{position}": 1.0 for position in range(2, MOST_SERIES + 12)})
    assert 10 == attic.left_out
    home.hear({"temperature": 21.5})
    assert 11 == attic.left_out
    assert f"count_{MOST_SERIES + 1}" not in attic.values()


def test_a_measurement_that_is_left_out_is_no_update() -> None:
    """A measurement that nobody can see must not silence an alert on the last update."""
    home = Home()
    attic = home.devices["attic"]
    home.hear({f"count_{position}": 1.0 for position in range(1, MOST_SERIES + 1)})
    heard_s = attic.last_update_s
    home.now += 5
    home.hear({"temperature_70": 21.5})

    assert heard_s == attic.last_update_s


def test_a_flood_leaves_little_in_memory() -> None:
    """Without the limit, twenty flooded addresses took 182 MB, and kept 70 MB after everything had expired."""
    home = Home(limit=fixed_limit(60))
    home.hear(OWN)
    tracemalloc.start()
    try:
        for first in range(2, 82, 20):
            home.hear({f"{name}_{position}": 1.0 for position in range(first, first + 20) for name in FAMILIES})
            home.now += 61
        held, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # 64 measurements, each with up to 0.6 kB of history, take a tenth of this.
    assert held < 600_000


NAMES = st.builds(
    lambda name, position: f"{name}_{position}" if position > 1 else name,
    st.sampled_from(sorted(FAMILIES)),
    st.integers(1, 84),
)
PACKETS = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 2.0, 70.0, 2000.0]), st.sets(NAMES, max_size=80)), max_size=6)


@given(PACKETS, st.sampled_from(LIMITS), st.booleans())
def test_whatever_is_sent_a_device_has_few_series(
    packets: list[tuple[float, set[str]]], limit: Limit, is_triggered: bool
) -> None:
    """Each series takes memory here and in Prometheus, and anybody in range can send any number of names."""
    home = Home(limit=limit)
    for wait_s, names in packets:
        home.now += wait_s
        home.hear(dict.fromkeys(names, 1.0), is_triggered=is_triggered)
        assert len(home.devices["attic"].series) <= MOST_SERIES


@given(PACKETS)
def test_whatever_is_sent_the_established_measurements_stay(packets: list[tuple[float, set[str]]]) -> None:
    """Forged packets, with any names and at any time, must not remove the sensor's own measurements at position 1."""
    home = Home()
    hear_own(home, times=3)
    for wait_s, names in packets:
        home.now += wait_s
        home.hear(dict.fromkeys(names - OWN.keys(), 1.0))
        hear_own(home)
        assert OWN == own_values(home.devices["attic"])


@given(
    st.lists(
        st.tuples(
            st.integers(0, 40).map(lambda quarters: quarters / 4),
            st.lists(st.sampled_from(["temperature", "humidity", "battery", "voltage"]), unique=True),
        ),
        max_size=40,
    )
)
def test_each_measurement_has_its_own_rhythm(packets: list[tuple[float, list[str]]]) -> None:
    """Measurements share a rhythm to save memory, but a value must not outlast its own limit because of another."""
    home = Home()
    expected: dict[str, Rhythm] = {}
    for wait_s, names in packets:
        home.now += wait_s
        home.hear(dict.fromkeys(names, 1.0))
        for name in names:
            if name in expected:
                expected[name].hear(home.now)
            else:
                expected[name] = Rhythm(home.now)

    assert {name: rhythm.interval_s for name, rhythm in expected.items()} == {
        str(name): series.rhythm.interval_s for name, series in home.devices["attic"].series.items()
    }


def test_the_measurements_of_one_packet_share_a_rhythm() -> None:
    """A rhythm takes 0.2 kB, and 10,000 devices with six measurements each would need 60,000 of them."""
    home = Home()
    series = home.devices["attic"].series
    for _ in range(3):
        home.now += 5
        home.hear({"temperature": 21.5, "humidity": 45.0})
        home.now += 5
        home.hear({"voltage": 2.9})
    assert 2 == len({id(one.rhythm) for one in series.values()})

    home.now += 5
    home.hear({"temperature": 21.5})
    assert 3 == len({id(one.rhythm) for one in series.values()})


def test_a_measurement_that_is_displaced_in_its_own_packet_leaves_its_rhythm() -> None:
    """A flood must not make the sensor's own measurements learn its intervals."""
    home = Home()
    hear_own(home, times=3)
    for _ in range(3):
        home.now += 1
        home.hear({**FLOOD, **{f"{name}_2": 1.0 for name in OWN}, "door": 1.0})
    hear_own(home)

    series = home.devices["attic"].series
    sharers = Counter(id(one.rhythm) for one in series.values())
    assert all(one.rhythm.sharers == sharers[id(one.rhythm)] for one in series.values())
