"""Which packets are new measurements, and which are repeats or copies from another adapter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.home import Home

A, B = {"temperature": 21.5, "humidity": 45.0}, {"voltage": 2.9}


@pytest.fixture
def home() -> Home:
    """A home with one sensor in the attic."""
    return Home()


def hear(home: Home, *packets: tuple[float, dict[str, float], int | None]) -> None:
    """Send packets from the attic's sensor: monotonic time in seconds, measurements, packet id."""
    for home.now, measurements, packet_id in packets:
        home.hear(measurements, packet_id=packet_id)


def updated_s(home: Home) -> float | None:
    """Return the monotonic time of the attic's last update, in seconds."""
    last_update_s = home.devices["attic"].last_update_s
    return None if last_update_s is None else last_update_s


def test_a_repeated_packet_is_no_new_measurement(home: Home) -> None:
    """The firmware repeats a measurement, as A B A B under one id, and a repeat must not make the values look newer."""
    hear(home, (1000.0, A, 7), (1002.5, B, 7), (1005.0, A, 7), (1007.5, B, 7))

    assert 1002.5 == updated_s(home)


def test_a_new_packet_id_is_a_new_measurement_of_the_same_values(home: Home) -> None:
    """A sensor in a cellar with a constant temperature must not look dead."""
    hear(home, (1000.0, A, 7), (1010.0, A, 8))

    assert 1010.0 == updated_s(home)


def test_a_packet_id_begins_anew_after_255(home: Home) -> None:
    """The id is one byte: neither 0 after 255 nor an id from 256 measurements ago is a repeat."""
    hear(home, (1000.0, A, 255))
    times = []
    for number in range(600):
        hear(home, (2000.0 + number, A, number % 256))
        times.append(updated_s(home))

    assert times == [2000.0 + number for number in range(600)]


def test_another_value_under_the_same_packet_id_is_new(home: Home) -> None:
    """A sensor may send a sudden change immediately, under the id of its previous measurement."""
    hear(home, (1000.0, A, 7), (1001.0, {"temperature": 22.0}, 7))

    assert 1001.0 == updated_s(home)


def test_without_packet_id_every_packet_is_new(home: Home) -> None:
    """Without an id, a repeat and an equal new measurement look the same; a working sensor must not look dead."""
    hear(home, (1000.0, A, None), (1005.0, A, None))

    assert 1005.0 == updated_s(home)


def test_a_repeat_after_a_packet_without_id_is_new(home: Home) -> None:
    """A packet without an id ends the transmission, so the same id and values after it are a new measurement."""
    hear(home, (1000.0, A, 7), (1001.0, B, None), (1002.0, A, 7))

    assert 1002.0 == updated_s(home)


def test_a_copy_that_another_adapter_heard_is_a_repeat(home: Home) -> None:
    """Two adapters that hear one packet still hear only one measurement."""
    home.now = 1000.0
    home.hear(A, packet_id=7, adapter="hci0")
    home.now = 1000.25
    home.hear(A, packet_id=7, adapter="hci1")

    assert 1000.0 == updated_s(home)


def test_a_repeat_is_heard_all_the_same(home: Home) -> None:
    """A sensor that measures every ten minutes must not look dead in between: its repeats keep its values and RSSI."""
    hear(home, (1000.0, A, 7))
    home.begin_scan()
    home.now = 1030.0
    home.hear(A, packet_id=7, rssi=-70)
    home.end_scan()

    attic = home.devices["attic"]
    assert (1000.0, A, True) == (updated_s(home), attic.values(), attic.is_present)
    assert [-70] == [reception.rssi for reception in attic.receptions.values() if reception.is_shown]


def test_a_packet_that_comes_again_after_the_device_was_gone_is_new(home: Home) -> None:
    """An expired device has no last update, and would have none later if the same packet counted as a repeat."""
    hear(home, (1000.0, A, 7))
    home.now = 1030.0
    home.begin_scan()
    home.end_scan()
    assert updated_s(home) is None
    hear(home, (1090.0, A, 7))

    assert 1090.0 == updated_s(home)


PACKETS = st.tuples(
    st.dictionaries(st.sampled_from(["temperature", "humidity", "voltage"]), st.sampled_from([0.0, 1.0])),
    st.none() | st.sampled_from([7, 8, 255]),
)


@given(st.lists(PACKETS, max_size=30))
def test_what_one_adapter_hears_is_new_unless_it_was_said_under_the_id(
    packets: list[tuple[dict[str, float], int | None]],
) -> None:
    """No order of packets may make a repeat look new, or a new measurement look like a repeat."""
    home = Home()
    said: dict[str, float] = {}
    shown: dict[str, float] = {}
    latest_id: int | None = None
    expected = None
    for home.now, (measurements, packet_id) in enumerate(packets, 1000):
        home.hear(measurements, packet_id=packet_id)
        shown |= measurements
        if packet_id is None or packet_id != latest_id:
            said = {}
        if not measurements.items() <= said.items():
            expected = home.now
        said |= measurements
        latest_id = packet_id

        assert (shown, expected) == (home.devices["attic"].values(), updated_s(home))
