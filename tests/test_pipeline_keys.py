"""The way of an advertisement of a device that has a key: what is not authentic refreshes nothing."""

import logging
from collections.abc import Callable

import pytest

from ble_exporter.device.replay import QUIET_S, Guard
from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.formats.bthome import UUID as PLAIN
from ble_exporter.formats.ciphers import ciphers_of
from ble_exporter.metrics.readings import Readings
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.model import Advertisement
from ble_exporter.parser import DECODERS
from ble_exporter.pipeline import Pipeline
from tests import sealed
from tests.conftest import PACKET_A, samples
from tests.formats import sealing
from tests.sealed import KEY, OTHER_KEY, UUID, Toy, seal

ADDRESS = "A4:C1:38:00:00:01"


class House:
    """A pipeline for a sensor with a key, and its clock."""

    def __init__(self, log: logging.Logger) -> None:
        self.now = 0.0
        self.readings = Readings()
        self.counts = SelfMetrics()
        guard = Guard(lambda: self.now)
        ciphers = {ADDRESS.lower(): Toy(KEY)}
        self._pipeline = Pipeline(
            {ADDRESS: "living_room"}, self.readings, self.counts, log, ciphers=ciphers, guard=guard
        )

    def hear(self, service_data: dict[str, bytes], adapter: str = "hci0") -> dict[str, float]:
        """Hear an advertisement, at its own time and strength; return what a scrape shows then."""
        self.now += 1
        if self._pipeline.wants(ADDRESS):
            self._pipeline.handle(Advertisement(ADDRESS, service_data, 1000 + self.now, -int(self.now), adapter))
        return samples(self.readings)

    @property
    def rejected(self) -> dict[str, int]:
        """How many were rejected, by reason."""
        return {reason: count for reason, count in self.counts.rejected.items() if count}


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch, log: logging.Logger) -> House:
    """A house in which one format more is known."""
    monkeypatch.setattr("ble_exporter.parser.DECODERS", {**DECODERS, UUID: sealed.decode})
    return House(log)


def test_what_was_encrypted_with_the_key_is_a_reading(house: House) -> None:
    """The point of having one."""
    assert house.hear({UUID: seal(5, 21)})["temperature_celsius['living_room']"] == 21
    assert house.counts.decoded == 1


REFUSED = {
    "not_encrypted": {PLAIN: PACKET_A},
    "wrong_key": {UUID: seal(6, 99, OTHER_KEY)},
    "replayed": {UUID: seal(4, 99)},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_not_authentic_is_counted_and_refreshes_nothing(house: House, reason: str) -> None:
    """Not the values, not the last update, not the RSSI; and not `seen`, for a device that was silent."""
    before = house.hear({UUID: seal(5, 21)})

    assert before == house.hear(REFUSED[reason])
    assert ({reason: 1}, 1) == (house.rejected, house.counts.decoded)
    house.readings.begin_scan()
    house.hear(REFUSED[reason])
    house.readings.end_scan()
    assert samples(house.readings) == {}


@pytest.mark.parametrize("payload", ["400005", "40FF"], ids=["packet id alone", "object that is not known"])
def test_what_is_not_encrypted_is_a_downgrade_though_no_value_can_be_read_from_it(house: House, payload: str) -> None:
    """Whoever looks for what is wrong must find it under its name."""
    house.hear({PLAIN: bytes.fromhex(payload)})

    assert house.rejected == {"not_encrypted": 1}


@pytest.mark.parametrize("first", [PLAIN, UUID])
def test_a_plain_packet_does_not_get_in_beside_a_genuine_one(house: House, first: str) -> None:
    """Both are merged into one reading: whoever adds service data to what was recorded must gain nothing."""
    both = {PLAIN: PACKET_A, UUID: seal(5, 21)}

    assert house.hear({uuid: both[uuid] for uuid in sorted(both, key=lambda uuid: uuid != first)}) == {}
    assert house.rejected == {"not_encrypted": 1}


def test_what_is_refused_does_not_move_the_count(house: House) -> None:
    """Or a plain packet beside a genuine one would make the genuine one's repeat a replay."""
    house.hear({PLAIN: PACKET_A, UUID: seal(9, 21)})

    assert house.hear({UUID: seal(8, 22)})["temperature_celsius['living_room']"] == 22


def test_a_decoder_that_opened_nothing_is_not_believed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in a format must not become a hole."""
    decoded = sealed.decode(seal(5, 21), ADDRESS, Toy(KEY))
    monkeypatch.setattr("ble_exporter.parser.DECODERS", {UUID: lambda _payload, _address, _cipher: decoded})

    assert house.hear({UUID: b"x"}) == {}
    assert house.rejected == {"not_encrypted": 1}


def test_a_repeat_under_one_counter_is_heard_but_no_new_measurement(house: House) -> None:
    """Encrypted packets have no packet id; the counter is one."""
    first = house.hear({UUID: seal(5, 21)})
    again = house.hear({UUID: seal(5, 21)})
    assert (
        first["last_update_timestamp_seconds['living_room']"] == again["last_update_timestamp_seconds['living_room']"]
    )
    assert again["rssi_dbm['hci0', 'living_room']"] == -2

    other_half = house.hear({UUID: seal(5, 22)})
    assert other_half["last_update_timestamp_seconds['living_room']"] == 1003


def test_what_a_second_adapter_tells_late_is_heard_and_changes_no_value(house: House) -> None:
    """The kernel holds packets back: that is no replay to be warned of, and no news."""
    house.hear({UUID: seal(5, 21)})
    house.hear({UUID: seal(6, 22)})
    late = house.hear({UUID: seal(5, 21)}, adapter="hci1")

    assert (late["temperature_celsius['living_room']"], house.rejected) == (22, {})
    assert late["rssi_dbm['hci1', 'living_room']"] == -3


@pytest.mark.parametrize("after_s", range(10))
def test_no_value_goes_back_however_late_a_second_adapter_tells_it(house: House, after_s: int) -> None:
    """Whoever plays a recording to one adapter must gain nothing by that."""
    house.hear({UUID: seal(5, 21)})
    house.hear({UUID: seal(6, 22)})
    house.now += after_s

    assert house.hear({UUID: seal(5, 21)}, adapter="hci1")["temperature_celsius['living_room']"] == 22


def test_each_refusal_is_warned_of_once_with_the_way_out(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """Which sensor it is, and what its owner can do: other programs only say that something could not be decrypted."""
    house.hear({UUID: seal(5, 21)})
    caplog.clear()
    caplog.set_level(logging.WARNING)
    for refused in REFUSED.values():
        house.hear(refused)
        house.hear(refused)

    not_encrypted = (
        f"not_encrypted: {PLAIN} {PACKET_A.hex()}: the device has a bindkey, and this packet was not encrypted: "
        "it was switched off in the firmware (switch it on, or remove the bindkey), or somebody else sends"
    )
    wrong_key = "wrong_key: the MIC is wrong: compare the device's bindkey with the one on the firmware's page"
    replayed = (
        "replayed: counter 4 was passed: the latest is 5; 1 of 3 steps to believe that the sensor started anew: "
        "a sensor with a new battery is believed within a minute or so; or somebody sends what was recorded: "
        "docs/security.md"
    )
    assert [
        f"living_room ({ADDRESS}): rejected an advertisement: {words}" for words in (not_encrypted, wrong_key, replayed)
    ] == caplog.messages


def test_a_new_battery_is_told_of_and_the_next_one_is_warned_of_again(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """A year later nobody remembers the warning."""
    house.hear({UUID: seal(500_000, 21)})
    caplog.set_level(logging.INFO)
    for _battery in range(2):
        caplog.clear()
        house.now += QUIET_S
        for counter in range(4):
            house.hear({UUID: seal(counter, 20 + counter + _battery * 10)})
            house.now += 9
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
        assert caplog.messages[1] == f"living_room ({ADDRESS}): counts anew, and is believed: a new battery"
        house.hear({UUID: seal(60, 30)})


def test_a_device_without_a_key_is_as_before(monkeypatch: pytest.MonkeyPatch, log: logging.Logger) -> None:
    """Encrypted is the reason, and the remedy is to give it its key."""
    monkeypatch.setattr("ble_exporter.parser.DECODERS", {**DECODERS, UUID: sealed.decode})
    counts = SelfMetrics()
    pipeline = Pipeline({ADDRESS: "living_room"}, Readings(), counts, log)
    pipeline.handle(Advertisement(ADDRESS, {UUID: seal(5, 21)}, 1000.0))
    pipeline.handle(Advertisement(ADDRESS, {PLAIN: PACKET_A}, 1000.0))

    assert (counts.rejected["encrypted"], counts.decoded) == (1, 1)


@pytest.mark.parametrize(
    ("uuid", "sealed_by", "plaintext"),
    [
        (bthome.UUID, sealing.seal_v2, "02c409"),
        (bthome_v1.UUID_ENCRYPTED, sealing.seal_v1, "2302c409"),
        (atc.UUID, sealing.seal_atc, "c40913135200"),
        (mibeacon.UUID, sealing.seal_mibeacon, "041002fa00"),
    ],
    ids=["BTHome v2", "BTHome v1", "pvvx", "MiBeacon"],
)
def test_each_encrypted_format_is_guarded(
    log: logging.Logger, uuid: str, sealed_by: Callable[[bytes, int], bytes], plaintext: str
) -> None:
    """With the real cipher: news is taken, its repeat too, and what was recorded before is a replay."""
    counts, readings = SelfMetrics(), Readings()
    ciphers = ciphers_of({sealing.ADDRESS: sealing.KEY})
    pipeline = Pipeline({sealing.ADDRESS: "attic"}, readings, counts, log, ciphers=ciphers, guard=Guard(lambda: 0.0))

    for counter in (5, 6, 6, 5):
        if pipeline.wants(sealing.ADDRESS):
            service_data = {uuid: sealed_by(bytes.fromhex(plaintext), counter)}
            pipeline.handle(Advertisement(sealing.ADDRESS, service_data, 1000.0, -60))

    assert (counts.decoded, counts.rejected["replayed"]) == (3, 1)
    assert "temperature_celsius['attic']" in samples(readings)


def test_an_announcement_in_plain_is_neither_a_reading_nor_a_downgrade(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """An encrypted MiBeacon sensor sends such frames, too: a warning would be false, and a refresh a gift."""
    caplog.set_level(logging.WARNING)
    counts, readings = SelfMetrics(), Readings()
    pipeline = Pipeline({ADDRESS: "attic"}, readings, counts, log, ciphers=ciphers_of({ADDRESS: sealing.KEY}))

    if pipeline.wants(ADDRESS):
        announcement = bytes.fromhex("30585b050201000038c1a408")
        pipeline.handle(Advertisement(ADDRESS, {mibeacon.UUID: announcement}, 1000.0, -60))

    assert (samples(readings), counts.rejected["no_service_data"], caplog.messages) == ({}, 1, [])
