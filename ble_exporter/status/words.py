"""The words for the values 0 and 1 of binary sensors."""

from collections.abc import Mapping

_NAMES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("away", "home"): ("presence",),
    ("closed", "open"): ("door", "garage_door", "opening", "window"),
    ("disconnected", "connected"): ("connectivity",),
    ("locked", "unlocked"): ("lock",),
    ("no", "yes"): ("gas_detected", "moisture_detected", "moving", "power_on", "problem", "running"),
    ("normal", "cold"): ("cold",),
    ("normal", "hot"): ("heat",),
    ("normal", "low"): ("battery_low",),
    ("not charging", "charging"): ("battery_charging",),
    ("not detected", "detected"): ("carbon_monoxide", "light", "motion", "occupancy", "smoke", "sound", "vibration"),
    ("off", "on"): ("generic", "tamper"),
    ("unplugged", "plugged in"): ("plug",),
    ("unsafe", "safe"): ("safety",),
}
BINARY_WORDS: Mapping[str, tuple[str, str]] = {name: words for words, names in _NAMES.items() for name in names}
"""Measurement name to the words for 0 and 1. Source: bthome.io/format, binary sensor data."""
