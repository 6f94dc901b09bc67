"""The words for the 0 and 1 of binary sensors."""

from collections.abc import Mapping

_CLOSED_OPEN = ("closed", "open")
_DETECTED = ("not detected", "detected")
_OFF_ON = ("off", "on")
BINARY_WORDS: Mapping[str, tuple[str, str]] = {
    "battery_charging": ("not charging", "charging"),
    "battery_low": ("normal", "low"),
    "carbon_monoxide": _DETECTED,
    "cold": ("normal", "cold"),
    "connectivity": ("disconnected", "connected"),
    "door": _CLOSED_OPEN,
    "garage_door": _CLOSED_OPEN,
    "gas_detected": ("no", "yes"),
    "generic": _OFF_ON,
    "heat": ("normal", "hot"),
    "light": _DETECTED,
    "lock": ("locked", "unlocked"),
    "moisture_detected": ("no", "yes"),
    "motion": _DETECTED,
    "moving": ("no", "yes"),
    "occupancy": _DETECTED,
    "opening": _CLOSED_OPEN,
    "plug": ("unplugged", "plugged in"),
    "power_on": ("no", "yes"),
    "presence": ("away", "home"),
    "problem": ("no", "yes"),
    "running": ("no", "yes"),
    "safety": ("unsafe", "safe"),
    "smoke": _DETECTED,
    "sound": _DETECTED,
    "tamper": _OFF_ON,
    "vibration": _DETECTED,
    "window": _CLOSED_OPEN,
}
"""Measurement name to what 0 and 1 mean. Source: bthome.io/format, binary sensor data"""
