"""The way of one advertisement: known device? sound? then into the store, and counted in any case."""

import logging
from collections.abc import Mapping

from ble_exporter.device.replay import Guard, Witness
from ble_exporter.errors import DecodeError, RejectReason
from ble_exporter.formats.decoded import NOTHING, Cipher
from ble_exporter.metrics.readings import Readings
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.model import Advertisement, Reading
from ble_exporter.parser import decode, decode_each, nothing_known, reading_of
from ble_exporter.status.device_status import Roster

# So many different ones of one device are warned of: anybody can send objects of any id under its address.
_MOST_COMPLAINTS = 32

# What the owner of a sensor can do, behind what is wrong.
_REMEDIES: Mapping[RejectReason, str] = {
    "encrypted": "give the device its bindkey in the configuration",
    "not_encrypted": "the device has a bindkey, and this packet was not encrypted: it was switched off in the firmware "
    "(switch it on, or remove the bindkey), or somebody else sends",
    "replayed": "a sensor with a new battery is believed within a minute or so; or somebody sends what was recorded: "
    "docs/security.md",
    "wrong_key": "compare the device's bindkey with the one on the firmware's page",
}


class Pipeline:
    """
    The listener of the service: handles advertisements, one after the other.

    Args:
        devices: Address to name of the configured devices.
        readings: The store.
        counts: Where each advertisement is counted.
        log: Where devices, rejections and unknown objects are logged.
        ciphers: Address to cipher of the devices that have a key: of those nothing else is taken in than what was
            encrypted with it, and is new.
        guard: Tells what is new.
        roster: Where it is noted what each device is doing.

    Attributes:
        rejected: Device to the reason of its last rejection, since somebody cleared it.
    """

    def __init__(
        self,
        devices: Mapping[str, str],
        readings: Readings,
        counts: SelfMetrics,
        log: logging.Logger,
        *,
        ciphers: Mapping[str, Cipher] | None = None,
        guard: Guard | None = None,
        roster: Roster | None = None,
    ) -> None:
        self.rejected: dict[str, RejectReason] = {}
        self._devices = {address.upper(): name for address, name in devices.items()}
        self._readings = readings
        self._counts = counts
        self._log = log
        self._ciphers = {address.upper(): cipher for address, cipher in (ciphers or {}).items()}
        self._guard = guard or Guard()
        self._roster = roster
        self._met: set[str] = set()
        self._complained: dict[str, set[str]] = {}

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
            cipher = self._ciphers.get(advertisement.address)
            reading = decode(advertisement, device) if cipher is None else self._opened(advertisement, device, cipher)
        except DecodeError as error:
            counts.rejected[error.reason] += 1
            self.rejected[device] = error.reason
            if self._roster:
                self._roster.refuse(device, error.reason)
            # A sound sensor may now and then say nothing but its name: that is no reason to warn anybody.
            if error.reason != "no_service_data":
                remedy = _REMEDIES.get(error.reason)
                detail = f"{error}: {remedy}" if remedy else str(error)
                self._complain(advertisement, device, f"rejected an advertisement: {error.reason}", detail)
            return
        counts.decoded += 1
        self._readings.update(reading)
        if self._roster:
            self._roster.hear(reading)
        self._count_what_was_left_out(advertisement, reading)
        if device not in self._met:
            self._met.add(device)
            self._log.info("heard %s (%s) for the first time: %s", device, advertisement.address, _in_words(reading))

    def _count_what_was_left_out(self, advertisement: Advertisement, reading: Reading) -> None:
        counts = self._counts
        complaints = []
        for object_id in reading.unknown_objects:
            counts.unknown_objects += 1
            complaints.append(f"object 0x{object_id:02X} is not known")
        for measurement in reading.impossible:
            counts.impossible_values += 1
            complaints.append(f"no sensor can have measured this {measurement}, and it is left out")
        for error in reading.refused:
            counts.refused[error.reason] += 1
            complaints.append(f"refused one of its formats: {error.reason}")
        for complaint in complaints:
            self._complain(advertisement, reading.device, complaint, _bytes_of(advertisement))

    def _opened(self, advertisement: Advertisement, device: str, cipher: Cipher) -> Reading:
        """
        Decode an advertisement of a device that has a key.

        Raises:
            DecodeError: Any of it is not sound, not encrypted, encrypted with another key, or not new.
        """
        witness = Witness(cipher)
        decoded, refused = decode_each(advertisement, witness)
        # Each of them, before any is merged: beside a packet that is genuine, another may be anybody's.
        if refused or not decoded:
            raise refused[0] if refused else nothing_known(advertisement)
        # MiBeacon announces itself in plain, and says nothing by it.
        decoded = {uuid: one for uuid, one in decoded.items() if one != NOTHING}
        if not decoded:
            raise DecodeError("no_service_data", "nothing but an announcement")
        counters = {uuid: one.counter for uuid, one in decoded.items() if one.counter is not None}
        if len(counters) < len(decoded) or not witness.opened:
            raise DecodeError("not_encrypted", _bytes_of(advertisement))
        if self._guard.admit(advertisement.address, counters, witness.opened, advertisement.adapter):
            self._log.info("%s (%s): counts anew, and is believed: a new battery", device, advertisement.address)
            # The next time it happens is worth a warning again.
            self._complained.get(device, set()).discard("rejected an advertisement: replayed")
        return reading_of(advertisement, device, decoded)

    def _complain(self, advertisement: Advertisement, device: str, complaint: str, detail: str) -> None:
        # Once for each device and complaint: a sensor that is set up wrongly sends 35,000 packets a day.
        complaints = self._complained.setdefault(device, set())
        known = complaint in complaints or len(complaints) >= _MOST_COMPLAINTS
        if not known:
            complaints.add(complaint)
        level = logging.DEBUG if known else logging.WARNING
        self._log.log(level, "%s (%s): %s: %s", device, advertisement.address, complaint, detail)


def _in_words(reading: Reading) -> str:
    values = [f"{name} {value:g}" for name, value in reading.measurements.items()]
    return ", ".join([*values, f"RSSI {reading.rssi} dBm"])


def _bytes_of(advertisement: Advertisement) -> str:
    return ", ".join(f"{uuid} {data.hex()}" for uuid, data in advertisement.service_data.items())
