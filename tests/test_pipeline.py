"""The path of one advertisement through the pipeline."""

import json
import logging
import math
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.config.app_config import AppConfig
from ble_exporter.device.clock import Clock
from ble_exporter.formats import bthome_v1, mibeacon
from ble_exporter.formats.bthome import UUID
from ble_exporter.metrics.readings import Readings
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.model import Advertisement, Batch
from ble_exporter.pipeline import Pipeline, build_devices
from ble_exporter.status.device_status import DeviceStatus
from tests.conftest import PACKET_A
from tests.formats.sealing import ADDRESS, KEY, seal_v2
from tests.home import samples_of

LIVING_ROOM, BEDROOM, UNKNOWN = "A4:C1:38:00:00:01", "A4:C1:38:00:00:02", "A4:C1:38:FF:FF:FF"
ENCRYPTED = bytes.fromhex("41e445f3c9962b332211006c7c4519")


class Air:
    """A pipeline for the devices of a configuration, on a clock that the test sets."""

    def __init__(self, config: AppConfig, log: logging.Logger) -> None:
        self.now = 0.0
        self.devices = build_devices(config, lambda: self.now)
        self.readings = Readings(self.devices.values(), Clock(lambda: self.now))
        self.counts = SelfMetrics()
        self._pipeline = Pipeline(self.devices, self.counts, log, lambda: self.now)

    def send(self, service_data: dict[str, bytes], address: str = LIVING_ROOM, age_s: float = 0.0) -> dict[str, float]:
        """Pass an advertisement to the pipeline as a radio does; return the series of a scrape after it."""
        if self._pipeline.wants(address):
            self._pipeline.handle(Advertisement(address, service_data, -60, age_s=age_s))
        return samples_of(self.readings)

    @property
    def rejected(self) -> dict[str, int]:
        """The number of rejected advertisements by reason, without zeros."""
        return {reason: count for reason, count in self.counts.rejected.items() if count}


@pytest.fixture
def air(app_config: AppConfig, log: logging.Logger) -> Air:
    """A pipeline for the two devices of `app_config`."""
    return Air(app_config, log)


def test_an_advertisement_of_a_configured_device_becomes_a_reading(air: Air) -> None:
    """A packet from the radio must reach the scrape."""
    shown = air.send({UUID: PACKET_A})

    assert 27.01 == shown["temperature_celsius['living_room']"]
    assert (1, 1) == (air.counts.received, air.counts.decoded)


def test_a_packet_counts_from_the_time_of_its_reception(air: Air) -> None:
    """A radio may deliver packets in batches; the rhythm and the age of a value must not depend on that."""
    air.now = 100.0
    air.send({UUID: PACKET_A}, age_s=0.25)
    air.send({UUID: b"\x40\x01"}, age_s=0.5)

    device = air.devices[LIVING_ROOM]
    assert (99.75, ("truncated", 99.5)) == (device.heard_s, device.refusal)


def test_an_unknown_device_is_counted_and_nothing_else(air: Air) -> None:
    """A neighbour's sensor must never appear on a graph."""
    assert {} == air.send({UUID: PACKET_A}, UNKNOWN)
    assert (1, 0, 1) == (air.counts.received, air.counts.decoded, air.counts.unknown_device)


def test_addresses_of_a_configuration_match_whatever_their_case(app_config: AppConfig, log: logging.Logger) -> None:
    """`load_config` converts addresses to upper case, but another program can create an AppConfig with lower case."""
    air = Air(replace(app_config, devices={LIVING_ROOM.lower(): "attic"}), log)

    assert 27.01 == air.send({UUID: PACKET_A})["temperature_celsius['attic']"]


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_the_trigger_bit_reaches_the_device(app_config: AppConfig, log: logging.Logger, is_encrypted: bool) -> None:
    """A door sends only when it moves: without this bit, its state would expire though nothing has changed."""
    keys = {ADDRESS: KEY} if is_encrypted else {}
    air = Air(replace(app_config, devices={ADDRESS: "hall"}, keys=keys, stale_after_seconds="auto"), log)
    door = b"\x1a\x01"
    air.send({UUID: seal_v2(door, information=0x45) if is_encrypted else b"\x44" + door}, ADDRESS)
    air.now += 86_400

    assert {"seen['hall']", "door['hall']", "last_update_timestamp_seconds['hall']"} == samples_of(air.readings).keys()


@pytest.mark.parametrize(
    ("service_data", "reason"),
    [
        ({UUID: b""}, "truncated"),
        ({UUID: b"\x20"}, "wrong_version"),
        ({UUID: ENCRYPTED}, "encrypted"),
        ({UUID: b"\x42"}, "reserved_bit"),
        ({}, "no_service_data"),
        ({"0000feaa-0000-1000-8000-00805f9b34fb": b"x"}, "no_known_format"),
        ({UUID: bytes(256)}, "too_long"),
    ],
)
def test_a_rejected_advertisement_is_counted_by_reason_and_refreshes_nothing(
    air: Air, service_data: dict[str, bytes], reason: str
) -> None:
    """A packet that could not be read must not keep old values alive."""
    assert {} == air.send(service_data)
    assert {reason: 1} == air.rejected
    assert {reason: 1} == air.devices[LIVING_ROOM].refused


def test_a_rejection_is_logged_once_for_each_device_and_reason(air: Air, caplog: pytest.LogCaptureFixture) -> None:
    """The user must see the warning, but invalid packets, perhaps one every 2.5 s, must not fill the SD card."""
    caplog.set_level(logging.INFO)
    for address in (LIVING_ROOM, LIVING_ROOM, BEDROOM):
        air.send({UUID: ENCRYPTED}, address)

    detail = f"the payload is encrypted, and there is no key: {ENCRYPTED.hex()}"
    hint = "give the device its bindkey in the configuration"
    assert [
        f"{device} ({address}): rejected an advertisement: encrypted: {detail}: {hint}"
        for device, address in (("living_room", LIVING_ROOM), ("bedroom", BEDROOM))
    ] == caplog.messages


def test_a_device_is_logged_when_it_is_first_heard(air: Air, caplog: pytest.LogCaptureFixture) -> None:
    """A new user watches the log for the first readings."""
    caplog.set_level(logging.INFO)
    for _ in range(2):
        air.send({UUID: PACKET_A})

    values = "battery 81 %, temperature 27.01 °C, humidity 44.93 %, RSSI -60 dBm"
    assert [f"heard living_room ({LIVING_ROOM}) for the first time: {values}"] == caplog.messages


@given(st.lists(st.tuples(st.sampled_from([LIVING_ROOM, UNKNOWN]), st.binary(max_size=400))))
def test_every_advertisement_is_counted_once(packets: list[tuple[str, bytes]]) -> None:
    """If a packet were counted under no reason, the counters would not add up, and nobody could say why."""
    log = logging.getLogger("test")
    log.setLevel(logging.CRITICAL)
    air = Air(AppConfig(30, 5, 8000, {LIVING_ROOM: "living_room"}), log)
    for address, payload in packets:
        air.send({UUID: payload}, address)

    unknown = sum(address == UNKNOWN for address, _ in packets)
    assert (len(packets), unknown) == (air.counts.received, air.counts.unknown_device)
    assert len(packets) - unknown == air.counts.decoded + sum(air.rejected.values())


def test_an_unknown_object_is_counted_and_logged_once(air: Air, caplog: pytest.LogCaptureFixture) -> None:
    """An unknown object of newer firmware hides all objects after it: the log must explain the missing values."""
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        shown = air.send({UUID: bytes.fromhex("400161fe00020a0a")})

    assert (2, 2) == (air.counts.decoded, air.counts.unknown_objects)
    assert "battery_percent['living_room']" in shown
    warning = "object 0xFE is not known"
    assert [f"living_room ({LIVING_ROOM}): {warning}: {UUID} 400161fe00020a0a"] == caplog.messages


def test_nobody_can_fill_the_log_with_unknown_objects(air: Air, caplog: pytest.LogCaptureFixture) -> None:
    """Without a limit, each unknown object id would get a warning, and anybody can send the 65,536 ids of MiBeacon."""
    head = bytes.fromhex("50505b0501") + bytes.fromhex(LIVING_ROOM.replace(":", ""))[::-1]
    for object_id in range(0x2000, 0x2000 + 500):
        air.send({mibeacon.UUID: head + object_id.to_bytes(2, "little") + b"\x01\x00"})

    assert 500 == air.counts.unknown_objects
    assert 32 == sum(record.levelname == "WARNING" for record in caplog.records)


def test_measurements_beyond_the_limit_of_a_device_are_counted_and_logged_once(
    air: Air, caplog: pytest.LogCaptureFixture
) -> None:
    """The owner must see that somebody else uses the sensor's address, or that a sensor sends too much."""
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        shown = air.send({UUID: b"\x40" + bytes.fromhex("0961") * 80})

    assert 64 == sum(name.startswith("count_value") for name in shown)
    assert 2 * (80 - 64) == air.counts.left_out
    assert 1 == len(caplog.records)


def test_an_impossible_value_is_counted_and_logged_once(air: Air, caplog: pytest.LogCaptureFixture) -> None:
    """A battery of 255 % is not exported: the log must explain the missing series."""
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        shown = air.send({UUID: b"\x40\x01\xff\x02\x8d\x0a"})

    assert (2, 2) == (air.counts.decoded, air.counts.impossible_values)
    assert "battery_percent['living_room']" not in shown
    assert [True] == ["no sensor can have measured this battery" in message for message in caplog.messages]


@pytest.mark.parametrize("value", [1.7e308, -1.7e308, math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("object_id", [0x04, 0x06, 0x07, 0x0A, 0x58])
def test_nothing_that_is_not_finite_reaches_a_scrape_or_json(air: Air, object_id: int, value: float) -> None:
    """A finite number may become infinite when it is converted to the base unit, and JSON has no infinity."""
    sent = bytes([0x49, object_id]) + struct.pack("<d", value)
    shown = air.send({bthome_v1.UUID: sent + bytes.fromhex("020161")})
    status = DeviceStatus(air.devices.values(), Clock(lambda: air.now))

    assert all(map(math.isfinite, shown.values()))
    assert ([97], 1) == ([one for name, one in shown.items() if "battery" in name], air.counts.impossible_values)
    json.dumps([*status.states(), *status.last_hour()], allow_nan=False)


def test_a_format_that_is_refused_next_to_another_is_counted_and_logged_once(
    air: Air, caplog: pytest.LogCaptureFixture
) -> None:
    """Only one of the advertisement's two formats became a reading: the log must explain the missing values."""
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        air.send({UUID: PACKET_A, bthome_v1.UUID: b"\x23\x02"})

    assert (2, 2, {}) == (air.counts.decoded, air.counts.refused["truncated"], air.rejected)
    assert [True] == ["rejected the service data of one format: truncated" in message for message in caplog.messages]


def test_a_sensor_that_sends_only_its_name_is_counted_without_a_warning(
    air: Air, caplog: pytest.LogCaptureFixture
) -> None:
    """Healthy sensors now and then send only their names, so a warning would be a false alarm."""
    air.send({})

    assert ({"no_service_data": 1}, []) == (air.rejected, caplog.messages)


def test_a_device_keeps_the_reason_and_the_time_of_its_latest_rejection(air: Air) -> None:
    """The scan's log line gives the reason why a device was not heard in that scan."""
    for now_s, payload in ((5.0, b""), (7.0, ENCRYPTED)):
        air.now = now_s
        air.send({UUID: payload})

    assert ("encrypted", 7.0) == air.devices[LIVING_ROOM].refusal
    assert air.devices[BEDROOM].refusal is None


def test_the_clock_is_read_once_for_a_batch(app_config: AppConfig, log: logging.Logger) -> None:
    """In some guests, reading the clock is a system call, which would cost more than decoding the packet."""
    times = iter([100.0, 200.0])
    devices = build_devices(app_config, lambda: 0.0)
    pipeline = Pipeline(devices, SelfMetrics(), log, lambda: next(times))
    batch = Batch()
    for address, age_s in ((LIVING_ROOM, 3.0), (BEDROOM, 1.0)):
        pipeline.handle(Advertisement(address, {UUID: PACKET_A}, -60, age_s=age_s, batch=batch))

    assert [97.0, 99.0] == [devices[address].heard_s for address in (LIVING_ROOM, BEDROOM)]
