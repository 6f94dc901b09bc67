"""Hear Bluetooth Low Energy thermometers and give their readings to Prometheus."""

__version__ = "0.1.0"
