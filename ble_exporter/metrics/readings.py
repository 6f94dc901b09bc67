"""
The readings, as Prometheus sees them.

FAMILIES says under which metric, and in which base unit, each measurement is exported. Readings is the store; it is
itself a Prometheus collector: a scrape builds its families from what the store holds at that moment, so a value that
has gone from the store is gone from the same scrape.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from ble_exporter.device.dedup import Repeats
from ble_exporter.device.events import Others
from ble_exporter.device.rhythm import Fixed, Learned, Limits
from ble_exporter.formats.measurement import Measurement
from ble_exporter.metrics.families import FAMILIES, Family
from ble_exporter.model import Reading
from ble_exporter.utils import base_and_position

_SEEN = Family("seen", "1 for each device that was heard lately: in the latest scan, or within its time limit.")
_LAST_UPDATE = Family("last_update_timestamp_seconds", "When a new measurement was last heard, in Unix time.")
_RSSI = Family("rssi_dbm", "Received signal strength of the device's latest advertisement, by adapter.")

# Where the end of a scan decides, the store's clock counts scans: what the latest did not hear is one scan old.
_ONE_SCAN = Fixed(1)


class _Device:
    """
    What is known of one device. Moments are those of the store's clock.

    Attributes:
        shown: What a scrape shows, by measurement. The RSSI by each adapter is a measurement among the others (None
            where it is not known), so that one rule says what goes, and every device that was heard has one.
        heard: When each of them was last heard.
        due: Before this moment nothing has to go.
        last_update: When a new measurement was last heard, in seconds since the Unix epoch.
        repeats: What it said last.
    """

    __slots__ = ("due", "heard", "labels", "last_update", "repeats", "shown")

    def __init__(self, name: str, due: float) -> None:
        self.labels = {"device": name}
        self.shown: dict[Measurement, float | None] = {}
        self.heard: dict[Measurement, float] = {}
        self.due = due
        self.last_update: float | None = None
        self.repeats = Repeats()

    def let_go(self, moment: float, limits: Limits) -> bool:
        """Let go of what was not heard for its limit; return whether anything is left."""
        name = self.labels["device"]
        self.due = math.inf
        for measurement, heard in list(self.heard.items()):
            due = heard + limits.limit_s(name, measurement)
            if moment < due:
                self.due = min(self.due, due)
            else:
                del self.heard[measurement], self.shown[measurement]
        return bool(self.heard)


class _Series(NamedTuple):
    """Where a measurement goes: its family, and the label that it has there beside the device."""

    family: Family
    label: dict[str, str]


class Readings(Collector):
    """
    The readings that are not stale, by device.

    A reading shows at once. It goes when it was not heard for too long, measurement by measurement, and that is when a
    scan ends in which it was not heard, or after a time: docs/expiry.md. A device of which nothing is left has no
    series.

    Args:
        stale_after: For how many seconds a value shows after it was last heard; "auto" learns that from how often it is
            heard; None lets the end of a scan decide.
        clock: Gives monotonic seconds.
        scan_interval_s: For "auto": seconds from the start of one scan to the start of the next; 0 where the radio
            listens all the time.
    """

    def __init__(
        self,
        stale_after: float | Literal["auto"] | None = None,
        clock: Callable[[], float] = time.monotonic,
        scan_interval_s: float = 0.0,
    ) -> None:
        self._limits: Limits = _ONE_SCAN
        if stale_after is not None:
            self._limits = Learned(scan_interval_s) if isinstance(stale_after, str) else Fixed(stale_after)
        self._scans_decide = stale_after is None
        self._clock = clock
        self._scan = 0
        self._heard_in_scan: dict[str, None] = {}
        self._devices: dict[str, _Device] = {}
        self._others = Others()
        self._due = math.inf
        self._version = 0

    @property
    def version(self) -> int:
        """Grows with every change; an exposition that was rendered from the same version is still true."""
        self._let_go()
        return self._version

    def update(self, reading: Reading) -> None:
        """
        Take in what one advertisement said; other measurements of the device stay.

        Raises:
            ValueError: A measurement that has no family.
        """
        for measurement in reading.measurements:
            if measurement not in _known_series:
                _learn_series(measurement)
        name = reading.device
        rssi = _rssi_by.get(reading.adapter) or _learn_adapter(reading.adapter)
        moment = self._scan if self._scans_decide else self._clock()
        device = self._device(name, moment)
        repeats = device.repeats
        measurements = repeats.in_time(reading)
        is_late = len(measurements) < len(reading.measurements)
        is_repeat = not is_late and repeats.is_repeat(reading)
        if measurements and not is_repeat:
            device.last_update = reading.heard_at
        shown, heard = device.shown, device.heard
        shown[rssi] = reading.rssi
        shown.update(measurements)
        heard[rssi] = moment
        for measurement in measurements:
            heard[measurement] = moment
        if not self._scans_decide:
            # A copy that another adapter tells says nothing of the sensor's rhythm.
            is_copy = is_repeat and reading.adapter != repeats.adapter
            self._limits.hear(name, (rssi,) if is_copy else (rssi, *measurements), moment)
            # No limit is shorter than the least: what is due sooner was heard before.
            device.due = min(device.due, moment + self._limits.least_s)
            self._due = min(self._due, device.due)
        if reading.others:
            self._others.hear(reading)
        self._heard_in_scan[name] = None
        self._version += 1

    def put(self, device_name: str, measurements: Mapping[str, float]) -> None:
        """Take in measurements that were heard now; see metrics.update_metrics."""
        named = {Measurement.parse(text): value for text, value in measurements.items()}
        self.update(Reading(device_name, named, time.time()))

    def _device(self, name: str, moment: float) -> _Device:
        """Return what is known of a device; what had expired before does not come back with what it says now."""
        device = self._devices.get(name)
        if device is None or (
            not self._scans_decide and device.due <= moment and not device.let_go(moment, self._limits)
        ):
            device = self._devices[name] = _Device(name, moment if self._scans_decide else math.inf)
        return device

    def begin_scan(self) -> None:
        """From now on, note what is heard in this scan."""
        self._scan += 1
        self._heard_in_scan = {}

    def end_scan(self) -> list[str]:
        """Return the names of the devices heard since the scan began; where scans decide, let go of all else."""
        if self._scans_decide:
            self._let_go_at(self._scan)
        return list(self._heard_in_scan)

    def _let_go(self) -> None:
        """Let go of what is due by now. Where nothing is, that is one comparison: a scrape need not look at all."""
        if not self._scans_decide and self._due <= (now_s := self._clock()):
            self._let_go_at(now_s)

    def _let_go_at(self, moment: float) -> None:
        self._devices = {
            name: device
            for name, device in self._devices.items()
            if moment < device.due or device.let_go(moment, self._limits)
        }
        self._due = min((device.due for device in self._devices.values()), default=math.inf)
        self._version += 1

    def collect(self) -> Iterator[Metric]:
        """Build the families of this moment, for a scrape; a family without a series is left out."""
        self._let_go()
        devices = self._devices.values()
        yield from _gauge(_SEEN, [Sample(_SEEN.metric, device.labels, 1) for device in devices])
        updates = [(device.labels, device.last_update) for device in devices if device.last_update is not None]
        yield from _gauge(_LAST_UPDATE, [Sample(_LAST_UPDATE.metric, labels, value) for labels, value in updates])
        samples: dict[Family, list[Sample]] = {}
        for measurement in dict.fromkeys(name for device in devices for name in device.shown):
            family, label = _known_series[measurement]
            of_family = samples.setdefault(family, [])
            name, multiplier, divisor = family.metric, family.multiplier, family.divisor
            for device in devices:
                value = device.shown.get(measurement)
                if value is not None:
                    labels = {**device.labels, **label} if label else device.labels
                    of_family.append(Sample(name, labels, value * multiplier / divisor))
        for family, of_family in samples.items():
            yield from _gauge(family, of_family)
        yield from self._others.collect(device.labels for device in devices)

    def shown(self, device: str) -> Mapping[str, float]:
        """Return what a scrape shows of a device: measurement name to value, in the unit of its row in the table."""
        self._let_go()
        of_device = self._devices.get(device)
        shown = of_device.shown if of_device else {}
        return {
            name: value for name, value in shown.items() if value is not None and _known_series[name].family != _RSSI
        }

    def last_update(self, device: str) -> float | None:
        """Return when a new measurement was last heard, in Unix time; None where the device shows none."""
        self._let_go()
        of_device = self._devices.get(device)
        return of_device.last_update if of_device else None


def _gauge(family: Family, samples: list[Sample]) -> Iterator[Metric]:
    if samples:
        metric = GaugeMetricFamily(family.metric, family.help)
        metric.samples = samples
        yield metric


_known_series: dict[str, _Series] = {name: _Series(family, {}) for name, family in FAMILIES.items()}


_MAX_POSITION = 345  # so many of one name fit into service data of all formats; 127 into one


def _learn_series(measurement: str) -> None:
    """Note where a repeated measurement goes: "temperature_2"."""
    name, position = base_and_position(measurement)
    if name not in FAMILIES or not 2 <= position <= _MAX_POSITION:
        raise ValueError(f"{measurement}: not a measurement; the known ones are {', '.join(FAMILIES)}")
    _known_series[measurement] = _Series(FAMILIES[name], {"position": str(position)})


_rssi_by: dict[str, Measurement] = {}


def _learn_adapter(adapter: str) -> Measurement:
    """Note where the RSSI by an adapter goes; return its name as a measurement, which no format's table has."""
    name = _rssi_by[adapter] = Measurement(f"RSSI by {adapter}")
    _known_series[name] = _Series(_RSSI, {"adapter": adapter} if adapter else {})
    return name


_readings_of: WeakKeyDictionary[CollectorRegistry, Readings] = WeakKeyDictionary()


def store_on(registry: CollectorRegistry | None) -> Readings:
    """Return the store that is registered on a registry; None is prometheus_client's own."""
    registry = REGISTRY if registry is None else registry
    readings = _readings_of.get(registry)
    if readings is None:
        readings = _readings_of[registry] = Readings()
        registry.register(readings)
    return readings
