"""
The same readings twice: in our store with its exposition, and in plain labelled metrics of prometheus_client.

Each device alternately sends the two packets of a pvvx sensor: temperature, humidity and battery; voltage, power and
opening. The packets are already decoded.
"""

import math
import time
from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, generate_latest

from bench.timing import DifferenceError
from ble_exporter.device import Device
from ble_exporter.device.clock import Clock
from ble_exporter.exporter.exposition import TEXT, Exposition
from ble_exporter.formats.measurement import Measurement
from ble_exporter.metrics.families import FAMILIES
from ble_exporter.metrics.readings import Readings
from ble_exporter.model import Advertisement, Reading

_RSSI_DBM = -60
_INTERVAL_S = 2.5
# Our exposition has no series with the creation time of a counter, so plain counters must not have one either.
disable_created_metrics()  # type: ignore[no-untyped-call] # the function has no annotations
# Plain gauges have no collectors that can fail; packets and intervals differ, because the benchmarks update one side
# more often than the other.
_NOT_COMPARED = (
    b"ble_exporter_collector_failures",
    b"ble_sensor_packets_received_total{",
    b"ble_sensor_advertisement_interval_seconds{",
)


class Heard(NamedTuple):
    """
    One decoded packet, the input of both sides.

    Attributes:
        device: The name of its device.
        measurements: The values by measurement, in °C, %, V, or 1 and 0.
        heard_s: The time of reception, in seconds since the Unix epoch.
        rssi: The signal strength, in dBm.
    """

    device: str
    measurements: dict[Measurement, float]
    heard_s: float
    rssi: int


class Fleet:
    """
    The readings of some devices, in our store and in plain gauges. A generation is two new readings of each device.

    Args:
        devices: The number of devices.
    """

    def __init__(self, devices: int) -> None:
        self._devices = [Device(f"room-{number:05d}") for number in range(devices)]
        # Both clocks stay at 0, so that the times stored in our devices equal the Unix times in the gauges.
        self.readings = Readings(self._devices, Clock(lambda: 0.0, lambda: 0.0))
        self.registry = CollectorRegistry()
        self._exposition = Exposition({"readings": self.readings})
        self._names = [device.name for device in self._devices]
        # Each device sends two packets in every generation.
        self._twice = [device for device in self._devices for _ in range(2)]
        self._advertisements: list[Advertisement] = []
        self._generation = 0
        self._heard_s = math.floor(time.time())
        self._heard: list[Heard] = []
        # The second generation makes the interval known, so that no family appears after the gauges were created.
        for _ in range(2):
            self.generate_readings()
            self.update_ours()
        self._gauges = self._create_gauges()
        self._gauge_of = {
            name: self._gauges[family.metric] for name, family in FAMILIES.items() if family.metric in self._gauges
        }
        self._last_update = self._gauges["ble_sensor_last_update_timestamp_seconds"]
        self._rssi = self._gauges["ble_sensor_rssi_dbm"]

    def _create_gauges(self) -> dict[str, Gauge]:
        """Create a metric for each family of our store, with the same help and samples; return the gauges by name."""
        gauges = {}
        for family in self.readings.collect():
            if family.type == "counter":
                self._packets = Counter(family.name, family.documentation, ["device"], registry=self.registry)
                for sample in family.samples:
                    self._packets.labels(**sample.labels).inc(sample.value)
                continue
            gauge = gauges[family.name] = Gauge(family.name, family.documentation, ["device"], registry=self.registry)
            for sample in family.samples:
                gauge.labels(**sample.labels).set(sample.value)
        return gauges

    @property
    def heard(self) -> int:
        """The number of readings in one generation: two for each device."""
        return len(self._heard)

    def generate_readings(self) -> None:
        """Generate new readings of every device, without storing them on either side."""
        self._generation += 1
        heard_s = self._heard_s + self._generation * _INTERVAL_S
        self._heard = [
            Heard(device.name, values, heard_s + number / 1000, _RSSI_DBM - number % 30)
            for number, device in enumerate(self._devices)
            for values in _measure(number + self._generation)
        ]
        # In the service the scanner creates the advertisements, so their creation is not timed.
        self._advertisements = [Advertisement("", {}, heard.rssi) for heard in self._heard]

    def update_ours(self) -> None:
        """Store the readings in our devices."""
        for device, advertisement, heard in zip(self._twice, self._advertisements, self._heard, strict=True):
            device.update(advertisement, Reading(heard.measurements, {}, None), heard.heard_s)

    def update_plain(self) -> None:
        """Store the readings in the gauges, with a label lookup for each. `ble_sensor_seen` is 1 from the beginning."""
        for device, measurements, heard_s, rssi in self._heard:
            for name, value in measurements.items():
                self._gauge_of[name].labels(device=device).set(value)
            self._last_update.labels(device=device).set(heard_s)
            self._rssi.labels(device=device).set(rssi)
            self._packets.labels(device=device).inc()

    def hold_children(self) -> Callable[[], None]:
        """Look up all labels once; return the fastest possible `update_plain`, which needs no further lookup."""
        children: Mapping[str, Mapping[str, Gauge]] = {
            device: {name: gauge.labels(device=device) for name, gauge in self._gauge_of.items()}
            for device in self._names
        }
        last_update = {device: self._last_update.labels(device=device) for device in self._names}
        rssi_of = {device: self._rssi.labels(device=device) for device in self._names}
        packets_of = {device: self._packets.labels(device=device) for device in self._names}

        def update() -> None:
            for device, measurements, heard_s, rssi in self._heard:
                of_device = children[device]
                for name, value in measurements.items():
                    of_device[name].set(value)
                last_update[device].set(heard_s)
                rssi_of[device].set(rssi)
                packets_of[device].inc()

        return update

    def render_ours(self) -> bytes:
        """Return our exposition in the text format."""
        return self._exposition.render(TEXT)

    def render_plain(self) -> bytes:
        """Return the exposition of the plain gauges in the text format."""
        return generate_latest(self.registry)

    def check(self) -> None:
        """
        Compare the lines of the two outputs, including help and types, in any order.

        Raises:
            DifferenceError: A line differs.
        """
        self.generate_readings()
        self.update_ours()
        self.update_plain()
        ours, plain = _lines(self.render_ours()), _lines(self.render_plain())
        for our_line, plain_line in zip_longest(ours, plain, fillvalue=b"(nothing)"):
            if our_line != plain_line:
                raise DifferenceError(
                    f"{len(self._names)} devices: we write {our_line.decode()}, plain gauges {plain_line.decode()}"
                )


def _lines(exposition: bytes) -> list[bytes]:
    """Return the sorted lines that both sides must have in common."""
    return sorted(line for line in exposition.splitlines() if not any(metric in line for metric in _NOT_COMPARED))


def _measure(number: int) -> tuple[dict[Measurement, float], dict[Measurement, float]]:
    """Return the measurements of a sensor's two packets, in %, °C and V; binary ones are 1 or 0."""
    climate = {"battery": float(1 + number % 100), "temperature": number % 4000 / 100, "humidity": number % 9973 / 100}
    supply = {"voltage": 2 + number % 1000 / 1000, "power_on": float(number % 2), "opening": float(number // 2 % 2)}
    return (
        {Measurement(name): value for name, value in climate.items()},
        {Measurement(name): value for name, value in supply.items()},
    )
