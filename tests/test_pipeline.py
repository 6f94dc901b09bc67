"""The way of one advertisement."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.config.app_config import AppConfig
from ble_exporter.formats import bthome_v1, mibeacon
from ble_exporter.formats.bthome import UUID
from ble_exporter.metrics.readings import Readings
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.model import Advertisement
from ble_exporter.pipeline import Pipeline
from tests.conftest import PACKET_A

LIVING_ROOM, BEDROOM = "A4:C1:38:00:00:01", "A4:C1:38:00:00:02"


@pytest.fixture
def counts() -> SelfMetrics:
    """Fresh counts."""
    return SelfMetrics()


@pytest.fixture
def readings() -> Readings:
    """An empty store."""
    return Readings()


@pytest.fixture
def pipeline(readings: Readings, counts: SelfMetrics, app_config: AppConfig, log: logging.Logger) -> Pipeline:
    """A pipeline for the two devices of the configuration."""
    return Pipeline(app_config.devices, readings, counts, log)


def tell(pipeline: Pipeline, advertisement: Advertisement) -> None:
    """Tell it of an advertisement as a radio does."""
    if pipeline.wants(advertisement.address):
        pipeline.handle(advertisement)


def test_an_advertisement_of_a_configured_device_becomes_a_reading(
    pipeline: Pipeline, readings: Readings, counts: SelfMetrics
) -> None:
    """The whole point."""
    tell(pipeline, Advertisement(LIVING_ROOM, {UUID: PACKET_A}, 1000.0, -60))

    (family,) = [family for family in readings.collect() if family.name == "ble_sensor_temperature_celsius"]
    assert [(sample.labels, sample.value) for sample in family.samples] == [({"device": "living_room"}, 27.01)]
    assert (counts.received, counts.decoded) == (1, 1)


def test_a_stranger_is_counted_and_nothing_else(pipeline: Pipeline, readings: Readings, counts: SelfMetrics) -> None:
    """The neighbour's sensor must never appear on the graph."""
    tell(pipeline, Advertisement("A4:C1:38:FF:FF:FF", {UUID: PACKET_A}, 1000.0, -60))

    assert list(readings.collect()) == []
    assert (counts.received, counts.decoded, counts.unknown_device) == (1, 0, 1)


def test_addresses_of_a_configuration_match_whatever_their_case(
    readings: Readings, counts: SelfMetrics, log: logging.Logger
) -> None:
    """Contract; load_config writes them upper case, an AppConfig that is built by hand may not."""
    attic = Pipeline({"a4:c1:38:00:00:01": "attic"}, readings, counts, log)

    tell(attic, Advertisement(LIVING_ROOM, {UUID: PACKET_A}, 1000.0))

    assert counts.decoded == 1


@pytest.mark.parametrize(
    ("service_data", "reason"),
    [
        ({UUID: b""}, "truncated"),
        ({UUID: b"\x20"}, "wrong_version"),
        ({UUID: b"\x41\x00"}, "encrypted"),
        ({UUID: b"\x42"}, "reserved_bit"),
        ({}, "no_service_data"),
        ({"0000feaa-0000-1000-8000-00805f9b34fb": b"x"}, "no_known_format"),
        ({UUID: bytes(256)}, "too_long"),
    ],
)
def test_a_rejected_advertisement_is_counted_by_reason_and_refreshes_nothing(
    pipeline: Pipeline, readings: Readings, counts: SelfMetrics, service_data: dict[str, bytes], reason: str
) -> None:
    """A packet that could not be read must not keep old values alive."""
    tell(pipeline, Advertisement(LIVING_ROOM, service_data, 1000.0, -60))

    assert {reason: 1} == {name: count for name, count in counts.rejected.items() if count}
    assert list(readings.collect()) == []


def test_a_rejection_is_logged_once_for_each_device_and_reason(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    """It names the sensor; but one that sends nonsense every 2.5 s must not fill the SD card."""
    caplog.set_level(logging.INFO)
    for address in (LIVING_ROOM, LIVING_ROOM, BEDROOM):
        tell(pipeline, Advertisement(address, {UUID: b"\x41"}, 1000.0, -60))

    remedy = "give the device its bindkey in the configuration"
    assert [
        f"{device} ({address}): rejected an advertisement: encrypted: the BTHome payload is encrypted: 41: {remedy}"
        for device, address in (("living_room", LIVING_ROOM), ("bedroom", BEDROOM))
    ] == caplog.messages


def test_a_device_is_logged_when_it_is_first_heard(pipeline: Pipeline, caplog: pytest.LogCaptureFixture) -> None:
    """The newcomer watches the log for the first readings."""
    caplog.set_level(logging.INFO)
    for _ in range(2):
        tell(pipeline, Advertisement(LIVING_ROOM, {UUID: PACKET_A}, 1000.0, -60))

    values = "battery 81, temperature 27.01, humidity 44.93, RSSI -60 dBm"
    assert [f"heard living_room ({LIVING_ROOM}) for the first time: {values}"] == caplog.messages


@given(st.lists(st.tuples(st.sampled_from([LIVING_ROOM, "A4:C1:38:FF:FF:FF"]), st.binary(max_size=400))))
def test_every_advertisement_is_counted_once(packets: list[tuple[str, bytes]]) -> None:
    """Received = decoded + unknown + rejected: a packet without a reason is a gap that no one can explain."""
    counts = SelfMetrics()
    log = logging.getLogger("test")
    log.setLevel(logging.CRITICAL)
    pipeline = Pipeline({LIVING_ROOM: "living_room"}, Readings(), counts, log)
    for address, payload in packets:
        tell(pipeline, Advertisement(address, {UUID: payload}, 1000.0))

    assert len(packets) == counts.received == counts.decoded + counts.unknown_device + sum(counts.rejected.values())


def test_an_object_that_is_not_known_is_counted_and_told_once(
    pipeline: Pipeline, readings: Readings, counts: SelfMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    """A newer firmware's new object hides all that stands behind it: that gap must have a reason."""
    caplog.set_level(logging.WARNING)
    payload = bytes.fromhex("400161fe00020a0a")
    for _ in range(2):
        tell(pipeline, Advertisement(LIVING_ROOM, {UUID: payload}, 1000.0, -60))

    assert (counts.decoded, counts.unknown_objects) == (2, 2)
    assert "ble_sensor_battery_percent" in {family.name for family in readings.collect()}
    said = "object 0xFE is not known"
    assert caplog.messages == [f"living_room ({LIVING_ROOM}): {said}: {UUID} 400161fe00020a0a"]


def test_nobody_can_fill_the_log_with_objects_that_are_not_known(
    pipeline: Pipeline, counts: SelfMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    """Each id is worth one warning, and MiBeacon has room for 65,536."""
    head = bytes.fromhex("50505b0501") + bytes.fromhex(LIVING_ROOM.replace(":", ""))[::-1]
    for object_id in range(0x2000, 0x2000 + 500):
        payload = head + object_id.to_bytes(2, "little") + b"\x01\x00"
        pipeline.handle(Advertisement(LIVING_ROOM, {mibeacon.UUID: payload}, 1000.0))

    assert counts.unknown_objects == 500
    assert sum(record.levelname == "WARNING" for record in caplog.records) == 32


def test_an_impossible_value_is_counted_and_told_once(
    pipeline: Pipeline, readings: Readings, counts: SelfMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    """A battery of 255 %: its series is missing, and that gap must have a reason."""
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        tell(pipeline, Advertisement(LIVING_ROOM, {UUID: b"\x40\x01\xff\x02\x8d\x0a"}, 1000.0, -60))

    assert (counts.decoded, counts.impossible_values) == (2, 2)
    assert "ble_sensor_battery_percent" not in {family.name for family in readings.collect()}
    assert ["no sensor can have measured this battery" in message for message in caplog.messages] == [True]


def test_a_format_that_is_refused_beside_another_is_counted_and_told_once(
    pipeline: Pipeline, counts: SelfMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    """The advertisement gave a reading, and one of its two formats did not."""
    caplog.set_level(logging.WARNING)
    service_data = {UUID: PACKET_A, bthome_v1.UUID: b"\x23\x02"}
    for _ in range(2):
        tell(pipeline, Advertisement(LIVING_ROOM, service_data, 1000.0, -60))

    assert (counts.decoded, counts.refused["truncated"], sum(counts.rejected.values())) == (2, 2, 0)
    assert ["refused one of its formats: truncated" in message for message in caplog.messages] == [True]


def test_a_sensor_that_says_only_its_name_is_counted_without_a_warning(
    pipeline: Pipeline, counts: SelfMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    """Sound sensors do that now and then."""
    tell(pipeline, Advertisement(LIVING_ROOM, {}, 1000.0, -60))

    assert (counts.rejected["no_service_data"], caplog.messages) == (1, [])


def test_who_was_rejected_is_known_until_it_is_cleared(pipeline: Pipeline) -> None:
    """The line of the scan says why a device was not heard."""
    tell(pipeline, Advertisement(LIVING_ROOM, {UUID: b"\x41"}, 1000.0, -60))

    assert pipeline.rejected == {"living_room": "encrypted"}
