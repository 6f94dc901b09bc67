"""
The series that the devices show, and the places of their values.

Between two scrapes, the values of most devices change, but a series hardly ever appears or expires. A scrape therefore
reads the values from the places that an earlier scrape found, without searching the devices.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ble_exporter.device import Device
from ble_exporter.device.calibration import corrected
from ble_exporter.device.labels import Labels
from ble_exporter.device.rhythm import Rhythm
from ble_exporter.device.series import Series
from ble_exporter.formats.measurement import Measurement
from ble_exporter.metrics.column import MILLI, Head
from ble_exporter.metrics.families import FAMILIES, Family, raw_family
from ble_exporter.metrics.table import Layout, Table

_SEEN = Head(
    "ble_sensor_seen",
    "gauge",
    "1 for each device that was heard recently: in the latest scan, or within its time limit.",
)
_LAST_UPDATE = Head(
    "ble_sensor_last_update_timestamp_seconds", "gauge", "Unix time at which a new measurement was last heard.", MILLI
)
_RSSI = Head(
    "ble_sensor_rssi_dbm", "gauge", "Received signal strength of the device's latest advertisement, by adapter."
)
_INTERVAL = Head(
    "ble_sensor_advertisement_interval_seconds",
    "gauge",
    "Usual interval between the advertisements that are heard.",
)
_PACKETS = Head("ble_sensor_packets_received_total", "counter", "Packets received that gave a reading.")
_HEARD = Head(
    "ble_sensor_measurements_total",
    "counter",
    "Measurements of which at least one packet was received, as far as the packet ids show.",
)
_MISSED = Head(
    "ble_sensor_measurements_missed_total",
    "counter",
    "Measurements of which no packet was received, as far as the packet ids show.",
)


class _Correction(NamedTuple):
    """A value with an offset: its position in its family, and the device and measurement that have the offset."""

    position: int
    device: Device
    measurement: Measurement


class _Measured:
    """The series of one family of measurements, and those of them that have an offset."""

    __slots__ = ("_factor", "_offsets", "_series", "head", "labels")

    def __init__(self, family: Family) -> None:
        self.head = Head(family.metric, "gauge", family.help)
        self.labels: list[Labels] = []
        self._factor = family.multiplier, family.divisor
        self._series: list[Series] = []
        self._offsets: list[_Correction] = []

    def add(self, labels: Labels, series: Series, offset: tuple[Device, Measurement] | None = None) -> None:
        """Add a series."""
        if offset is not None:
            self._offsets.append(_Correction(len(self._series), *offset))
        self.labels.append(labels)
        self._series.append(series)

    def values(self) -> list[float]:
        """Return the present values, in the unit of the family."""
        values = [series.value for series in self._series]
        for position, device, measurement in self._offsets:
            values[position] = corrected(device, measurement, values[position])
        multiplier, divisor = self._factor
        return values if multiplier == divisor else [value * multiplier / divisor for value in values]


class Places:
    """
    The places of the values of some devices.

    Args:
        devices: The devices; those that are not present have no series.
    """

    def __init__(self, devices: Iterable[Device]) -> None:
        present = self._present = [device for device in devices if device.is_present]
        labels = [device.labels for device in present]
        receptions = [one for device in present for one in device.receptions.values() if one.is_shown]
        self._updated = [device for device in present if device.last_update_s is not None]
        self._heard = [one for one in receptions if one.rssi is not None]
        self._unheard = [one for one in receptions if one.rssi is None]
        rhythms = [_rhythm_of(device) for device in present]
        self._regular = [one for one in rhythms if one.interval_s is not None]
        self._irregular = [one for one in rhythms if one.interval_s is None]
        counts = [device.transmission.count for device in present]
        self._counted = [one for one in counts if one.is_known]
        self._uncounted = [one for one in counts if not one.is_known]
        self._ones = [1] * len(present)
        measured: dict[Family, _Measured] = {}
        raw: dict[Family, _Measured] = {}
        for device in present:
            _add_measured(device, measured, raw)
        self._measured = [*measured.values(), *raw.values()]
        counted = [one for one, count in zip(labels, counts, strict=True) if count.is_known]
        self._layout: Layout = [
            (_SEEN, labels),
            (_LAST_UPDATE, [device.labels for device in self._updated]),
            (_RSSI, [one.labels for one in self._heard]),
            (_INTERVAL, [one for one, rhythm in zip(labels, rhythms, strict=True) if rhythm.interval_s is not None]),
            *((_PACKETS, labels), (_HEARD, counted), (_MISSED, counted)),
            *((one.head, one.labels) for one in self._measured),
        ]

    def table(self, boot_at: float) -> Table | None:
        """
        Return the values at this moment; None if a value has become known or unknown since the places were found.

        `boot_at` is the Unix time of the devices' second 0.
        """
        rssi = [one.rssi for one in self._heard if one.rssi is not None]
        intervals_s = [interval_s for one in self._regular if (interval_s := one.interval_s) is not None]
        if (
            len(rssi) < len(self._heard)
            or len(intervals_s) < len(self._regular)
            or any(one.rssi is not None for one in self._unheard)
            or any(one.interval_s is not None for one in self._irregular)
            or any(one.is_known for one in self._uncounted)
        ):
            return None
        values: list[Sequence[float]] = [
            self._ones,
            # Never None here: the time is cleared only when nothing of the device is shown any more.
            [round(1000 * ((device.last_update_s or 0.0) + boot_at)) for device in self._updated],
            rssi,
            intervals_s,
            [device.packets for device in self._present],
            [count.heard for count in self._counted],
            [count.missed for count in self._counted],
            *[one.values() for one in self._measured],
        ]
        return Table(self._layout, values)


def _rhythm_of(device: Device) -> Rhythm | Device:
    """Return an object with the usual interval of a device: its only rhythm, which is faster to ask, or the device."""
    receptions = device.receptions
    return next(iter(receptions.values())).rhythm if len(receptions) == 1 else device


def _add_measured(device: Device, measured: dict[Family, _Measured], raw: dict[Family, _Measured]) -> None:
    """Add the measurements that a device shows."""
    for measurement, series in device.series.items():
        if not series.is_shown:
            continue
        labels = device.labels
        if measurement.position > 1:
            labels = Labels({**labels, "position": str(measurement.position)})
        family = FAMILIES[measurement.name]
        offset = (device, measurement) if measurement in device.offsets else None
        if offset is not None:
            _of(raw, raw_family(family)).add(labels, series)
        _of(measured, family).add(labels, series, offset)


def _of(measured: dict[Family, _Measured], family: Family) -> _Measured:
    """Return the series of a family; begin with none."""
    found = measured.get(family)
    if found is None:
        found = measured[family] = _Measured(family)
    return found
