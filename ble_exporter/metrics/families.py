"""
The metric family of each measurement: name, base unit, help text.

Units are Prometheus base units (grams, joules, pascals, cubic metres, …), except percent and ppm, because ratios such
as 0.0008 are hard to read.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ble_exporter.formats.measurement import Measurement


class Family(NamedTuple):
    """
    One metric family, a gauge.

    Attributes:
        suffix: The metric name after "ble_sensor_", including the base unit.
        help: The help text, which names the objects that contain the measurement.
        multiplier, divisor: The exported value is `value * multiplier / divisor`.
    """

    suffix: str
    help: str
    multiplier: int = 1
    divisor: int = 1

    @property
    def metric(self) -> str:
        """The full metric name."""
        return f"ble_sensor_{self.suffix}"


def event_labels(source: Measurement, event: str) -> dict[str, str]:
    """Return the labels of an event, except `device`; the source is a button, a dimmer or a command."""
    position = {"position": str(source.position)} if source.position > 1 else {}
    return {"kind": source.name, "event": event, **position}


FAMILIES: Mapping[str, Family] = {
    "battery": Family("battery_percent", "Battery (BTHome 0x01, pvvx, ATC1441, MiBeacon 0x100A)."),
    "temperature": Family(
        "temperature_celsius", "Temperature (BTHome 0x02, 0x45, 0x57, 0x58, pvvx, ATC1441, MiBeacon 0x1004, 0x100D)."
    ),
    "humidity": Family("humidity_percent", "Humidity (BTHome 0x03, 0x2E, pvvx, ATC1441, MiBeacon 0x1006, 0x100D)."),
    "pressure": Family("pressure_pascals", "Pressure (BTHome 0x04).", multiplier=100),
    "illuminance": Family("illuminance_lux", "Illuminance (BTHome 0x05)."),
    "mass": Family("mass_grams", "Mass (BTHome 0x06, 0x07).", multiplier=1000),
    "dew_point": Family("dew_point_celsius", "Dew point (BTHome 0x08)."),
    "count": Family("count_value", "Count (BTHome 0x09, 0x3D, 0x3E, 0x59, 0x5A, 0x5B)."),
    "energy": Family("energy_joules", "Energy (BTHome 0x0A, 0x4D).", multiplier=3600000),
    "power": Family("power_watts", "Power (BTHome 0x0B, 0x5C)."),
    "voltage": Family("voltage_volts", "Voltage (BTHome 0x0C, 0x4A, pvvx, ATC1441)."),
    "pm25": Family("pm25_grams_per_cubic_meter", "Particulate matter up to 2.5 µm (BTHome 0x0D).", divisor=1000000),
    "pm10": Family("pm10_grams_per_cubic_meter", "Particulate matter up to 10 µm (BTHome 0x0E).", divisor=1000000),
    "generic": Family("generic", "Generic: 1 is on (BTHome 0x0F)."),
    "power_on": Family("power_on", "Power: 1 is on (BTHome 0x10, pvvx)."),
    "opening": Family("opening", "Opening: 1 is open (BTHome 0x11, pvvx)."),
    "carbon_dioxide": Family("carbon_dioxide_ppm", "Carbon dioxide (BTHome 0x12)."),
    "volatile_organic_compounds": Family(
        "volatile_organic_compounds_grams_per_cubic_meter",
        "Volatile organic compounds (BTHome 0x13).",
        divisor=1000000,
    ),
    "moisture": Family("moisture_percent", "Moisture (BTHome 0x14, 0x2F)."),
    "battery_low": Family("battery_low", "Battery: 1 is low (BTHome 0x15)."),
    "battery_charging": Family("battery_charging", "Battery: 1 is charging (BTHome 0x16)."),
    "carbon_monoxide": Family("carbon_monoxide", "Carbon monoxide: 1 is detected (BTHome 0x17)."),
    "cold": Family("cold", "Cold: 1 is cold (BTHome 0x18)."),
    "connectivity": Family("connectivity", "Connectivity: 1 is connected (BTHome 0x19)."),
    "door": Family("door", "Door: 1 is open (BTHome 0x1A)."),
    "garage_door": Family("garage_door", "Garage door: 1 is open (BTHome 0x1B)."),
    "gas_detected": Family("gas_detected", "Gas: 1 is detected (BTHome 0x1C)."),
    "heat": Family("heat", "Heat: 1 is hot (BTHome 0x1D)."),
    "light": Family("light", "Light: 1 is detected (BTHome 0x1E)."),
    "lock": Family("lock", "Lock: 1 is unlocked (BTHome 0x1F)."),
    "moisture_detected": Family("moisture_detected", "Moisture: 1 is wet (BTHome 0x20)."),
    "motion": Family("motion", "Motion: 1 is detected (BTHome 0x21)."),
    "moving": Family("moving", "Moving: 1 is moving (BTHome 0x22)."),
    "occupancy": Family("occupancy", "Occupancy: 1 is detected (BTHome 0x23)."),
    "plug": Family("plug", "Plug: 1 is plugged in (BTHome 0x24)."),
    "presence": Family("presence", "Presence: 1 is home (BTHome 0x25)."),
    "problem": Family("problem", "Problem: 1 is a problem (BTHome 0x26)."),
    "running": Family("running", "Running: 1 is running (BTHome 0x27)."),
    "safety": Family("safety", "Safety: 1 is safe (BTHome 0x28)."),
    "smoke": Family("smoke", "Smoke: 1 is detected (BTHome 0x29)."),
    "sound": Family("sound", "Sound: 1 is detected (BTHome 0x2A)."),
    "tamper": Family("tamper", "Tamper: 1 is on (BTHome 0x2B)."),
    "vibration": Family("vibration", "Vibration: 1 is detected (BTHome 0x2C)."),
    "window": Family("window", "Window: 1 is open (BTHome 0x2D)."),
    "rotation": Family("rotation_degrees", "Rotation (BTHome 0x3F)."),
    "distance": Family("distance_meters", "Distance (BTHome 0x40, 0x41)."),
    "duration": Family("duration_seconds", "Duration (BTHome 0x42)."),
    "current": Family("current_amperes", "Current (BTHome 0x43, 0x5D)."),
    "speed": Family("speed_meters_per_second", "Speed (BTHome 0x44, 0x62)."),
    "uv_index": Family("uv_index", "UV index (BTHome 0x46)."),
    "volume": Family("volume_cubic_meters", "Volume (BTHome 0x47, 0x48, 0x4E).", divisor=1000),
    "volume_flow_rate": Family(
        "volume_flow_rate_cubic_meters_per_second", "Volume flow rate (BTHome 0x49).", divisor=3600
    ),
    "gas": Family("gas_cubic_meters", "Gas (BTHome 0x4B, 0x4C)."),
    "water": Family("water_cubic_meters", "Water (BTHome 0x4F).", divisor=1000),
    "timestamp": Family("timestamp_seconds", "The sensor's own clock, in Unix time (BTHome 0x50)."),
    "acceleration": Family("acceleration_meters_per_second_squared", "Acceleration (BTHome 0x51, 0x63)."),
    "gyroscope": Family("gyroscope_degrees_per_second", "Gyroscope (BTHome 0x52)."),
    "volume_storage": Family("volume_storage_cubic_meters", "Volume storage (BTHome 0x55).", divisor=1000),
    "conductivity": Family("conductivity_siemens_per_meter", "Conductivity (BTHome 0x56).", divisor=10000),
    "direction": Family("direction_degrees", "Direction (BTHome 0x5E)."),
    "precipitation": Family("precipitation_meters", "Precipitation (BTHome 0x5F).", divisor=1000),
    "channel": Family("channel", "Channel (BTHome 0x60)."),
    "rotational_speed": Family(
        "rotational_speed_revolutions_per_second", "Rotational speed (BTHome 0x61).", divisor=60
    ),
    "light_level": Family("light_level", "Light level (BTHome 0x64)."),
    "settings_revision": Family("settings_revision", "Settings revision (BTHome 0x65)."),
}
"""Measurement name to metric family. A measurement has the unit given in the format's table."""


def raw_family(family: Family) -> Family:
    """Return the family for the values of a measurement as the sensor sent them, without the device's offset."""
    return family._replace(suffix=f"raw_{family.suffix}", help=f"Without the configured offset: {family.help}")
