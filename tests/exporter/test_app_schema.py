"""/status and /history agree with their JSON Schemas, on which client programs rely."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from ble_exporter.config.app_config import AppConfig
from ble_exporter.device.clock import Clock
from ble_exporter.device.history import POINTS, STEP_S
from ble_exporter.device.rejections import MOST_OF_A_DEVICE, MOST_REJECTIONS
from ble_exporter.device.rhythm import fixed_limit
from ble_exporter.device.series import MOST_SERIES
from ble_exporter.device.silence import SILENCE_REASONS
from ble_exporter.errors import REJECT_REASONS, RejectReason
from ble_exporter.exporter.app import create_app
from ble_exporter.formats.bthome import UUID
from ble_exporter.formats.registry import UNITS
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.model import Advertisement
from ble_exporter.pipeline import Pipeline, build_devices
from ble_exporter.scanner import MockScanner
from ble_exporter.scanner.capture import Transmission
from ble_exporter.service.scan_cycle import ScanCycle
from ble_exporter.status.device_status import DeviceStatus
from ble_exporter.tasks import Tasks
from tests.conftest import HERE
from tests.data import named
from tests.home import Home, samples_of
from tests.radios import InVirtualTime

Schema = dict[str, Any]  # JSON


def schema_of(path: str) -> Schema:
    """Return the schema of a path's answer."""
    text = (HERE.parent / "docs" / f"{path}.schema.json").read_text(encoding="utf-8")
    return cast(Schema, json.loads(text))


STATUS, HISTORY = schema_of("status"), schema_of("history")


def answers(app: web.Application) -> tuple[Any, Any]:
    """Return the application's answers to /status and /history."""

    async def ask() -> tuple[Any, Any]:
        async with TestClient(TestServer(app)) as client:
            return await (await client.get("/status")).json(), await (await client.get("/history")).json()

    return asyncio.run(ask())


def check(app: web.Application) -> tuple[Any, Any]:
    """Validate the application's answers, and return them."""
    status, history = answers(app)
    Draft202012Validator(STATUS).validate(status)
    Draft202012Validator(HISTORY).validate(history)
    return status, history


def status_of(home: Home) -> DeviceStatus:
    """Return the status of a home's devices."""
    return DeviceStatus(home.devices.values(), home.clock)


def app_of(config: AppConfig, status: DeviceStatus | None = None) -> web.Application:
    """Return the application without the collectors, which these tests do not need."""
    return create_app(config, collectors={}, status=status)


@pytest.mark.parametrize("schema", [STATUS, HISTORY], ids=["status", "history"])
def test_the_schema_is_valid(schema: Schema) -> None:
    """A misspelt keyword would check nothing."""
    Draft202012Validator.check_schema(schema)


def objects_in(schema: object) -> list[Schema]:
    """Return every part of a schema that describes an object with known keys."""
    if isinstance(schema, list):
        return [found for part in schema for found in objects_in(part)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if "properties" in schema and schema.get("type") == "object" else []
    return [*own, *(found for part in schema.values() for found in objects_in(part))]


@pytest.mark.parametrize("schema", [STATUS, HISTORY], ids=["status", "history"])
def test_every_key_is_required_and_described(schema: Schema) -> None:
    """Authors of clients must be able to rely on each key, and to find its unit in the description."""
    objects = objects_in(schema)
    assert objects
    for found in objects:
        assert found["additionalProperties"] is False
        assert list(found["properties"]) == found["required"]
        assert [] == [key for key, about in found["properties"].items() if not about.keys() & {"description", "$ref"}]


def test_the_schema_has_all_reasons_of_a_refusal() -> None:
    """A reason that is missing from the schema would make a valid answer invalid."""
    reasons = STATUS["$defs"]["device"]["properties"]["refused"]["propertyNames"]["enum"]
    kept = STATUS["$defs"]["rejection"]["properties"]["reason"]["enum"]

    assert list(REJECT_REASONS) == reasons
    # A packet without service data has no content to keep.
    assert {*REJECT_REASONS, "glitch"} - {"no_service_data"} == set(kept)


def test_as_many_rejections_are_kept_as_the_schema_says() -> None:
    """A client may reserve memory according to the schema, so no answer may have more rejections."""
    assert MOST_REJECTIONS == STATUS["properties"]["rejections"]["maxItems"]
    assert f"at most {MOST_OF_A_DEVICE} of a device" in STATUS["properties"]["rejections"]["description"]


def test_the_schema_has_all_reasons_of_a_silence() -> None:
    """A client may translate the reasons, so the schema must list them all."""
    silence = STATUS["$defs"]["device"]["properties"]["silence"]

    assert list(SILENCE_REASONS) == silence["properties"]["reason"]["enum"]


def test_a_series_is_as_long_as_the_schema_says() -> None:
    """A client may reserve memory according to the schema, so no answer may have more points or more series."""
    measurements = HISTORY["properties"]["devices"]["items"]["properties"]["measurements"]
    points = measurements["additionalProperties"]

    assert (POINTS, POINTS, STEP_S, MOST_SERIES) == (
        points["minItems"],
        points["maxItems"],
        HISTORY["properties"]["step_seconds"]["const"],
        measurements["maxProperties"],
    )


def test_before_anything_was_heard(app_config: AppConfig) -> None:
    """A client must find every device from the start, with null for unknown values."""
    status, history = check(app_of(app_config))

    assert [None, None] == [device["age_seconds"] for device in status["devices"]]
    assert [{}, {}] == [device["measurements"] for device in history["devices"]]


def test_each_state_is_described(app_config: AppConfig) -> None:
    """A client that was written for the schema must know every state that a device can have."""
    names = ("heard", "silent", "refused", "never_heard")
    home = Home(*names)
    home.hear({"temperature": 20.5}, device="silent", rssi=None, formats=("BTHome v2",))
    home.now += 100
    home.hear(device="heard", adapter="hci0", others={"text": "hello", "raw": b"\xff"})
    for reason in REJECT_REASONS:
        home.devices["refused"].refuse(reason, home.now)

    status, _ = check(app_of(app_config, status_of(home)))

    assert list(names) == [device["state"] for device in status["devices"]]
    assert set(names) == set(STATUS["$defs"]["device"]["properties"]["state"]["enum"])


def test_a_service_on_the_simulated_radio(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """The answers of a running service must be valid, not only those that a test constructs."""
    cycle = ScanCycle(app_config, MockScanner(seed=1), log)

    async def run() -> None:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(cycle.run()), timeout_s=70)

    in_virtual_time(run())

    status, history = check(create_app(app_config, cycle.tracker, {}, cycle.liveness, cycle.status))
    assert [True, True] == [device["packets"] > 0 for device in status["devices"]]
    assert [True, True] == ["temperature" in device["measurements"] for device in history["devices"]]


def test_a_service_with_a_faulty_sensor(
    app_config: AppConfig, log: logging.Logger, in_virtual_time: InVirtualTime
) -> None:
    """A spike must not be exported, but its packet must be kept; the other values must be corrected by the offset."""
    sensor, *_ = app_config.devices
    payloads = [
        b"\x40\x00" + bytes([number, 2]) + raw for number, raw in enumerate((b"\xd0\x07", b"\x34\x21", b"\xda\x07"))
    ]
    air = [Transmission(5 + 10 * number, sensor, -60, {UUID: payload}) for number, payload in enumerate(payloads)]
    air.append(Transmission(40, sensor, -70, {UUID: b"\x40\x02"}))
    offsets = {sensor: named({"temperature": -0.4})}
    config = replace(
        app_config, scan_duration_seconds=30, stale_after_seconds="auto", glitch_filter=True, offsets=offsets
    )
    cycle = ScanCycle(config, MockScanner(air=air), log)

    async def run() -> list[float | None]:
        shown = []
        async with Tasks() as tasks:
            tasks.start(cycle.run())
            for _ in range(3):
                await asyncio.sleep(10)
                shown.append(samples_of(cycle.readings).get("temperature_celsius['living_room']"))
            await asyncio.sleep(15)
        return shown

    assert [19.6, 19.6, 19.7] == in_virtual_time(run())
    status, _ = check(create_app(config, cycle.tracker, {}, cycle.liveness, cycle.status))
    assert [("glitch", {UUID: payloads[1].hex()}), ("truncated", {UUID: "4002"})] == [
        (one["reason"], one["service_data"]) for one in status["rejections"]
    ]
    assert (19.7, 20.1) == tuple(status["devices"][0]["readings"]["temperature"][key] for key in ("value", "raw"))


_NAMES = st.sampled_from(sorted(UNITS)).flatmap(lambda name: st.sampled_from([name, f"{name}_2", f"{name}_345"]))
_HEARD = st.fixed_dictionaries(
    {
        "measurements": st.dictionaries(_NAMES, st.integers(-(2**31), 2**32).map(lambda raw: raw / 1000), max_size=40),
        "packet_id": st.none() | st.integers(0, 255),
        "rssi": st.none() | st.integers(-128, 20),
        "adapter": st.sampled_from(["", "hci0", "hci1"]),
        "others": st.dictionaries(
            st.sampled_from(["text", "raw", "button", "dimmer_2", "device_type"]),
            st.text(max_size=20) | st.binary(max_size=20) | st.integers(0, 2**16),
        ),
        "formats": st.sampled_from([(), ("BTHome v2",), ("BTHome v2, encrypted", "MiBeacon")]),
    }
)


@given(st.lists(st.tuples(st.floats(0, 4000), _HEARD | st.sampled_from(REJECT_REASONS)), max_size=10))
def test_whatever_a_sensor_sends(steps: list[tuple[float, dict[str, Any] | RejectReason]]) -> None:
    """Anybody can send packets under a sensor's address: no text, name or number may break the schema."""
    home = Home(limit=fixed_limit(600))
    for gap_s, what in steps:
        home.now += gap_s
        if isinstance(what, dict):
            home.hear(**what)
        else:
            home.devices["attic"].refuse(what, home.now)

    # JSON has no NaN or infinity, so an answer must not contain them.
    def sent(answer: Mapping[str, object]) -> object:
        return json.loads(json.dumps(answer, allow_nan=False))

    device = {"$ref": "#/$defs/device", "$defs": STATUS["$defs"]}
    Draft202012Validator(device).validate(sent(cast(Mapping[str, object], next(status_of(home).states()))))
    of_history = HISTORY["properties"]["devices"]["items"]
    Draft202012Validator(of_history).validate(sent(cast(Mapping[str, object], next(status_of(home).last_hour()))))


@given(st.lists(st.tuples(st.sampled_from([UUID, "0000fe95-0000-1000-8000-00805f9b34fb"]), st.binary(max_size=300))))
def test_whatever_is_rejected(packets: list[tuple[str, bytes]]) -> None:
    """Most rejected packets violate the formats, so their content can be anything."""
    log = logging.getLogger("test.rejected")
    log.setLevel(logging.CRITICAL)
    address = "A4:C1:38:00:00:01"
    config = AppConfig(30, 30, 8000, {address: "attic"}, glitch_filter=True)
    devices = build_devices(config, lambda: 5000.0)
    pipeline = Pipeline(devices, SelfMetrics(), log, lambda: 5000.0)
    for uuid, payload in packets:
        pipeline.handle(Advertisement(address, {uuid: payload}))

    clock = Clock(lambda: 5000.0)
    status = DeviceStatus(devices.values(), clock, rejections=pipeline.rejections)
    schema = {**STATUS["properties"]["rejections"], "$defs": STATUS["$defs"]}
    Draft202012Validator(schema).validate(json.loads(json.dumps(status.rejections(), allow_nan=False)))


def test_the_schema_refuses_what_is_not_promised(app_config: AppConfig) -> None:
    """If the schema accepted everything, the tests above would prove nothing."""
    status, _ = answers(app_of(app_config))
    status["devices"][0]["state"] = "asleep"

    with pytest.raises(ValidationError):
        Draft202012Validator(STATUS).validate(status)
