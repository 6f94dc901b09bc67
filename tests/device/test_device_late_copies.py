"""Copies of packets that another adapter delivers after newer packets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.rhythm import fixed_limit
from tests.home import Home


@pytest.fixture
def home() -> Home:
    """A home with one sensor in the attic, on a clock that begins at 1000."""
    home = Home()
    home.now = 1000.0
    return home


def temperature(home: Home) -> float | None:
    """Return the attic's temperature, or None without one."""
    return {str(name): value for name, value in home.devices["attic"].values().items()}.get("temperature")


@pytest.mark.parametrize("newest_id", [8, 0])
def test_a_late_copy_is_not_the_present(home: Home, newest_id: int) -> None:
    """The kernel may hold a packet back for seconds: the older temperature must not replace the newer one."""
    before = (newest_id - 1) % 256
    home.hear({"temperature": 21.5}, adapter="hci0", packet_id=before)
    home.now = 1010.0
    home.hear({"temperature": 22.5}, adapter="hci0", packet_id=newest_id)
    home.now = 1011.0
    home.hear({"temperature": 21.5}, adapter="hci1", packet_id=before, rssi=-80)

    attic = home.devices["attic"]
    assert ({"temperature": 22.5}, 1010) == (attic.values(), attic.last_update_s)
    # The late copy still shows that hci1 hears the sensor.
    assert {"hci0": -60, "hci1": -80} == {adapter: heard.rssi for adapter, heard in attic.receptions.items()}
    assert 3 == attic.packets


@pytest.mark.parametrize(("adapter", "packet_id"), [("hci0", 7), ("hci1", 200), ("hci1", 3), ("hci1", None)])
def test_a_sensor_that_counts_anew_is_the_present(home: Home, adapter: str, packet_id: int | None) -> None:
    """After a battery change, or without packet ids, the values of the latest packet are the current ones."""
    home.hear({"temperature": 21.5}, adapter="hci0", packet_id=8)
    home.now += 1
    home.hear({"temperature": 3.5}, adapter=adapter, packet_id=packet_id)

    assert 3.5 == temperature(home)


def test_a_late_packet_whose_measurement_nobody_brought_newer_counts(home: Home) -> None:
    """Older firmware sends temperature and voltage under different ids, so a late temperature may be the newest."""
    home.hear({"temperature": 21.5}, adapter="hci0", packet_id=6)
    home.now = 1012.0
    home.hear({"voltage": 2.9}, adapter="hci0", packet_id=9)
    home.now = 1012.5
    home.hear({"temperature": 22.5}, adapter="hci1", packet_id=8)

    assert 22.5 == temperature(home)


def test_of_a_late_packet_only_the_older_measurements_are_left_out(home: Home) -> None:
    """The voltage of a late packet may be the newest one, and must not be lost."""
    home.hear({"temperature": 22.5}, adapter="hci0", packet_id=9)
    home.now += 1
    home.hear({"temperature": 21.5, "voltage": 2.9}, adapter="hci1", packet_id=8)

    attic = home.devices["attic"]
    assert ({"temperature": 22.5, "voltage": 2.9}, 1001) == (attic.values(), attic.last_update_s)


def test_a_late_copy_makes_no_repeat_of_the_newest_packet_new(home: Home) -> None:
    """A late copy that arrives between two repeats must not make the second repeat look like a new measurement."""
    home.hear({"temperature": 21.5}, adapter="hci0", packet_id=7)
    home.hear({"temperature": 22.5}, adapter="hci0", packet_id=8)
    home.now += 1
    home.hear({"temperature": 21.5}, adapter="hci1", packet_id=7)
    home.hear({"temperature": 22.5}, adapter="hci0", packet_id=8)

    assert 1000 == home.devices["attic"].last_update_s


def test_after_a_packet_without_id_nothing_is_late(home: Home) -> None:
    """Without a packet id, the order of two packets is unknown, and the one that arrived last must count."""
    home.hear({"temperature": 21.5}, adapter="hci0")
    home.hear({"temperature": 22.5}, adapter="hci1", packet_id=7)

    assert 22.5 == temperature(home)


def test_a_sensor_that_was_gone_and_restarted_is_heard_by_the_same_adapter() -> None:
    """The packets of one adapter arrive in order, so none of them may be ignored as a late copy."""
    home = Home(limit=fixed_limit(1))
    home.hear({"temperature": 20.0}, adapter="hci0", packet_id=3)
    home.now += 2
    home.hear({"temperature": 5.0}, adapter="hci0", packet_id=0)

    assert 5.0 == temperature(home)


@pytest.mark.parametrize(("wait_s", "expected"), [(4.9, 20.0), (5.0, 5.0), (60.0, 5.0)])
def test_a_sensor_that_began_anew_is_the_present_for_another_adapter_too(
    home: Home, wait_s: float, expected: float
) -> None:
    """After a battery change, an id may be just behind the latest, but the kernel holds no packet back for 5 s."""
    home.hear({"temperature": 20.0}, adapter="hci0", packet_id=3)
    home.now += wait_s
    home.hear({"temperature": 5.0}, adapter="hci1", packet_id=0)

    assert temperature(home) == expected


@given(
    start=st.integers(0, 255),
    heard=st.tuples(*[st.sets(st.integers(0, 40), max_size=40)] * 2),
    lag_s=st.floats(0, 4),
)
def test_a_slow_adapter_never_brings_back_the_past(start: int, heard: tuple[set[int], set[int]], lag_s: float) -> None:
    """With two lossy adapters, one of them late, the value of a sensor that counts up must never decrease."""
    home = Home()
    arrivals = [(1000.0 + number, number, "hci0") for number in heard[0]]
    arrivals += [(1000.0 + number + lag_s, number, "hci1") for number in heard[1]]
    newest = 0
    for home.now, number, adapter in sorted(arrivals):
        home.hear({"temperature": number}, packet_id=(start + number) % 256, adapter=adapter)
        newest = max(newest, number)

        assert temperature(home) == newest


def test_a_late_packet_of_the_other_kind_does_not_restart_the_transmission() -> None:
    """If the transmission restarted, the next repeat of the current values would count as a new measurement."""
    home = Home()
    home.hear({"temperature": 21.5}, packet_id=5, adapter="hci0")
    home.now += 0.1
    home.hear({"voltage": 2.9}, packet_id=4, adapter="hci1")
    last_update_s = home.devices["attic"].last_update_s
    home.now += 5
    home.hear({"temperature": 21.5}, packet_id=5, adapter="hci0")

    assert last_update_s == home.devices["attic"].last_update_s


def test_a_late_event_does_not_restart_the_transmission() -> None:
    """A late event contains no measurement, so only its packet id shows that it is late."""
    home = Home()
    home.hear({"temperature": 21.5}, packet_id=5, adapter="hci0")
    last_update_s = home.devices["attic"].last_update_s
    home.now += 2.5
    home.hear(others={"button": "press"}, packet_id=4, adapter="hci1")
    home.now += 2.5
    home.hear({"temperature": 21.5}, packet_id=5, adapter="hci0")

    assert last_update_s == home.devices["attic"].last_update_s


def test_a_copy_is_late_by_when_it_was_overtaken_not_by_the_latest_repeat() -> None:
    """Repeats of one packet, however long they go on, must not make a restarted sensor's first packet look late."""
    home = Home()
    for _ in range(5):
        home.hear({"temperature": 21.5}, packet_id=5, adapter="hci0")
        home.now += 4
    home.hear({"temperature": 3.5}, packet_id=4, adapter="hci1")

    assert {"temperature": 3.5} == home.devices["attic"].values()
