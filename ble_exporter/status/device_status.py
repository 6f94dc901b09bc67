"""
What each configured device is doing, for people: the devices of /status, and of the page.

Metrics are for machines, and forget: a device that was not heard has no series. Here each configured device stands,
heard or not, with what is known of it, a word on its state, and its last hour.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from ble_exporter.device.history import History
from ble_exporter.device.rhythm import Learned
from ble_exporter.errors import RejectReason
from ble_exporter.formats.registry import UNITS
from ble_exporter.metrics.readings import Readings
from ble_exporter.model import Reading
from ble_exporter.utils import base_and_position, in_words

State = Literal["heard", "silent", "refused", "never_heard"]

_CLOSED_OPEN = ("closed", "open")
_DETECTED = ("not detected", "detected")
_OFF_ON = ("off", "on")
# What 0 and 1 mean. Source: bthome.io/format, binary sensor data
_WORDS: Mapping[str, tuple[str, str]] = {
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

# Anybody can send any number of buttons and texts under a sensor's address.
_MOST_OTHERS = 32
# A rhythm is learned by name: that of the device's packets has none.
_PACKETS = ""


class Shown(TypedDict):
    """A value, its unit (empty for one without), and what it means where it is a binary sensor's (empty for others)."""

    value: float
    unit: str
    text: str


class Said(TypedDict):
    """What is no measurement, when it was last said, in seconds since the Unix epoch, and how many seconds ago."""

    value: str | int
    heard_timestamp_seconds: float
    age_seconds: float


class DeviceState(TypedDict):
    """A device in /status: docs/status.schema.json says what is what."""

    name: str
    address: str
    state: State
    state_text: str
    format: str | None
    last_heard_timestamp_seconds: float | None
    last_update_timestamp_seconds: float | None
    age_seconds: float | None
    interval_seconds: float | None
    rssi_dbm: int | None
    adapter: str | None
    packets: int
    refused: dict[RejectReason, int]
    readings: dict[str, Shown]
    others: dict[str, Said]


class DeviceHour(TypedDict):
    """A device in /history: measurement name to its points, docs/history.schema.json."""

    name: str
    measurements: dict[str, list[float | None]]


@dataclass
class _Device:
    """
    What is known of one device. Moments are those of the roster's clock.

    Attributes:
        address: As configured.
        packets: How many of its advertisements gave a reading.
        heard: The moment of the latest of them, and heard_at its time, in seconds since the Unix epoch.
        latest: What it was.
        others: What is no measurement, to its value, and the time and the moment when it was last said.
        refused: How many advertisements were refused, by reason.
        refusal: Why the latest of them was, and its moment.
    """

    address: str
    packets: int = 0
    heard: float | None = None
    latest: Reading | None = None
    others: dict[str, tuple[str | int, float, float]] = field(default_factory=dict)
    refused: Counter[RejectReason] = field(default_factory=Counter)
    refusal: tuple[RejectReason, float] | None = None


class Roster:
    """
    The configured devices.

    Args:
        devices: Address to name.
        readings: The store: what it shows of a device is what its reading is.
        clock: Gives monotonic seconds.
        scan_interval_s: Seconds from the start of one scan to the start of the next; 0 where the radio listens all the
            time. In a pause between scans no device is silent.
    """

    def __init__(
        self, devices: Mapping[str, str], readings: Readings, clock: Callable[[], float], scan_interval_s: float = 0.0
    ) -> None:
        self._devices = {name: _Device(address) for address, name in devices.items()}
        self._readings = readings
        self._clock = clock
        self._rhythm = Learned(scan_interval_s)
        self._history = History()

    def hear(self, reading: Reading) -> None:
        """Note what an advertisement said."""
        device = self._devices[reading.device]
        device.packets += 1
        device.latest = reading
        device.heard = self._clock()
        self._rhythm.hear(reading.device, (_PACKETS,), device.heard)
        values: Mapping[str, float] = {str(name): value for name, value in reading.measurements.items()}
        self._history.hear(reading.device, values, device.heard)
        for name, value in reading.others.items():
            # The latest word comes last, so that the first to go is the oldest.
            device.others.pop(name, None)
            device.others[name] = (value.hex() if isinstance(value, bytes) else value, reading.heard_at, device.heard)
        while len(device.others) > _MOST_OTHERS:
            del device.others[next(iter(device.others))]

    def refuse(self, device: str, reason: RejectReason) -> None:
        """Note that an advertisement was rejected."""
        known = self._devices[device]
        known.refused[reason] += 1
        known.refusal = (reason, self._clock())

    def states(self) -> list[DeviceState]:
        """Return what is known of each device, as /status shows it: docs/status.schema.json says what is what."""
        now = self._clock()
        return [self._state_of(name, device, now) for name, device in self._devices.items()]

    def last_hour(self) -> list[DeviceHour]:
        """Return the last hour of each device, as /history shows it: docs/history.schema.json says what is what."""
        now = self._clock()
        return [{"name": name, "measurements": self._history.last_hour(name, now)} for name in self._devices]

    def _state_of(self, name: str, device: _Device, now: float) -> DeviceState:
        latest = device.latest
        state, words = self._in_words(name, device, now)
        return {
            "name": name,
            "address": device.address,
            "state": state,
            "state_text": words,
            "format": " and ".join(latest.formats) if latest else None,
            "last_heard_timestamp_seconds": latest.heard_at if latest else None,
            "last_update_timestamp_seconds": self._readings.last_update(name),
            "age_seconds": None if device.heard is None else round(now - device.heard, 1),
            "interval_seconds": _rounded(self._rhythm.gap_s(name, _PACKETS)),
            "rssi_dbm": latest.rssi if latest else None,
            "adapter": (latest.adapter or None) if latest else None,
            "packets": device.packets,
            "refused": dict(device.refused),
            "readings": {
                measurement: _shown(base_and_position(measurement)[0], value)
                for measurement, value in self._readings.shown(name).items()
            },
            "others": {
                said: {"value": value, "heard_timestamp_seconds": heard_at, "age_seconds": round(now - heard, 1)}
                for said, (value, heard_at, heard) in device.others.items()
            },
        }

    def _in_words(self, name: str, device: _Device, now: float) -> tuple[State, str]:
        limit_s = self._rhythm.limit_s(name, _PACKETS)
        if device.heard is not None and now - device.heard < limit_s:
            return "heard", f"heard {in_words(now - device.heard)} ago"
        # Of a device that is heard, what was refused is only counted: it may be somebody else's.
        if device.refusal is not None and now - device.refusal[1] < limit_s:
            return "refused", f"refused: {device.refusal[0].replace('_', ' ')}"
        if device.heard is None:
            return "never_heard", "not heard yet"
        gap_s = self._rhythm.gap_s(name, _PACKETS)
        usual = "" if gap_s is None else f", usual interval {in_words(gap_s)}"
        return "silent", f"silent for {in_words(now - device.heard)}{usual}"


def _shown(name: str, value: float) -> Shown:
    words = _WORDS.get(name)
    return {"value": value, "unit": UNITS[name], "text": words[bool(value)] if words else ""}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
