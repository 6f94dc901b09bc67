"""
The pins of thermometers with the pvvx firmware, which sends their levels even if nothing is connected to them.

With each voltage, ATC_MiThermometer (src/bthome_beacon.c, and the flags of its custom format) sends the level of two
pins: 0x10, `power_on`, is the trigger output, which the firmware switches at a temperature threshold; 0x11,
`opening`, is the input for a reed switch, which a resistor holds at 1 ("open") while nothing is soldered to it. Once an
hour it also sends `count`, the number of times that the input was closed. No packet says what is connected.
"""

from ble_exporter.device import Device

_PINS = ("power_on", "opening", "count")
_THERMOMETER_WITH_PINS = frozenset({"temperature", "battery", "voltage", "power_on"})


def idle_pins(device: Device) -> list[str]:
    """
    Return the names of the readings of the thermometer's pins to which, as far as known, nothing is connected.

    A pin counts as used once its level has changed, and the input also once the thermometer has counted a closing.
    """
    if not _THERMOMETER_WITH_PINS.issubset(measurement.name for measurement in device.series):
        return []
    pins = {measurement: series for measurement, series in device.series.items() if measurement.name in _PINS}
    has_closed = any(series.value > 0 for measurement, series in pins.items() if measurement.name == "count")
    return [
        str(measurement)
        for measurement, series in pins.items()
        if series.is_shown and not series.has_changed and (measurement.name == "power_on" or not has_closed)
    ]
