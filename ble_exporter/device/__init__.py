"""One configured sensor, and everything that the program keeps about it."""

from ble_exporter.device.device import Device, Reader
from ble_exporter.device.series import Revision

__all__ = ["Device", "Reader", "Revision"]
