"""The way of one advertisement: known device? sound? then into the store, and counted in any case."""

import logging
from collections.abc import Mapping

from ble_exporter.errors import DecodeError, RejectReason
from ble_exporter.metrics import Readings
from ble_exporter.model import Advertisement, Reading
from ble_exporter.parser import decode
from ble_exporter.self_metrics import SelfMetrics


class Pipeline:
    """
    The listener of the service: handles advertisements, one after the other.

    Args:
        devices: Address to name of the configured devices.
        readings: The store.
        counts: Where each advertisement is counted.
        log: Where devices, rejections and unknown objects are logged.

    Attributes:
        rejected: Device to the reason of its last rejection, since somebody cleared it.
    """

    def __init__(
        self, devices: Mapping[str, str], readings: Readings, counts: SelfMetrics, log: logging.Logger
    ) -> None:
        self.rejected: dict[str, RejectReason] = {}
        self._devices = {address.upper(): name for address, name in devices.items()}
        self._readings = readings
        self._counts = counts
        self._log = log
        self._met: set[str] = set()
        self._complained: set[tuple[str, str]] = set()

    def wants(self, address: str) -> bool:
        """Count an advertisement, and return whether it is of a configured device."""
        self._counts.received += 1
        if address in self._devices:
            return True
        self._counts.unknown_device += 1
        return False

    def handle(self, advertisement: Advertisement) -> None:
        """Take in one advertisement of a configured device, which `wants` has counted."""
        counts = self._counts
        device = self._devices[advertisement.address]
        try:
            reading = decode(advertisement, device)
        except DecodeError as error:
            counts.rejected[error.reason] += 1
            self.rejected[device] = error.reason
            # A sound sensor may now and then say nothing but its name: that is no reason to warn anybody.
            if error.reason != "no_service_data":
                self._complain(advertisement, device, f"rejected an advertisement: {error.reason}", str(error))
            return
        counts.decoded += 1
        self._readings.update(reading)
        if device not in self._met:
            self._met.add(device)
            self._log.info("heard %s (%s) for the first time: %s", device, advertisement.address, _in_words(reading))
        for object_id in reading.unknown_objects:
            counts.unknown_objects += 1
            complaint = f"object 0x{object_id:02X} is not known, and what stands behind it was not read"
            self._complain(advertisement, device, complaint, _bytes_of(advertisement))

    def _complain(self, advertisement: Advertisement, device: str, complaint: str, detail: str) -> None:
        # Once for each device and complaint: a sensor that is set up wrongly sends 35,000 packets a day.
        known = (device, complaint) in self._complained
        self._complained.add((device, complaint))
        level = logging.DEBUG if known else logging.WARNING
        self._log.log(level, "%s (%s): %s: %s", device, advertisement.address, complaint, detail)


def _in_words(reading: Reading) -> str:
    values = [f"{name} {value:g}" for name, value in reading.measurements.items()]
    return ", ".join([*values, f"RSSI {reading.rssi} dBm"])


def _bytes_of(advertisement: Advertisement) -> str:
    return ", ".join(f"{uuid} {data.hex()}" for uuid, data in advertisement.service_data.items())
