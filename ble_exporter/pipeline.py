"""Reads, stores and counts the advertisements of configured devices."""

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from ble_exporter.config import AppConfig
from ble_exporter.config.address_type import default_address_type
from ble_exporter.device import Device, Reader
from ble_exporter.device.glitch import GlitchFilter
from ble_exporter.device.lifetime import Lifetime, lifetime_of
from ble_exporter.device.rejections import KeptReason, Rejection, Rejections
from ble_exporter.device.rhythm import learned_limit
from ble_exporter.errors import DecodeError, RejectReason
from ble_exporter.formats.ciphers import ciphers_of
from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.registry import UNITS
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.model import Advertisement, Reading, Remarks
from ble_exporter.parser import bytes_of, keyed_reader, plain_reader

if TYPE_CHECKING:
    from ble_exporter.device.replay import ReplayGuard

# The maximum number of different warnings per device: anybody can send objects with any id under a device's address.
_MOST_WARNINGS = 32

# The hint at the end of the warning about a rejected advertisement.
_HINTS: Mapping[RejectReason, str] = {
    "encrypted": "give the device its bindkey in the configuration",
    "not_encrypted": "the device has a bindkey, but this packet is plain: encryption was switched off in the firmware "
    "(switch it on, or remove the bindkey), or another sender uses its address",
    "wrong_address_type": "another sender uses the sensor's address; if this is the sensor, set its address_type",
    "wrong_key": "compare the device's bindkey with the one on the firmware's page",
}
_TOO_MANY = "some measurements or buttons are left out for lack of room: another sender may use the device's address"
_REPLAYED = "rejected an advertisement: replayed"


def build_devices(
    config: AppConfig,
    clock: Callable[[], float],
    guard_of: "Callable[[str, float], ReplayGuard] | None" = None,
    known: Mapping[str, Device] = MappingProxyType({}),
) -> dict[str, Device]:
    """
    Return the configured devices by address, in the order of the configuration.

    A device that is among `known` is configured again, and keeps everything that was heard from it.

    Args:
        config: The configuration.
        clock: Returns monotonic seconds.
        guard_of: Returns the replay guard for an address and a scan interval in seconds (0 if scans have no pauses); by
            default, a guard without the state of an earlier run.
        known: The devices of the previous configuration, by address.

    Raises:
        ConfigError: A device has a key, but the library for decryption is missing.
    """
    # A configuration that was not read from a file may have addresses in lower case.
    ciphers = {address.upper(): cipher for address, cipher in ciphers_of(config.keys).items()}
    address_types = {address.upper(): kind for address, kind in config.address_types.items()}
    # Without pauses between scans, every advertisement can be heard.
    scan_interval_s = 0.0 if config.is_continuous else config.scan_interval_seconds
    learned = learned_limit(scan_interval_s)
    scan_s = config.scan_interval_seconds + config.scan_duration_seconds
    stale_after = {address.upper(): setting for address, setting in config.stale_after.items()}
    glitch_filters = {address.upper(): setting for address, setting in config.glitch_filters.items()}
    offsets = {address.upper(): setting for address, setting in config.offsets.items()}
    labels = {address.upper(): setting for address, setting in config.labels.items()}
    # Shared, because each empty dictionary and each lifetime takes memory.
    no_labels: dict[str, str] = {}
    no_offsets: dict[Measurement, float] = {}
    lifetimes: dict[float | str | None, Lifetime] = {}
    devices = {}
    for configured, name in config.devices.items():
        address = configured if configured.isupper() else configured.upper()
        reader: Reader = plain_reader
        if address in ciphers:
            from ble_exporter.device.replay import ReplayGuard  # noqa: PLC0415 - needed only with a key

            guard = guard_of(address, scan_interval_s) if guard_of else ReplayGuard(clock, scan_interval_s)
            reader = keyed_reader(ciphers[address], guard)
        setting = stale_after.get(address, config.stale_after_seconds)
        lifetime = lifetimes.setdefault(setting, lifetime_of(setting, learned, scan_s))
        if address in known:
            device = known[address]
            device.configure(name, reader, lifetime)
        else:
            device = Device(name, address, reader, lifetime)
            device.added_s = clock()
        devices[address] = device
        address_type = address_types.get(address) or default_address_type(address)
        if address_type != device.configured_type:
            device.address_type = device.configured_type = address_type
        # The filter holds a value back until the next measurement. If values never expire, the old value would be shown
        # until then, however late that is.
        is_filtered = glitch_filters.get(address, config.glitch_filter) and not lifetime.is_endless
        device.glitch_filter = (device.glitch_filter or GlitchFilter()) if is_filtered else None
        device.offsets = offsets.get(address, no_offsets)
        device.configured_labels = labels.get(address, no_labels)
    return devices


class Pipeline:
    """
    The listener of the service.

    Args:
        devices: The configured devices by address (upper case, with colons).
        counts: The counters to update.
        log: The log for warnings, and for the first reading of each device.
        clock: Returns monotonic seconds.

    Attributes:
        rejections: The latest rejections, with their packets.
    """

    def __init__(
        self, devices: Mapping[str, Device], counts: SelfMetrics, log: logging.Logger, clock: Callable[[], float]
    ) -> None:
        self._devices = devices
        self._counts = counts
        self._log = log
        self._clock = clock
        self.rejections = Rejections()
        self.devices_changed()

    def devices_changed(self) -> None:
        """Begin to count glitches if a device has the filter, and forget the rejections of removed devices."""
        devices = self._devices.values()
        if self._counts.glitches is None and any(device.glitch_filter is not None for device in devices):
            self._counts.glitches = 0
        self.rejections.keep_only_of(devices)

    def wants(self, address: str) -> bool:
        """Return whether a device with this address is configured; if not, count an unknown device's advertisement."""
        if address in self._devices:
            return True
        self._counts.unknown_device += 1
        return False

    def handle(self, advertisement: Advertisement) -> bool:
        """Read, store and count one advertisement; return False if its address type is not the device's."""
        device = self._devices[advertisement.address]
        address_type = advertisement.address_type
        if address_type != device.address_type and address_type and device.address_type:
            text = f"the sender has a {address_type} address, and the device a {device.address_type} one"
            self._reject(device, DecodeError("wrong_address_type", text), advertisement)
            return False
        try:
            reading = device.read(advertisement)
        except DecodeError as error:
            self._reject(device, error, advertisement)
            return True
        self._counts.decoded += 1
        # If the device may have either type, the first valid packet decides.
        if not device.address_type:
            device.address_type = address_type
        heard_s = advertisement.received_at(self._clock)
        if device.glitch_filter is not None:
            reading = self._sift(device, device.glitch_filter, advertisement, reading, heard_s)
        device.update(advertisement, reading, heard_s)
        if reading.remarks is not None:
            self._note_remarks(device, advertisement, reading.remarks, heard_s)
        if device.left_out:
            self._note_left_out(device, advertisement)
        if device.packets == 1:
            values = [
                f"{name} {value:g} {UNITS.get(name.name, '')}".rstrip() for name, value in reading.measurements.items()
            ]
            rssi = [] if advertisement.rssi is None else [f"RSSI {advertisement.rssi} dBm"]
            said = ", ".join([*values, *rssi])
            text = "heard %s (%s) for the first time: %s"
            self._log.info(text, device.name, device.address, said, extra=_fields(device, advertisement))
        return True

    def _sift(
        self,
        device: Device,
        glitch_filter: GlitchFilter,
        advertisement: Advertisement,
        reading: Reading,
        heard_s: float,
    ) -> Reading:
        """Return the reading without the values that are held back; count and keep the glitches that it reveals."""
        transmission = device.transmission
        is_other_adapter = advertisement.adapter != transmission.adapter
        is_late = is_other_adapter and transmission.is_late(reading.packet_id, heard_s)
        reading, glitches = glitch_filter.sift(advertisement, reading, device.series, heard_s, is_late=is_late)
        device.glitches += len(glitches)
        for measurement, before, held, after in glitches:
            self._counts.glitches = (self._counts.glitches or 0) + 1
            rejection = Rejection(device, "glitch", held.advertisement, held.heard_s, measurement, held.value)
            self.rejections.keep(rejection)
            detail = f"{held.value:g} between {before:g} and {after:g} {UNITS[measurement.name]}"
            detail = f"{detail}: {bytes_of(held.advertisement)}"
            self._warn(device, held.advertisement, f"rejected a glitch of the {measurement}", detail, reason="glitch")
        return reading

    def _reject(self, device: Device, error: DecodeError, advertisement: Advertisement) -> None:
        self._counts.rejected[error.reason] += 1
        heard_s = advertisement.received_at(self._clock)
        device.refuse(error.reason, heard_s)
        # A healthy sensor sometimes sends only its name. Such a packet deserves no warning, and is not worth keeping.
        if error.reason != "no_service_data":
            self.rejections.keep(Rejection(device, error.reason, advertisement, heard_s))
            hint = _HINTS.get(error.reason)
            detail = f"{error}: {hint}" if hint else str(error)
            warning = f"rejected an advertisement: {error.reason}"
            self._warn(device, advertisement, warning, detail, cause=error.cause, reason=error.reason)

    def _note_remarks(self, device: Device, advertisement: Advertisement, remarks: Remarks, heard_s: float) -> None:
        counts = self._counts
        if remarks.has_restarted:
            text = "%s (%s): restart accepted: probably a new battery"
            self._log.info(text, device.name, device.address, extra=_fields(device, advertisement))
            # Warn again about the next replay.
            device.warnings = frozenset(one for one in device.warnings if not one.startswith(_REPLAYED))
        warnings: list[tuple[str, KeptReason | None]] = []
        for object_id in remarks.unknown_objects:
            counts.unknown_objects += 1
            warnings.append((f"object 0x{object_id:02X} is not known", None))
        for measurement in remarks.impossible:
            counts.impossible_values += 1
            self.rejections.keep(Rejection(device, "impossible_value", advertisement, heard_s, measurement))
            warnings.append((f"no sensor can have measured this {measurement}, so it is left out", "impossible_value"))
        for error in remarks.refused:
            counts.refused[error.reason] += 1
            self.rejections.keep(Rejection(device, error.reason, advertisement, heard_s))
            warnings.append((f"rejected the service data of one format: {error.reason}", error.reason))
        for warning, reason in warnings:
            self._warn(device, advertisement, warning, bytes_of(advertisement), reason=reason)

    def _note_left_out(self, device: Device, advertisement: Advertisement) -> None:
        self._counts.left_out += device.left_out
        device.left_out = 0
        self._warn(device, advertisement, _TOO_MANY, bytes_of(advertisement))

    def _warn(
        self,
        device: Device,
        advertisement: Advertisement,
        warning: str,
        detail: str,
        *,
        cause: str = "",
        reason: KeptReason | None = None,
    ) -> None:
        # A repetition of a warning is logged at DEBUG level: a misconfigured sensor sends 35,000 packets a day.
        key = f"{warning}{cause}"
        is_known = key in device.warnings or len(device.warnings) >= _MOST_WARNINGS
        if not is_known:
            device.warnings |= {key}
        level = logging.DEBUG if is_known else logging.WARNING
        fields = {**_fields(device, advertisement), "reason": reason}
        self._log.log(level, "%s (%s): %s: %s", device.name, device.address, warning, detail, extra=fields)


def _fields(device: Device, advertisement: Advertisement) -> dict[str, str]:
    """Return the fields of a log line about an advertisement: see log_format.FIELDS."""
    return {"device": device.name, "address": device.address, "adapter": advertisement.adapter}
