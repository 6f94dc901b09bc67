"""The devices that `discover` has heard, and their readings. This module prints nothing; its clock is a parameter."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ble_exporter.device.rhythm import Rhythm
from ble_exporter.errors import DecodeError, RejectReason
from ble_exporter.formats.decoded import Cipher, Decoded
from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.registry import FORMATS
from ble_exporter.formats.values import merged
from ble_exporter.model import Advertisement

Value = TypeVar("Value")

ConfiguredNames = Mapping[str, str]
"""The names of the configured devices by address."""

RISE_SHOWN_S = 15.0
"""How long a rise stays marked, in seconds: the value of a sensor that measures every 10 s may rise in two steps."""

# A device that keeps changing its address must not fill the memory, or displace the real sensors.
MAX_SENSORS = 500
MAX_OTHERS = 5000
# More measurements than one AD structure can hold; a sensor sends about a dozen.
MAX_MEASUREMENTS = 150

# Breathing on a sensor raises the humidity by 5 to 30 %, and the temperature by half a degree or more. A sensor's noise
# is less than a tenth of that, and changes from airing or heating a room take minutes.
_MIN_RISE: Mapping[Measurement, float] = {Measurement("humidity"): 3.0, Measurement("temperature"): 0.4}
_MIN_RISE_TO_NOISE = 3.0
_VALUES_COMPARED = 8

# In seconds. Packets that follow each other faster are copies or belong to one burst: the time between them is not an
# interval. Some devices have an interval of half a second.
_BURST_S = 0.2

# RSSI smoothing factor: rows must not jump between refreshes.
_RSSI_WEIGHT = 0.2
_MAX_NAME_LENGTH = 248  # bytes, Bluetooth Core, vol. 3, part C, 3.2.2


def add_value(values: deque[float], value: float, min_rise: float) -> bool:
    """Append a value to the latest ones; return whether it exceeds all of them by `min_rise` and by more than noise."""
    has_risen = bool(values) and value - max(values) >= max(min_rise, _MIN_RISE_TO_NOISE * (max(values) - min(values)))
    if has_risen:
        # Compare later values with this one only, so that a fall and its recovery do not count as a rise.
        values.clear()
    values.append(value)
    return has_risen


@dataclass
class DiscoveredDevice:
    """
    A device from which an advertisement was received.

    Attributes:
        address: The Bluetooth address in upper case, with colons.
        name: The advertised name, which may be any text; empty if the device advertises none.
        rssi: The smoothed signal strength in dBm; None if the radio does not report it.
        packets: The number of advertisements; only those of a known format count if the device is a sensor.
        formats: The short names of the known formats that the device sends; empty unless it is a sensor.
        measurements: The latest values in the units of formats.registry.UNITS; at most MAX_MEASUREMENTS.
        events: The latest events, and other values that are not measurements, as text; at most MAX_MEASUREMENTS.
        is_announced: Whether the device has sent a valid packet of a known format without any value.
        encrypts: Whether the device has sent an encrypted packet.
        undecrypted: The latest packet that could not be decrypted; None after a packet that was decrypted.
        rejected: Why the latest service data of a known format was rejected; None if it was accepted, or none was sent.
        rose: The measurement that rose last, at the time `rose_at` of the Discovery's clock; None if none rose.
    """

    address: str
    name: str = ""
    rssi: float | None = None
    packets: int = 0
    formats: list[str] = field(default_factory=list)
    measurements: dict[Measurement, float] = field(default_factory=dict)
    events: dict[Measurement, str] = field(default_factory=dict)
    is_announced: bool = False
    encrypts: bool = False
    undecrypted: Advertisement | None = None
    rejected: RejectReason | None = None
    rose: Measurement | None = None
    rose_at: float = 0.0
    _rhythm: Rhythm | None = None
    _latest: dict[Measurement, deque[float]] = field(
        default_factory=lambda: {name: deque(maxlen=_VALUES_COMPARED) for name in _MIN_RISE}
    )

    @property
    def is_sensor(self) -> bool:
        """Whether the device sends a known format."""
        return bool(self.formats)

    @property
    def needs_key(self) -> bool:
        """Whether the device has no readable value, because its bindkey is missing or wrong."""
        return self.undecrypted is not None and not self.measurements and not self.events

    @property
    def interval_s(self) -> float | None:
        """The usual interval between packets in seconds, ignoring bursts; None before the first interval."""
        return self._rhythm.interval_s if self._rhythm else None

    def just_rose(self, now: float) -> bool:
        """Return whether a measurement rose within the last RISE_SHOWN_S seconds."""
        return self.rose is not None and now - self.rose_at <= RISE_SHOWN_S

    def hear(self, advertisement: Advertisement, cipher: Cipher | None, now: float) -> None:
        """Store the contents of one advertisement, received at `now` on the Discovery's clock."""
        self.name = advertisement.name[:_MAX_NAME_LENGTH] or self.name
        if advertisement.rssi is not None:
            last = advertisement.rssi if self.rssi is None else self.rssi
            self.rssi = last + _RSSI_WEIGHT * (advertisement.rssi - last)
        was_sensor = self.is_sensor
        is_known_format = self._read(advertisement, cipher, now)
        if self.is_sensor and not was_sensor:
            self.packets = 0
            self._rhythm = None
        if is_known_format or not self.is_sensor:
            self.packets += 1
            if self._rhythm is None:
                self._rhythm = Rhythm(now)
            else:
                self._rhythm.hear(now, _BURST_S)

    def _read(self, advertisement: Advertisement, cipher: Cipher | None, now: float) -> bool:
        """Read the service data; return whether any data of a known format has a value, or could not be decrypted."""
        valid: list[Decoded] = []
        is_known_format = False
        for uuid, payload in advertisement.service_data.items():
            if uuid not in FORMATS:
                continue
            try:
                decoded = FORMATS[uuid].decode(payload, advertisement.address, cipher)
            except DecodeError as error:
                self.rejected = error.reason
                if error.reason not in ("encrypted", "wrong_key"):
                    continue
                self.encrypts = True
                self.undecrypted = advertisement
            else:
                self.rejected = None
                # A device that only announces its presence does not count as a sensor yet.
                if not decoded.measurements and not decoded.others:
                    self.is_announced = True
                    continue
                valid.append(decoded)
                if decoded.counter is not None:
                    self.encrypts, self.undecrypted = True, None
            is_known_format = True
            _, name = FORMATS[uuid].names_of(payload)
            if name not in self.formats:
                self.formats.append(name)
        if valid:
            both = merged(valid)
            self._update(both.measurements, now)
            _keep(self.events, {name: _as_text(value) for name, value in both.others.items()})
        return is_known_format

    def _update(self, measurements: Mapping[Measurement, float], now: float) -> None:
        _keep(self.measurements, measurements)
        for name, min_rise in _MIN_RISE.items():
            if name in measurements and add_value(self._latest[name], measurements[name], min_rise):
                self.rose, self.rose_at = name, now


def _keep(kept: dict[Measurement, Value], values: Mapping[Measurement, Value]) -> None:
    """Store the values by name, but no more than MAX_MEASUREMENTS names."""
    for name, value in values.items():
        if name in kept or len(kept) < MAX_MEASUREMENTS:
            kept[name] = value


def _as_text(value: int | str | bytes) -> str:
    return (value.hex() if isinstance(value, bytes) else str(value))[:_MAX_NAME_LENGTH]


class Discovery:
    """
    A listener that collects the devices in range.

    Args:
        clock: Returns monotonic seconds.
        ciphers: The ciphers of the configured bindkeys, by address.
    """

    def __init__(self, clock: Callable[[], float], ciphers: Mapping[str, Cipher] | None = None) -> None:
        self.clock = clock
        self._ciphers = ciphers or {}
        self._sensors: dict[str, DiscoveredDevice] = {}
        self._others: dict[str, DiscoveredDevice] = {}

    def wants(self, _address: str) -> bool:
        """Return True, because any address may belong to a sensor."""
        return True

    def handle(self, advertisement: Advertisement) -> None:
        """Store the contents of one advertisement; a new device is ignored if there are too many already."""
        address = advertisement.address
        device = self._sensors.get(address) or self._others.get(address) or DiscoveredDevice(address)
        device.hear(advertisement, self._ciphers.get(address), advertisement.received_at(self.clock))
        if device.is_sensor:
            self._others.pop(address, None)
        devices, limit = (self._sensors, MAX_SENSORS) if device.is_sensor else (self._others, MAX_OTHERS)
        if address in devices or len(devices) < limit:
            devices[address] = device

    def sensors(self) -> list[DiscoveredDevice]:
        """Return the devices that send a known format, with the strongest signal first."""
        return _by_strength(self._sensors)

    def others(self) -> list[DiscoveredDevice]:
        """Return the other devices, with the strongest signal first."""
        return _by_strength(self._others)


def _by_strength(devices: Mapping[str, DiscoveredDevice]) -> list[DiscoveredDevice]:
    return sorted(devices.values(), key=lambda device: (device.rssi is None, -(device.rssi or 0), device.address))
