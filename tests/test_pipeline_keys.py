"""The way of an advertisement of a device that has a key: what is not authentic refreshes nothing."""

import logging
from collections.abc import Callable

import pytest

from ble_exporter.config.app_config import AppConfig
from ble_exporter.device.replay import QUIET_S
from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.formats.bthome import UUID
from ble_exporter.metrics.readings import Readings
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.model import Advertisement
from ble_exporter.pipeline import Pipeline, build_devices
from tests.conftest import PACKET_A
from tests.formats.sealing import (
    ADDRESS,
    KEY,
    OTHER_KEY,
    REVERSED,
    seal_atc,
    seal_mibeacon,
    seal_temperature,
    seal_v1,
    seal_v2,
)
from tests.home import samples_of

TEMPERATURE = "temperature_celsius['living_room']"


class House:
    """A pipeline for one sensor; unless the scan is shorter than 30 s, its radio listens all the time."""

    def __init__(self, log: logging.Logger, keys: dict[str, bytes], scan_duration_s: float = 30) -> None:
        self.now = 0.0
        config = AppConfig(30, scan_duration_s, 8000, {ADDRESS: "living_room"}, keys=keys)
        devices = build_devices(config, lambda: self.now)
        self.device = devices[ADDRESS]
        self.readings = Readings(devices.values(), lambda: self.now)
        self.counts = SelfMetrics()
        self._pipeline = Pipeline(devices, self.counts, log, lambda: self.now)

    def hear(self, service_data: dict[str, bytes], adapter: str = "hci0") -> dict[str, float]:
        """Hear an advertisement, at its own time and strength; return what a scrape shows then."""
        self.now += 1
        if self._pipeline.wants(ADDRESS):
            self._pipeline.handle(Advertisement(ADDRESS, service_data, 1000 + self.now, -int(self.now), adapter))
        return samples_of(self.readings)

    @property
    def rejected(self) -> dict[str, int]:
        """Reason to the number of advertisements that were rejected for it."""
        return {reason: count for reason, count in self.counts.rejected.items() if count}


@pytest.fixture
def house(log: logging.Logger) -> House:
    """A house in which the sensor has its key."""
    return House(log, {ADDRESS: KEY})


def test_what_was_encrypted_with_the_key_is_a_reading(house: House) -> None:
    """It is the purpose of the key."""
    assert 21 == house.hear({UUID: seal_temperature(21, 5)})[TEMPERATURE]
    assert 1 == house.counts.decoded


def test_the_key_of_an_address_is_found_whatever_its_case(log: logging.Logger) -> None:
    """Otherwise a device of an AppConfig that is built by hand would be read as if it had no key."""
    assert {} == House(log, {ADDRESS.lower(): KEY}).hear({UUID: PACKET_A})


REFUSED = {
    "not_encrypted": {UUID: PACKET_A},
    "wrong_key": {UUID: seal_temperature(99, 6, OTHER_KEY)},
    "replayed": {UUID: seal_temperature(99, 4)},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_not_authentic_is_counted_and_refreshes_nothing(house: House, reason: str) -> None:
    """Values, last update, RSSI and, for a silent device, `seen` must not come from a forged packet."""
    before = house.hear({UUID: seal_temperature(21, 5)})
    scan_began_s = house.now + 1

    assert before == house.hear(REFUSED[reason])
    assert ({reason: 1}, 1) == (house.rejected, house.counts.decoded)
    house.device.expire_unheard_since(scan_began_s)
    assert {} == samples_of(house.readings)


@pytest.mark.parametrize("payload", ["400005", "40FF"], ids=["packet id alone", "unknown object"])
def test_a_plain_packet_without_values_is_a_downgrade_too(house: House, payload: str) -> None:
    """Whoever looks for the fault must find it under its name."""
    house.hear({UUID: bytes.fromhex(payload)})

    assert {"not_encrypted": 1} == house.rejected


GENUINE_AND_PLAIN = [
    {bthome.UUID: seal_temperature(21, 5), bthome_v1.UUID: bytes.fromhex("2302c409")},
    {bthome_v1.UUID_ENCRYPTED: seal_v1(bytes.fromhex("2302c409"), 5), bthome.UUID: PACKET_A},
]


@pytest.mark.parametrize("service_data", GENUINE_AND_PLAIN, ids=["genuine first", "plain first"])
def test_a_plain_packet_does_not_get_in_beside_a_genuine_one(house: House, service_data: dict[str, bytes]) -> None:
    """Both are merged into one reading: whoever adds service data to a recording must gain nothing."""
    assert {} == house.hear(service_data)
    assert {"not_encrypted": 1} == house.rejected


def test_what_is_refused_does_not_move_the_count(house: House) -> None:
    """Otherwise a plain packet beside a genuine one would make the genuine one's repeat a replay."""
    house.hear({UUID: seal_temperature(21, 9), bthome_v1.UUID: bytes.fromhex("2302c409")})

    assert 22 == house.hear({UUID: seal_temperature(22, 8)})[TEMPERATURE]


def test_a_repeat_under_one_counter_is_heard_but_no_new_measurement(house: House) -> None:
    """Encrypted packets have no packet id; the counter is one."""
    last_update = "last_update_timestamp_seconds['living_room']"
    first = house.hear({UUID: seal_temperature(21, 5)})
    again = house.hear({UUID: seal_temperature(21, 5)})
    assert first[last_update] == again[last_update]
    assert -2 == again["rssi_dbm['hci0', 'living_room']"]

    other_half = house.hear({UUID: seal_temperature(22, 5)})
    assert 1003 == other_half[last_update]


def test_a_late_copy_from_a_second_adapter_is_heard_and_changes_no_value(house: House) -> None:
    """The kernel holds packets back: a late copy is neither a replay, with its warning, nor a new measurement."""
    house.hear({UUID: seal_temperature(21, 5)})
    house.hear({UUID: seal_temperature(22, 6)})
    late = house.hear({UUID: seal_temperature(21, 5)}, adapter="hci1")

    assert (22, {}) == (late[TEMPERATURE], house.rejected)
    assert -3 == late["rssi_dbm['hci1', 'living_room']"]


@pytest.mark.parametrize("after_s", range(10))
def test_no_value_goes_back_however_late_a_second_adapter_brings_it(house: House, after_s: int) -> None:
    """Whoever plays a recording to one adapter must gain nothing by that."""
    house.hear({UUID: seal_temperature(21, 5)})
    house.hear({UUID: seal_temperature(22, 6)})
    house.now += after_s

    assert 22 == house.hear({UUID: seal_temperature(21, 5)}, adapter="hci1")[TEMPERATURE]


def test_each_refusal_is_warned_of_once_with_the_remedy(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """Which sensor it is, and what its owner can do: other programs only say that something could not be decrypted."""
    house.hear({UUID: seal_temperature(21, 5)})
    caplog.clear()
    caplog.set_level(logging.WARNING)
    for refused in REFUSED.values():
        house.hear(refused)
        house.hear(refused)

    not_encrypted = (
        f"not_encrypted: {UUID} {PACKET_A.hex()}: the device has a bindkey, and this packet is plain: "
        "encryption was switched off in the firmware (switch it on, or remove the bindkey), "
        "or another sender uses its address"
    )
    wrong_key = (
        "wrong_key: the MIC does not match the key, the sender's address, and the bytes: "
        f"{REFUSED['wrong_key'][UUID].hex()}: compare the device's bindkey with the one on the firmware's page"
    )
    replayed = (
        "replayed: counter 4 is behind the latest, 5; 1 of the 3 counters that a restart needs: "
        "after a battery change the sensor is accepted within about a minute; or somebody replays a recording: "
        "docs/security.md"
    )
    assert [
        f"living_room ({ADDRESS}): rejected an advertisement: {words}" for words in (not_encrypted, wrong_key, replayed)
    ] == caplog.messages


def test_a_new_battery_is_logged_and_the_next_one_is_warned_of_again(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """A year later nobody remembers the warning."""
    house.hear({UUID: seal_temperature(21, 500_000)})
    caplog.set_level(logging.INFO)
    for battery in range(2):
        caplog.clear()
        house.now += QUIET_S
        for counter in range(4):
            house.hear({UUID: seal_temperature(20 + counter + battery * 10, counter)})
            house.now += 9
        assert ["WARNING", "INFO"] == [record.levelname for record in caplog.records]
        assert f"living_room ({ADDRESS}): restart accepted: probably a new battery" == caplog.messages[1]
        house.hear({UUID: seal_temperature(30, 60)})


@pytest.mark.parametrize(("scan_duration_s", "rejected"), [(30, 2), (5, 4)], ids=["without pause", "with pauses"])
def test_a_pause_between_two_scans_is_no_silence(log: logging.Logger, scan_duration_s: float, rejected: int) -> None:
    """Where nobody listened, a restart is believed only after a silence that is longer by the interval."""
    house = House(log, {ADDRESS: KEY}, scan_duration_s)
    house.hear({UUID: seal_temperature(21, 500_000)})
    house.now += QUIET_S - 20
    for counter in range(4):
        house.now += 9
        house.hear({UUID: seal_temperature(20 + counter, counter)})

    assert {"replayed": rejected} == house.rejected


def test_a_device_without_a_key_rejects_what_is_encrypted_and_reads_the_rest(log: logging.Logger) -> None:
    """Encrypted is the reason, and the remedy is to give it its key."""
    house = House(log, {})
    house.hear({UUID: seal_temperature(21, 5)})
    house.hear({UUID: PACKET_A})

    assert ({"encrypted": 1}, 1) == (house.rejected, house.counts.decoded)


@pytest.mark.parametrize(
    ("uuid", "seal", "plaintext"),
    [
        (bthome.UUID, seal_v2, "02c409"),
        (bthome_v1.UUID_ENCRYPTED, seal_v1, "2302c409"),
        (atc.UUID, seal_atc, "c40913135200"),
        (mibeacon.UUID, seal_mibeacon, "041002fa00"),
    ],
    ids=["BTHome v2", "BTHome v1", "pvvx", "MiBeacon"],
)
def test_each_encrypted_format_is_guarded(
    house: House, uuid: str, seal: Callable[[bytes, int], bytes], plaintext: str
) -> None:
    """A new packet is accepted, its repeat too, and a recording of an earlier one is a replay."""
    for counter in (5, 6, 6, 5):
        shown = house.hear({uuid: seal(bytes.fromhex(plaintext), counter)})

    assert (3, {"replayed": 1}) == (house.counts.decoded, house.rejected)
    assert TEMPERATURE in shown


def test_an_announcement_in_plain_is_neither_a_reading_nor_a_downgrade(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """An encrypted MiBeacon sensor sends such frames, too: a warning would be false, and a refresh a gift."""
    caplog.set_level(logging.WARNING)
    announcement = bytes.fromhex("30585b0502") + REVERSED + b"\x08"

    assert {} == house.hear({mibeacon.UUID: announcement})
    assert ({"no_service_data": 1}, []) == (house.rejected, caplog.messages)
