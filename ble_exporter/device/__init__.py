"""One configured sensor: everything that is kept about it."""

from ble_exporter.device.device import Device, Reader

__all__ = ["Device", "Reader"]
