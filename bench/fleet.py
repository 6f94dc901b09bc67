"""
The same sensors twice: in our store behind its exposition, and in prometheus_client's plain labelled gauges.

Each device sends the two packets of a pvvx sensor in turn, as the decoder gives them: temperature, humidity and
battery; voltage, power and opening.
"""

import time
from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from bench.timing import DifferenceError
from ble_exporter.device import Device
from ble_exporter.exporter.exposition import TEXT, Exposition
from ble_exporter.formats.measurement import Measurement
from ble_exporter.metrics.families import FAMILIES
from ble_exporter.metrics.readings import Readings
from ble_exporter.model import Advertisement, Reading

_RSSI_DBM = -60
# The exposition counts its collectors' failures, which plain gauges have no need of.
_NOT_SHARED = b"ble_exporter_collector_failures"


class Heard(NamedTuple):
    """
    What both sides start from: one decoded packet.

    Attributes:
        device: Its name.
        measurements: Measurement name to value, in °C, %, V, or 1 and 0.
        heard_at: Seconds since the Unix epoch.
        rssi: dBm.
    """

    device: str
    measurements: dict[Measurement, float]
    heard_at: float
    rssi: int


class Fleet:
    """
    A number of devices, in both.

    Args:
        devices: How many.
    """

    def __init__(self, devices: int) -> None:
        self._devices = [Device(f"room-{number:05d}") for number in range(devices)]
        self.readings = Readings(self._devices)
        self.registry = CollectorRegistry()
        self._exposition = Exposition({"readings": self.readings})
        self._names = [device.name for device in self._devices]
        # Each sends two kinds of packets.
        self._twice = [device for device in self._devices for _ in range(2)]
        self._advertisements: list[Advertisement] = []
        self._moment = 0
        self._heard: list[Heard] = []
        self.measure_anew()
        self.update_ours()
        self._gauges = self._create_gauges()
        self._gauge_of = {
            name: self._gauges[family.metric] for name, family in FAMILIES.items() if family.metric in self._gauges
        }
        self._last_update = self._gauges["ble_sensor_last_update_timestamp_seconds"]
        self._rssi = self._gauges["ble_sensor_rssi_dbm"]

    def _create_gauges(self) -> dict[str, Gauge]:
        """Make the same families, with the same help and samples, as gauges, by metric name."""
        gauges = {}
        for family in self.readings.collect():
            gauge = gauges[family.name] = Gauge(family.name, family.documentation, ["device"], registry=self.registry)
            for sample in family.samples:
                gauge.labels(**sample.labels).set(sample.value)
        return gauges

    @property
    def heard(self) -> int:
        """How many readings one measurement of all devices is: two for each."""
        return len(self._heard)

    def measure_anew(self) -> None:
        """Give every device new readings, which neither side has taken in yet."""
        self._moment += 1
        heard_at = time.time()
        self._heard = [
            Heard(device.name, values, heard_at + number / 1000, _RSSI_DBM - number % 30)
            for number, device in enumerate(self._devices)
            for values in _measure(number + self._moment)
        ]
        # An advertisement is the scanner's, so making it is not timed.
        self._advertisements = [Advertisement("", {}, heard.heard_at, heard.rssi) for heard in self._heard]

    def update_ours(self) -> None:
        """Take the readings in, in our devices."""
        for device, advertisement, heard in zip(self._twice, self._advertisements, self._heard, strict=True):
            device.update(advertisement, Reading(heard.measurements, {}, None), advertisement.heard_at)

    def update_plain(self) -> None:
        """Take the readings in as one does with plain gauges; `seen` stays 1, so that nobody need set it."""
        for device, measurements, heard_at, rssi in self._heard:
            for name, value in measurements.items():
                self._gauge_of[name].labels(device=device).set(value)
            self._last_update.labels(device=device).set(heard_at)
            self._rssi.labels(device=device).set(rssi)

    def hold_children(self) -> Callable[[], None]:
        """Look all labels up beforehand; return an `update_plain` without that, the fastest there is."""
        children: Mapping[str, Mapping[str, Gauge]] = {
            device: {name: gauge.labels(device=device) for name, gauge in self._gauge_of.items()}
            for device in self._names
        }
        last_update = {device: self._last_update.labels(device=device) for device in self._names}
        rssi_of = {device: self._rssi.labels(device=device) for device in self._names}

        def update() -> None:
            for device, measurements, heard_at, rssi in self._heard:
                of_device = children[device]
                for name, value in measurements.items():
                    of_device[name].set(value)
                last_update[device].set(heard_at)
                rssi_of[device].set(rssi)

        return update

    def render_ours(self) -> bytes:
        """Write the exposition."""
        return self._exposition.render(TEXT)

    def render_plain(self) -> bytes:
        """Write the gauges' registry."""
        return generate_latest(self.registry)

    def check(self) -> None:
        """
        Compare the two outputs, help and types included, whatever their order.

        Raises:
            DifferenceError: They differ.
        """
        self.measure_anew()
        self.update_ours()
        self.update_plain()
        ours = sorted(line for line in self.render_ours().splitlines() if _NOT_SHARED not in line)
        plain = sorted(self.render_plain().splitlines())
        for our_line, plain_line in zip_longest(ours, plain, fillvalue=b"(nothing)"):
            if our_line != plain_line:
                raise DifferenceError(
                    f"{len(self._names)} devices: we write {our_line.decode()}, plain gauges {plain_line.decode()}"
                )


def _measure(number: int) -> tuple[dict[Measurement, float], dict[Measurement, float]]:
    """What the two packets of one sensor say: °C, %, % and V, 1 or 0, 1 or 0."""
    climate = {"battery": float(1 + number % 100), "temperature": number % 4000 / 100, "humidity": number % 9973 / 100}
    supply = {"voltage": 2 + number % 1000 / 1000, "power_on": float(number % 2), "opening": float(number // 2 % 2)}
    return (
        {Measurement(name): value for name, value in climate.items()},
        {Measurement(name): value for name, value in supply.items()},
    )
