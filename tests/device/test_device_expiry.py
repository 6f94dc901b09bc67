"""How long a device, and each of its values and receptions, counts as present."""

import math
from collections.abc import Iterable
from itertools import pairwise
from statistics import median_low

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.config.stale_after import StaleAfter
from ble_exporter.device.lifetime import lifetime_of
from ble_exporter.device.rhythm import BURST_S, GAPS, NO_LIMIT, Limit, fixed_limit, learned_limit
from ble_exporter.parser import parse_bthome
from tests.conftest import PACKET_A, PACKET_B
from tests.home import Home


def hear_each(home: Home, seconds: Iterable[float], measurements: dict[str, float]) -> None:
    """Send these measurements from the attic's sensor after each wait, in seconds since the previous packet."""
    for wait in seconds:
        home.now += wait
        home.hear(measurements)


def shown(home: Home) -> set[str]:
    """Return the names of the attic's measurements and adapters that have not expired."""
    attic = home.devices["attic"]
    attic.expire(home.now)
    adapters = {adapter for adapter, reception in attic.receptions.items() if reception.is_shown}
    return {str(measurement) for measurement in attic.values()} | adapters


def test_a_value_shows_for_its_time_and_no_longer() -> None:
    """Users rely on the documented limit, and a device must not outlive its last value."""
    home = Home(limit=fixed_limit(90))
    attic = home.devices["attic"]
    home.hear({"temperature": 21.5}, adapter="hci0")
    home.now += 89.9

    assert {"temperature", "hci0"} == shown(home)
    assert (True, True) == (attic.is_present, attic.last_update_s is not None)
    home.now += 0.1
    assert set() == shown(home)
    assert (False, None) == (attic.is_present, attic.last_update_s)


def test_a_voltage_does_not_live_on_the_temperature_s_freshness() -> None:
    """A value that was heard long ago is not current, whatever other values the device sends."""
    home = Home(limit=fixed_limit(90))
    home.hear({"temperature": 21.5, "voltage": 2.9})
    hear_each(home, [60, 30], {"temperature": 21.5})

    assert "temperature" in shown(home)
    assert "voltage" not in shown(home)


def test_a_packet_without_measurement_keeps_the_device_but_none_of_its_values() -> None:
    """A packet without a measurement proves that the device still sends, but confirms none of its values."""
    home = Home(limit=fixed_limit(90))
    home.hear({"temperature": 21.5}, adapter="hci0")
    home.now += 60
    home.hear(adapter="hci0")
    home.now += 30

    assert {"hci0"} == shown(home)


def test_an_adapter_s_reception_ends_though_another_hears_the_device() -> None:
    """A sensor that was carried into another room must not seem to be near both adapters."""
    home = Home(limit=fixed_limit(90))
    home.hear({"temperature": 21.5}, adapter="hci0")
    home.now += 60
    home.hear({"temperature": 21.5}, adapter="hci1")
    home.now += 30

    assert {"temperature", "hci1"} == shown(home)


def test_what_expired_does_not_come_back_with_another_measurement() -> None:
    """An expired value must not reappear, even if no scrape removed it before the next packet."""
    home = Home(limit=fixed_limit(90))
    home.hear({"temperature": 21.5}, adapter="hci0")
    home.now += 100
    home.hear({"voltage": 2.9}, adapter="hci1")

    assert {"voltage", "hci1"} == shown(home)


def test_a_device_that_was_gone_begins_anew() -> None:
    """The last update expires with the device; a later packet without a measurement must not restore it."""
    home = Home(limit=fixed_limit(90))
    home.hear({"temperature": 21.5})
    home.now += 90
    home.hear()

    assert home.devices["attic"].is_present
    assert home.devices["attic"].last_update_s is None


def test_without_a_limit_time_changes_nothing() -> None:
    """Without a limit, only the end of a scan expires values: those of the latest scan stay until the next one ends."""
    home = Home(limit=NO_LIMIT)
    home.hear({"temperature": 21.5})
    version = home.devices["attic"].revision.number
    home.now += 1e6

    assert "temperature" in shown(home)
    assert (version, math.inf) == (home.devices["attic"].revision.number, home.devices["attic"].expires_at)


def test_a_scan_ends_what_it_did_not_hear() -> None:
    """A fresh temperature must not make the previous scan's voltage, or another adapter's RSSI, look current."""
    home = Home()
    home.hear({"temperature": 21.5, "voltage": 2.9}, adapter="hci0")
    home.now += 30
    home.begin_scan()
    home.hear({"temperature": 21.6}, adapter="hci1")
    home.end_scan()

    assert {"temperature", "hci1"} == shown(home)


def test_a_scan_keeps_what_was_heard_at_its_very_beginning() -> None:
    """The clock may not have advanced between the start of the scan and the packet."""
    home = Home()
    home.begin_scan()
    home.hear({"temperature": 21.5})
    home.now += 5
    home.end_scan()

    assert "temperature" in shown(home)


def test_where_nothing_is_due_nothing_changes() -> None:
    """A new version without a change would make the exposition write its text again at each scrape."""
    home = Home(limit=fixed_limit(90))
    attic = home.devices["attic"]
    home.hear({"temperature": 21.5})
    versions = []
    for wait in (0, 89, 1, 1000):
        home.now += wait
        attic.expire(home.now)
        versions.append(attic.revision.number)

    assert versions[0] == versions[1] < versions[2] == versions[3]


def test_a_check_that_expires_nothing_changes_nothing() -> None:
    """With learned limits, a check becomes due long before a value expires, and must not slow down the next scrape."""
    home = Home(limit=lambda interval_s: 900 if interval_s else 60)
    home.hear({"temperature": 21.5})
    home.now += 100
    home.hear({"temperature": 21.5})
    revision = home.devices["attic"].revision
    before = revision.number, revision.shape
    home.now += 100
    home.devices["attic"].expire(home.now)
    home.devices["attic"].expire_unheard_since(home.now - 100)

    assert before == (revision.number, revision.shape)


def test_a_lost_packet_makes_no_gap_at_the_default_cadence() -> None:
    """Half of the firmware's packets of each kind are lost for an hour, and the graphs must still have no gaps."""
    home = Home(limit=learned_limit())
    packets = [parse_bthome(PACKET_A), parse_bthome(PACKET_B)]
    for number in range(4, 1440):
        home.now += 2.5
        if number % 4 < 2:
            home.hear(packets[number % 2])
        assert number < 6 or {"temperature", "voltage"} <= shown(home)


def test_a_dead_sensor_is_gone_after_a_minute_of_listening() -> None:
    """Graphs and alerts must show a dead sensor after a minute, for the values of both of its packets."""
    home = Home(limit=learned_limit())
    for number in range(1440):
        home.now += 2.5
        home.hear(parse_bthome(PACKET_B if number % 2 else PACKET_A))
    home.now += 57.4
    assert {"temperature", "voltage"} <= shown(home)
    home.now += 0.1
    assert "temperature" not in shown(home)
    assert "voltage" in shown(home)
    home.now += 2.5
    assert set() == shown(home)


@pytest.mark.parametrize("heard_before", [1, 20])
def test_a_sensor_that_misses_two_short_scans_stays(heard_before: int) -> None:
    """A scan of 5 s every 30 s hears one temperature packet: losing two in a row is common."""
    home = Home(limit=learned_limit(30))
    hear_each(home, [30] * heard_before, {"temperature": 21.5})
    for _second in range(90):
        home.now += 1
        assert "temperature" in shown(home)


def test_a_sensor_that_is_slower_than_the_floor_is_learned() -> None:
    """If its rhythm were not learned, a sensor that sends every 2 minutes would expire after every packet."""
    home = Home(limit=learned_limit())
    home.hear({"temperature": 21.5})
    home.now += 119
    assert set() == shown(home)
    hear_each(home, [1], {"temperature": 21.5})
    home.now += 119

    assert "temperature" in shown(home)


def test_each_measurement_has_its_own_limit() -> None:
    """A voltage that is sent once a minute must not keep a temperature, or another device's voltage, alive."""
    home = Home("attic", "cellar", limit=learned_limit())
    for second in range(0, 600, 5):
        home.hear({"temperature": 21.5, "voltage": 2.9} if second % 60 == 0 else {"temperature": 21.5})
        home.hear({"voltage": 2.9}, device="cellar")
        home.now += 5
    home.now += 60

    assert {"voltage"} == shown(home)
    home.devices["cellar"].expire(home.now)
    assert {} == home.devices["cellar"].values()


def test_a_late_copy_from_another_adapter_teaches_no_rhythm() -> None:
    """Gaps of 3 s and 117 s alternate: their median would make a healthy sensor's value expire between its packets."""
    home = Home(limit=learned_limit())
    for packet_id in range(20):
        for adapter, wait in (("hci0", 3), ("hci1", 117)):
            home.hear({"temperature": 21.5}, packet_id=packet_id, adapter=adapter)
            home.now += wait
    home.now += 300

    assert "temperature" in shown(home)


def test_what_another_adapter_hears_first_is_part_of_the_rhythm() -> None:
    """Each of two adapters misses every second packet of each kind: the interval must be learned from both together."""
    home = Home(limit=learned_limit())
    for packet_id in range(10):
        home.hear({"temperature": 21.5}, packet_id=packet_id, adapter=f"hci{packet_id % 2}")
        home.hear({"voltage": 2.9}, packet_id=packet_id, adapter=f"hci{1 - packet_id % 2}")
        home.now += 60
    home.now += 240

    assert {"temperature", "voltage"} <= shown(home)


PACKETS = st.tuples(
    st.integers(0, 200),
    st.sampled_from([{"temperature": 21.5}, {"voltage": 2.9}, {"temperature": 21.5, "voltage": 2.9}, {}]),
    st.sampled_from(["hci0", "hci1"]),
    st.booleans(),
)
LIMITS = [fixed_limit(1), fixed_limit(90), learned_limit(), learned_limit(30), learned_limit(400)]


@given(st.lists(PACKETS, max_size=40), st.integers(0, 1000), st.sampled_from(LIMITS))
def test_what_was_heard_within_its_limit_is_left_and_nothing_else(
    packets: list[tuple[int, dict[str, float], str, bool]], silence: int, limit: Limit
) -> None:
    """No order of packets and scrapes may keep a value beyond its limit, or remove it before its limit."""
    home = Home(limit=limit)
    heard: dict[str, list[float]] = {}

    def is_left(times: list[float]) -> bool:
        gaps_s = [later - earlier for earlier, later in pairwise(times)]
        gaps_s = [gap_s for gap_s in gaps_s if gap_s >= BURST_S][-GAPS:]
        return home.now - times[-1] < limit(median_low(gaps_s) if gaps_s else None)

    def check() -> None:
        left = {name for name, times in heard.items() if is_left(times)}
        assert (left, bool(left)) == (shown(home), home.devices["attic"].is_present)

    for wait, measurements, adapter, is_looked_at in packets:
        home.now += wait
        if is_looked_at:
            check()
        home.hear(measurements, adapter=adapter)
        for name in [adapter, *measurements]:
            heard.setdefault(name, []).append(home.now)
    check()
    home.now += silence
    check()


AUTO = lifetime_of("auto", learned_limit())


def test_a_door_keeps_its_state_until_it_moves() -> None:
    """A door that is closed for a day sends nothing, and is still closed; only its signal strength is unknown."""
    home = Home(lifetime=AUTO)
    attic = home.devices["attic"]
    home.hear({"door": 0.0, "battery": 97.0}, packet_id=7, adapter="hci0", is_triggered=True)
    heard_s = home.now
    home.now += 86_400
    assert {"door", "battery"} == shown(home)
    assert (True, heard_s, math.inf) == (attic.is_present, attic.last_update_s, attic.presence_limit_s)

    home.hear({"door": 1.0}, packet_id=8, adapter="hci0", is_triggered=True)
    assert {"door": 1.0, "battery": 97.0} == attic.values()
    assert home.now == attic.last_update_s


def test_a_sensor_that_sends_regularly_again_expires_again() -> None:
    """One packet with the trigger bit, perhaps a forged one, must not make a dead thermometer look alive for ever."""
    home = Home(lifetime=AUTO)
    home.hear({"temperature": 21.5})
    home.hear({"temperature": 99.0, "door": 1.0}, is_triggered=True)
    home.hear({"temperature": 21.5})
    assert {"temperature", "door", ""} == shown(home)
    home.now += 60

    assert set() == shown(home)
    assert 60 == home.devices["attic"].presence_limit_s


@pytest.mark.parametrize("setting", [90, "never"])
def test_a_set_limit_counts_whatever_the_trigger_bit_says(setting: StaleAfter) -> None:
    """A limit that the owner has set must override what the trigger bit suggests."""
    home = Home(lifetime=lifetime_of(setting, learned_limit()))
    for is_triggered in (True, False):
        home.hear({"door": 1.0}, is_triggered=is_triggered)
        home.now += 90
        assert ("door" in shown(home)) == (setting == "never")


def test_a_slow_sender_needs_a_limit_of_its_own() -> None:
    """With a limit of two hours, a sensor that sends every 40 minutes has no gaps, and is not reported as silent."""
    home = Home(lifetime=lifetime_of(7200, learned_limit()))
    for _ in range(5):
        home.hear({"temperature": 21.5})
        home.now += 2399
        assert "temperature" in shown(home)
        assert home.devices["attic"].presence_limit_s >= 7200
        home.now += 1
    home.now += 4800
    assert set() == shown(home)
