"""Stores readings in a Prometheus registry, for `metrics.update_metrics`. The service does not load this module."""

from collections.abc import Mapping
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, CollectorRegistry

from ble_exporter.device import Device
from ble_exporter.device.clock import seconds_since_boot
from ble_exporter.formats.limits import MOST_OF_ANY
from ble_exporter.formats.measurement import Measurement
from ble_exporter.metrics.families import FAMILIES
from ble_exporter.metrics.readings import Readings
from ble_exporter.model import Advertisement, Reading

# update_metrics, whose signature is public, receives only a registry, and a registry can't be asked for its collectors.
# This mapping therefore keeps the collector and the devices of each registry.
_stores: WeakKeyDictionary[CollectorRegistry, tuple[Readings, dict[str, Device]]] = WeakKeyDictionary()


def put(device_name: str, measurements: Mapping[str, float], registry: CollectorRegistry | None) -> None:
    """Set a device's current measurements in a registry. See `metrics.update_metrics`."""
    named = {Measurement.parse(name): value for name, value in measurements.items()}
    for measurement in named:
        if measurement.name not in FAMILIES:
            raise ValueError(f"{measurement}: not a measurement; the known measurements are {', '.join(FAMILIES)}")
    # NaN fails the comparison, too.
    named = {measurement: value for measurement, value in named.items() if abs(value) <= MOST_OF_ANY}
    registry = REGISTRY if registry is None else registry
    if registry not in _stores:
        _stores[registry] = (Readings(), {})
        registry.register(_stores[registry][0])
    readings, devices = _stores[registry]
    if device_name not in devices:
        devices[device_name] = Device(device_name)
        readings.add(devices[device_name])
    devices[device_name].update(Advertisement("", {}), Reading(named, {}, None), seconds_since_boot())
