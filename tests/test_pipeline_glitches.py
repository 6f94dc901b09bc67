"""The glitch filter in the path of an advertisement: what a scrape shows, and what is counted and kept."""

import logging
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.config.app_config import AppConfig
from ble_exporter.config.stale_after import StaleAfter
from ble_exporter.device.clock import Clock
from ble_exporter.formats.bthome import UUID
from ble_exporter.metrics.readings import Readings
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.model import Advertisement
from ble_exporter.pipeline import Pipeline, build_devices
from ble_exporter.status.device_status import DeviceStatus
from tests.data import vectors
from tests.formats.sealing import ADDRESS, KEY, seal_v2
from tests.home import samples_of

CONFIG = AppConfig(30, 30, 8000, {ADDRESS: "attic"}, glitch_filter=True, stale_after_seconds=3600)
TEMPERATURE = "temperature_celsius['attic']"


def objects(packet_id: int | None, **values: float) -> bytes:
    """Return the BTHome objects for a packet id and measurements."""
    ids = {"temperature": (2, 2, 100), "humidity": (3, 2, 100), "voltage": (0x0C, 2, 1000), "battery": (1, 1, 1)}
    data = b"" if packet_id is None else bytes([0, packet_id])
    for name, value in values.items():
        object_id, size, factor = ids[name]
        data += bytes([object_id]) + round(value * factor).to_bytes(size, "little", signed=size > 1)
    return data


class Air:
    """A pipeline for one sensor, on a clock that the test sets."""

    def __init__(self, config: AppConfig = CONFIG) -> None:
        self.now = 1000.0
        self.devices = build_devices(config, lambda: self.now)
        self.clock = Clock(lambda: self.now, lambda: self.now)
        self.readings = Readings(self.devices.values(), self.clock)
        self.counts = SelfMetrics()
        log = logging.getLogger("test.glitches")
        self.pipeline = Pipeline(self.devices, self.counts, log, lambda: self.now)
        self.status = DeviceStatus(self.devices.values(), self.clock, 0.0, self.pipeline.rejections)

    def send(self, packet_id: int | None, adapter: str = "hci0", **values: float) -> dict[str, float]:
        """Pass a packet to the pipeline; return the series of a scrape after it."""
        return self.send_bytes(b"\x40" + objects(packet_id, **values), adapter)

    def send_bytes(self, payload: bytes, adapter: str = "hci0") -> dict[str, float]:
        """Pass service data to the pipeline; return the series of a scrape after it."""
        if self.pipeline.wants(ADDRESS):
            self.pipeline.handle(Advertisement(ADDRESS, {UUID: payload}, -60, adapter))
        return samples_of(self.readings)


@pytest.mark.parametrize("case", vectors("glitches.json"), ids=lambda case: case["why"])
def test_each_case_of_the_table(case: dict[str, Any]) -> None:
    """The table has the sequences of packets that sensors, lossy radios and several adapters produce."""
    air = Air()
    for packet in case["packets"]:
        air.now = 1000.0 + packet["s"]
        values = {name: packet[name] for name in ("temperature", "voltage") if name in packet}
        shown = air.send(packet.get("id"), packet.get("adapter", "hci0"), **values)

        assert (packet["shown"], packet["glitches"]) == (shown[TEMPERATURE], air.counts.glitches), packet


def test_only_the_improbable_value_is_held_back() -> None:
    """The other values of the packet are as credible as ever, and a user would miss them."""
    air = Air()
    air.send(1, temperature=20.0, humidity=40.0)
    air.now += 10
    shown = air.send(2, temperature=85.0, humidity=41.0)

    assert (20.0, 41.0) == (shown[TEMPERATURE], shown["humidity_percent['attic']"])
    assert (2, {}) == (air.counts.decoded, dict(air.counts.rejected))


def test_a_value_that_is_held_back_does_not_keep_the_old_one_alive() -> None:
    """The old value must not be shown for longer than without the filter, nor look as if it was measured again."""
    air = Air(replace(CONFIG, stale_after_seconds=60))
    air.send(1, temperature=20.0)
    air.now += 59
    shown = air.send(2, temperature=85.0)
    assert (20.0, 1000.0) == (shown[TEMPERATURE], shown["last_update_timestamp_seconds['attic']"])
    air.now += 1

    assert TEMPERATURE not in samples_of(air.readings)
    # The sensor itself is heard.
    assert 1 == samples_of(air.readings)["seen['attic']"]


def test_the_packet_of_a_glitch_is_kept_as_received() -> None:
    """From the bytes, a developer can tell a fault of the sensor from a fault of this program."""
    air = Air()
    for packet_id, temperature in enumerate((20.0, 85.0, 20.1)):
        air.send(packet_id, temperature=temperature)
        air.now += 10

    assert [
        {
            "name": "attic",
            "address": ADDRESS,
            "reason": "glitch",
            "measurement": "temperature",
            "value": 85.0,
            "heard_timestamp_seconds": 1010.0,
            "age_seconds": 20.0,
            "rssi_dbm": -60,
            "adapter": "hci0",
            "service_data": {UUID: "400001023421"},
        }
    ] == air.status.rejections()
    assert [1] == [state["glitches"] for state in air.status.states()]


def test_the_packet_of_an_encrypted_sensor_stays_encrypted() -> None:
    """By default, everyone on the network can read /status, so it shows the bytes as they were sent, and no key."""
    air = Air(replace(CONFIG, keys={ADDRESS: KEY}))
    sealed = [
        seal_v2(objects(counter, temperature=temperature), counter=counter)
        for counter, temperature in enumerate((20.0, 85.0, 20.1), 1)
    ]
    for payload in sealed:
        shown = air.send_bytes(payload)
        air.now += 10

    (kept,) = air.status.rejections()
    assert (20.1, 1, {UUID: sealed[1].hex()}) == (shown[TEMPERATURE], air.counts.glitches, kept["service_data"])
    assert KEY.hex() not in str(kept)


def test_a_glitch_is_logged_once_for_each_device_and_measurement(caplog: pytest.LogCaptureFixture) -> None:
    """The owner must learn that the sensor is faulty; a sensor that fails often must not fill the log."""
    air = Air()
    for packet_id, temperature in enumerate((20.0, 85.0, 20.1, 85.0, 20.2)):
        air.send(packet_id, temperature=temperature)
        air.now += 10

    assert [
        f"attic ({ADDRESS}): rejected a glitch of the temperature: 85 between 20 and 20.1 °C: {UUID} 400001023421"
    ] == [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_a_device_may_have_its_own_setting() -> None:
    """The temperature of a probe in a pan really jumps, unlike that of the thermometers around it."""
    others = {"A4:C1:38:00:00:01": "pan", "A4:C1:38:00:00:02": "room"}
    config = replace(CONFIG, devices=others, glitch_filters={"a4:c1:38:00:00:01": False})
    opposite = replace(config, glitch_filter=False, glitch_filters={"A4:C1:38:00:00:02": True})

    for one in (config, opposite):
        devices = build_devices(one, lambda: 0.0).values()
        assert {"pan": False, "room": True} == {device.name: device.glitch_filter is not None for device in devices}


@pytest.mark.parametrize(("stale_after", "temperature"), [("never", 85.0), ("auto", 20.0)])
def test_nothing_is_held_back_if_values_never_expire(stale_after: StaleAfter, temperature: float) -> None:
    """If the sensor died after a change, the value before the change would be shown for ever."""
    air = Air(replace(CONFIG, stale_after_seconds=stale_after))
    air.send(1, temperature=20.0)
    air.now += 10

    assert temperature == air.send(2, temperature=85.0)[TEMPERATURE]


def test_by_default_nothing_is_held_back_and_no_count_appears() -> None:
    """A new release must not change what existing users see."""
    air = Air(AppConfig(30, 30, 8000, {ADDRESS: "attic"}))
    air.send(1, temperature=20.0)
    air.now += 10

    assert 85.0 == air.send(2, temperature=85.0)[TEMPERATURE]
    assert None is air.counts.glitches
    assert [] == [family.name for family in air.counts.collect() if "values_rejected" in family.name]


_PACKETS = st.lists(
    st.tuples(
        st.floats(0, 700),
        st.none() | st.integers(0, 255),
        st.sampled_from(["hci0", "hci1"]),
        st.integers(-4000, 8500).map(lambda raw: raw / 100),
    ),
    max_size=30,
)


@given(_PACKETS)
def test_no_value_is_shown_that_was_not_received(packets: list[tuple[float, int | None, str, float]]) -> None:
    """A filter that smoothed or guessed would invent measurements."""
    air = Air()
    received = set()
    for gap_s, packet_id, adapter, temperature in packets:
        air.now += gap_s
        shown = air.send(packet_id, adapter, temperature=temperature)
        received.add(temperature)
        assert shown.get(TEMPERATURE, temperature) in received


@given(_PACKETS)
def test_no_value_is_shown_longer_than_without_the_filter(packets: list[tuple[float, int | None, str, float]]) -> None:
    """The filter may delay or omit a value, but it must never show one that would have expired without the filter."""
    on, off = (
        Air(replace(CONFIG, stale_after_seconds=60)),
        Air(replace(CONFIG, stale_after_seconds=60, glitch_filter=False)),
    )
    for gap_s, packet_id, adapter, temperature in packets:
        shown = []
        for air in (on, off):
            air.now += gap_s
            shown.append(air.send(packet_id, adapter, temperature=temperature).keys())
        assert shown[0] <= shown[1]


@given(st.lists(st.tuples(st.floats(0, 700), st.integers(0, 255), st.integers(2000, 2900)), max_size=30))
def test_changes_within_the_step_are_never_held_back(packets: list[tuple[float, int, int]]) -> None:
    """With the filter on, a healthy sensor must look exactly as without it."""
    on, off = Air(), Air(replace(CONFIG, glitch_filter=False))
    for gap_s, packet_id, raw in packets:
        for air in (on, off):
            air.now += gap_s
            air.send(packet_id, temperature=raw / 100)
        assert samples_of(on.readings) == samples_of(off.readings)
    assert 0 == on.counts.glitches
