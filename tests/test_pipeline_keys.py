"""Advertisements of a device with a key: a packet that is not authentic refreshes nothing."""

import logging
from collections.abc import Callable

import pytest

from ble_exporter.config.app_config import AppConfig
from ble_exporter.device.clock import Clock
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


class KeyedPipeline:
    """A pipeline for one sensor; its radio listens all the time, unless the scans are shorter than 30 s."""

    def __init__(self, log: logging.Logger, keys: dict[str, bytes], scan_duration_s: float = 30) -> None:
        self.now = 0.0
        config = AppConfig(30, scan_duration_s, 8000, {ADDRESS: "living_room"}, keys=keys)
        devices = build_devices(config, lambda: self.now)
        self.device = devices[ADDRESS]
        self.readings = Readings(devices.values(), Clock(lambda: self.now, lambda: 1000 + self.now))
        self.counts = SelfMetrics()
        self._pipeline = Pipeline(devices, self.counts, log, lambda: self.now)

    def hear(self, service_data: dict[str, bytes], adapter: str = "hci0") -> dict[str, float]:
        """Pass an advertisement with a new time and RSSI to the pipeline; return the series of a scrape after it."""
        self.now += 1
        if self._pipeline.wants(ADDRESS):
            self._pipeline.handle(Advertisement(ADDRESS, service_data, -int(self.now), adapter))
        return samples_of(self.readings)

    @property
    def rejected(self) -> dict[str, int]:
        """The number of rejected advertisements by reason, without zeros."""
        return {reason: count for reason, count in self.counts.rejected.items() if count}


@pytest.fixture
def pipeline(log: logging.Logger) -> KeyedPipeline:
    """A pipeline for a sensor with its key."""
    return KeyedPipeline(log, {ADDRESS: KEY})


def test_what_was_encrypted_with_the_key_is_a_reading(pipeline: KeyedPipeline) -> None:
    """A packet encrypted with the configured key must reach the scrape."""
    assert 21 == pipeline.hear({UUID: seal_temperature(21, 5)})[TEMPERATURE]
    assert 1 == pipeline.counts.decoded


def test_the_key_of_an_address_is_found_whatever_its_case(log: logging.Logger) -> None:
    """If the case mattered, a device in another program's AppConfig would be read as if it had no key."""
    assert {} == KeyedPipeline(log, {ADDRESS.lower(): KEY}).hear({UUID: PACKET_A})


REFUSED = {
    "not_encrypted": {UUID: PACKET_A},
    "wrong_key": {UUID: seal_temperature(99, 6, OTHER_KEY)},
    "replayed": {UUID: seal_temperature(99, 4)},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_not_authentic_is_counted_and_refreshes_nothing(pipeline: KeyedPipeline, reason: str) -> None:
    """A forged packet must not affect the values, the last update, the RSSI, or `seen` of a silent device."""
    before = pipeline.hear({UUID: seal_temperature(21, 5)})
    scan_began_s = pipeline.now + 1

    assert before == pipeline.hear(REFUSED[reason])
    assert ({reason: 1}, 1) == (pipeline.rejected, pipeline.counts.decoded)
    pipeline.device.expire_unheard_since(scan_began_s)
    assert {} == samples_of(pipeline.readings)


@pytest.mark.parametrize("payload", ["400005", "40FF"], ids=["packet id alone", "unknown object"])
def test_a_plain_packet_without_values_is_a_downgrade_too(pipeline: KeyedPipeline, payload: str) -> None:
    """A user who searches for the fault must find it under the reason `not_encrypted`."""
    pipeline.hear({UUID: bytes.fromhex(payload)})

    assert {"not_encrypted": 1} == pipeline.rejected


GENUINE_AND_PLAIN = [
    {bthome.UUID: seal_temperature(21, 5), bthome_v1.UUID: bytes.fromhex("2302c409")},
    {bthome_v1.UUID_ENCRYPTED: seal_v1(bytes.fromhex("2302c409"), 5), bthome.UUID: PACKET_A},
]


@pytest.mark.parametrize("service_data", GENUINE_AND_PLAIN, ids=["genuine first", "plain first"])
def test_a_plain_packet_is_not_accepted_next_to_a_genuine_one(
    pipeline: KeyedPipeline, service_data: dict[str, bytes]
) -> None:
    """Both would be merged into one reading, so an attacker could add forged service data to a genuine packet."""
    assert {} == pipeline.hear(service_data)
    assert {"not_encrypted": 1} == pipeline.rejected


def test_what_is_refused_does_not_move_the_count(pipeline: KeyedPipeline) -> None:
    """If a refused packet counted as the latest one, the guard would refuse the sensor's next packets as replays."""
    pipeline.hear({UUID: seal_temperature(21, 9), bthome_v1.UUID: bytes.fromhex("2302c409")})

    assert 22 == pipeline.hear({UUID: seal_temperature(22, 8)})[TEMPERATURE]


def test_a_repeat_under_one_counter_is_heard_but_no_new_measurement(pipeline: KeyedPipeline) -> None:
    """An encrypted packet needs no packet id: its counter must tell a repeat from a new measurement."""
    last_update = "last_update_timestamp_seconds['living_room']"
    first = pipeline.hear({UUID: seal_temperature(21, 5)})
    again = pipeline.hear({UUID: seal_temperature(21, 5)})
    assert first[last_update] == again[last_update]
    assert -2 == again["rssi_dbm['hci0', 'living_room']"]

    other_half = pipeline.hear({UUID: seal_temperature(22, 5)})
    assert 1003 == other_half[last_update]


def test_a_late_copy_from_a_second_adapter_is_heard_and_changes_no_value(pipeline: KeyedPipeline) -> None:
    """The kernel may delay packets: a late copy must neither cause a replay warning nor count as a new measurement."""
    pipeline.hear({UUID: seal_temperature(21, 5)})
    pipeline.hear({UUID: seal_temperature(22, 6)})
    late = pipeline.hear({UUID: seal_temperature(21, 5)}, adapter="hci1")

    assert (22, {}) == (late[TEMPERATURE], pipeline.rejected)
    assert -3 == late["rssi_dbm['hci1', 'living_room']"]


@pytest.mark.parametrize("after_s", range(10))
def test_no_value_goes_back_however_late_a_second_adapter_brings_it(pipeline: KeyedPipeline, after_s: int) -> None:
    """An attacker who plays a recording to a second adapter must gain nothing."""
    pipeline.hear({UUID: seal_temperature(21, 5)})
    pipeline.hear({UUID: seal_temperature(22, 6)})
    pipeline.now += after_s

    assert 22 == pipeline.hear({UUID: seal_temperature(21, 5)}, adapter="hci1")[TEMPERATURE]


def test_each_refusal_is_warned_of_once_with_a_hint(pipeline: KeyedPipeline, caplog: pytest.LogCaptureFixture) -> None:
    """A warning must name the sensor and a remedy, not only report that a packet could not be decrypted."""
    pipeline.hear({UUID: seal_temperature(21, 5)})
    caplog.clear()
    caplog.set_level(logging.WARNING)
    for refused in REFUSED.values():
        pipeline.hear(refused)
        pipeline.hear(refused)

    not_encrypted = (
        f"not_encrypted: {UUID} {PACKET_A.hex()}: the device has a bindkey, but this packet is plain: "
        "encryption was switched off in the firmware (switch it on, or remove the bindkey), "
        "or another sender uses its address"
    )
    wrong_key = (
        "wrong_key: the MIC does not match the key, the sender's address, and the bytes: "
        f"{REFUSED['wrong_key'][UUID].hex()}: compare the device's bindkey with the one on the firmware's page"
    )
    replayed = (
        "replayed: counter 4 is behind the latest, 5; 1 of the 3 counters that a restart needs: "
        "after a battery change the sensor is accepted within about a minute; otherwise somebody may be "
        "replaying a recording, see docs/security.md"
    )
    assert [
        f"living_room ({ADDRESS}): rejected an advertisement: {words}" for words in (not_encrypted, wrong_key, replayed)
    ] == caplog.messages


def test_each_cause_of_a_replay_is_warned_of(pipeline: KeyedPipeline, caplog: pytest.LogCaptureFixture) -> None:
    """The warning about a battery change a year ago must not hide that somebody plays a recording today."""
    pipeline.hear({UUID: seal_temperature(21, 50_000)})
    caplog.set_level(logging.WARNING)
    for counter in (4, 5, 4000, 4001):
        pipeline.hear({UUID: seal_temperature(21, counter)})

    causes = ["1 of the 3 counters that a restart needs", "the sensor restarted long ago without being heard"]
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [True, True] == [words in warning for words, warning in zip(causes, warnings, strict=True)]


def test_a_new_battery_is_logged_and_the_next_one_is_warned_of_again(
    pipeline: KeyedPipeline, caplog: pytest.LogCaptureFixture
) -> None:
    """The next battery change may be a year later, when nobody remembers the first warning."""
    pipeline.hear({UUID: seal_temperature(21, 500_000)})
    caplog.set_level(logging.INFO)
    for battery in range(2):
        caplog.clear()
        pipeline.now += QUIET_S
        for counter in range(4):
            pipeline.hear({UUID: seal_temperature(20 + counter + battery * 10, counter)})
            pipeline.now += 9
        assert ["WARNING", "INFO"] == [record.levelname for record in caplog.records]
        assert f"living_room ({ADDRESS}): restart accepted: probably a new battery" == caplog.messages[1]
        pipeline.hear({UUID: seal_temperature(30, 60)})


@pytest.mark.parametrize(("scan_duration_s", "rejected"), [(30, 2), (5, 4)], ids=["without pause", "with pauses"])
def test_a_pause_between_two_scans_is_no_silence(log: logging.Logger, scan_duration_s: float, rejected: int) -> None:
    """A sensor may send unheard in a pause, so the silence before a restart must be longer by one scan interval."""
    pipeline = KeyedPipeline(log, {ADDRESS: KEY}, scan_duration_s)
    pipeline.hear({UUID: seal_temperature(21, 500_000)})
    pipeline.now += QUIET_S - 20
    for counter in range(4):
        pipeline.now += 9
        pipeline.hear({UUID: seal_temperature(20 + counter, counter)})

    assert {"replayed": rejected} == pipeline.rejected


def test_a_device_without_a_key_rejects_what_is_encrypted_and_reads_the_rest(log: logging.Logger) -> None:
    """The reason `encrypted` tells the user to configure a key; until then, plain packets must still be read."""
    pipeline = KeyedPipeline(log, {})
    pipeline.hear({UUID: seal_temperature(21, 5)})
    pipeline.hear({UUID: PACKET_A})

    assert ({"encrypted": 1}, 1) == (pipeline.rejected, pipeline.counts.decoded)


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
    pipeline: KeyedPipeline, uuid: str, seal: Callable[[bytes, int], bytes], plaintext: str
) -> None:
    """Each format has its own counter; in each, a repeat must be accepted, and a recording refused."""
    for counter in (5, 6, 6, 5):
        shown = pipeline.hear({uuid: seal(bytes.fromhex(plaintext), counter)})

    assert (3, {"replayed": 1}) == (pipeline.counts.decoded, pipeline.rejected)
    assert TEMPERATURE in shown


def test_an_announcement_in_plain_is_neither_a_reading_nor_a_downgrade(
    pipeline: KeyedPipeline, caplog: pytest.LogCaptureFixture
) -> None:
    """Encrypted MiBeacon sensors also send plain announcements, so a warning would be a false alarm."""
    caplog.set_level(logging.WARNING)
    announcement = bytes.fromhex("30585b0502") + REVERSED + b"\x08"

    assert {} == pipeline.hear({mibeacon.UUID: announcement})
    assert ({"no_service_data": 1}, []) == (pipeline.rejected, caplog.messages)
