"""
The calibration of a device: the offsets from the configuration, which are added to values when they are shown.

The device keeps the values as the sensor sent them, so an offset costs nothing when a packet arrives, and the raw value
can be shown, too. Corrected values have no limits, so that the value minus the offset is always the raw value: a
humidity may exceed 100 %, as that of a wet sensor does even without an offset.
"""

from ble_exporter.device.device import Device
from ble_exporter.formats.measurement import Measurement

# With more decimals, 21.37 - 0.4 would show the error of binary fractions: 20.970000000000002.
_DECIMALS = 9


def corrected(device: Device, measurement: Measurement, value: float) -> float:
    """Return a value of a device, with the measurement's offset added."""
    offset = device.offsets.get(measurement)
    return value if offset is None else round(value + offset, _DECIMALS)
