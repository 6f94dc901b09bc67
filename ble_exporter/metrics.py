"""
The readings, as Prometheus sees them.

FAMILIES says under which metric, and in which base unit, each measurement is exported. Readings is the store; it is
itself a Prometheus collector: a scrape builds its families from what the store holds at that moment, so a value that
has gone from the store is gone from the same scrape.
"""

import time
from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import NamedTuple
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from ble_exporter.families import FAMILIES, Family
from ble_exporter.model import Reading

__all__ = ["FAMILIES", "Family", "Readings", "update_metrics"]

_SEEN = Family("seen", "1 for each device heard in the latest scan.")
_LAST_UPDATE = Family("last_update_timestamp_seconds", "When a measurement of the device was last heard, in Unix time.")
_RSSI = Family("rssi_dbm", "Received signal strength of the device's latest advertisement.")


class _Device:
    """What is known of one device: the values that a scrape shows, and those of them heard in the current scan."""

    __slots__ = ("heard_at", "in_scan", "labels", "rssi", "shown")

    def __init__(self, name: str) -> None:
        self.labels = {"device": name}
        self.shown: dict[str, float] = {}
        self.in_scan: dict[str, float] | None = None
        self.heard_at: float | None = None
        self.rssi: int | None = None


class _Series(NamedTuple):
    """Where a measurement goes: its family, and its position among the measurements of one name."""

    family: Family
    position: str | None


class Readings(Collector):
    """
    The readings of the latest scan, by device.

    A reading shows at once. When a scan ends, whatever was not heard in it goes, measurement by measurement.

    Attributes:
        version: Grows with every change; an exposition that was rendered from the same version is still true.
    """

    def __init__(self) -> None:
        self.version = 0
        self._devices: dict[str, _Device] = {}

    def update(self, reading: Reading) -> None:
        """
        Take in what one advertisement said; other measurements of the device stay.

        Raises:
            ValueError: A measurement that has no family.
        """
        heard = reading.measurements
        for measurement in heard:
            if measurement not in _known_series:
                _learn_series(measurement)
        device = self._devices.get(reading.device)
        if device is None:
            device = self._devices[reading.device] = _Device(reading.device)
        if device.in_scan is None:
            device.in_scan = {}
        device.in_scan.update(heard)
        device.shown.update(heard)
        if heard:
            device.heard_at = reading.heard_at
        device.rssi = reading.rssi
        self.version += 1

    def begin_scan(self) -> None:
        """From now on, note what is heard in this scan."""
        for device in self._devices.values():
            device.in_scan = None

    def end_scan(self) -> list[str]:
        """Let go of everything that was not heard since the scan began; return the names of the devices that were."""
        heard: dict[str, _Device] = {}
        for name, device in self._devices.items():
            if device.in_scan is not None:
                device.shown = device.in_scan.copy()
                heard[name] = device
        self._devices = heard
        self.version += 1
        return list(heard)

    def collect(self) -> Iterator[Metric]:
        """Build the families of this moment, for a scrape; a family without a series is left out."""
        devices = self._devices.values()
        yield from _gauge(_SEEN, [Sample(_SEEN.metric, device.labels, 1) for device in devices])
        for family, attribute in ((_LAST_UPDATE, "heard_at"), (_RSSI, "rssi")):
            name, get = family.metric, attrgetter(attribute)
            known = [device for device in devices if get(device) is not None]
            yield from _gauge(family, [Sample(name, device.labels, get(device)) for device in known])
        samples: dict[Family, list[Sample]] = {}
        for measurement in dict.fromkeys(name for device in devices for name in device.shown):
            family, position = _known_series[measurement]
            of_family = samples.setdefault(family, [])
            name, multiplier, divisor = family.metric, family.multiplier, family.divisor
            for device in devices:
                value = device.shown.get(measurement)
                if value is not None:
                    labels = device.labels if position is None else {**device.labels, "position": position}
                    of_family.append(Sample(name, labels, value * multiplier / divisor))
        for family, of_family in samples.items():
            yield from _gauge(family, of_family)


def _gauge(family: Family, samples: list[Sample]) -> Iterator[Metric]:
    if samples:
        metric = GaugeMetricFamily(family.metric, family.help)
        metric.samples = samples
        yield metric


_known_series: dict[str, _Series] = {name: _Series(family, None) for name, family in FAMILIES.items()}


def _learn_series(measurement: str) -> None:
    """Note where a repeated measurement goes: "temperature_2". A payload has room for 127 of them."""
    name, _, position = measurement.rpartition("_")
    if name not in FAMILIES or not position.isdecimal() or not 2 <= int(position) <= 127:
        raise ValueError(f"{measurement}: not a measurement; the known ones are {', '.join(FAMILIES)}")
    _known_series[measurement] = _Series(FAMILIES[name], position)


_readings_of: WeakKeyDictionary[CollectorRegistry, Readings] = WeakKeyDictionary()


def update_metrics(device_name: str, measurements: Mapping[str, float], registry: CollectorRegistry = REGISTRY) -> None:
    """
    Put one device's measurements, heard now, on a Prometheus registry.

    The registry's store of readings is made and registered at the first call. It knows no scans, so what is put there
    stays: it is for other programs and for tests. The service has a store of its own.

    Args:
        device_name: The `device` label.
        measurements: Measurement name to value, as `parser.parse_bthome` returns them.
        registry: Where the gauges are; a test passes its own.

    Raises:
        ValueError: A measurement that has no family.
    """
    readings = _readings_of.get(registry)
    if readings is None:
        readings = _readings_of[registry] = Readings()
        registry.register(readings)
    readings.update(Reading(device_name, measurements, time.time()))
