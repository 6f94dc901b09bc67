"""
The calibration of a device: the offsets from the configuration, which are added to values when they are shown.

The device keeps the values as the sensor sent them: the offset then costs nothing for a packet, and the raw value can
be shown, too. A corrected value is not limited: a humidity may exceed 100 %, as that of a wet sensor does anyway, so
that the value minus the offset is always the raw value.
"""

from ble_exporter.device.device import Device
from ble_exporter.formats.measurement import Measurement

# With more digits, 21.37 - 0.4 would show the error of binary fractions: 20.970000000000002.
_DECIMALS = 9


def corrected(device: Device, measurement: Measurement, value: float) -> float:
    """Return a value of a device, with the measurement's offset added."""
    offset = device.offsets.get(measurement)
    return value if offset is None else round(value + offset, _DECIMALS)
