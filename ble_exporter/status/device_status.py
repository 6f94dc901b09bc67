"""The status of every configured device, heard or not, for /status, /history and the page."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal, TypedDict

from ble_exporter.device import Device
from ble_exporter.device.calibration import corrected
from ble_exporter.device.clock import Clock
from ble_exporter.device.history import STEP_S
from ble_exporter.device.measurement_count import MeasurementCount
from ble_exporter.device.rejections import KeptReason, Rejection
from ble_exporter.device.rhythm import CEILING_S, CHANCES
from ble_exporter.device.silence import SilenceReason
from ble_exporter.device.silences import Silences, Silent, late_after_s, refusal_limit_s
from ble_exporter.errors import RejectReason
from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.registry import UNITS
from ble_exporter.status.pins import idle_pins
from ble_exporter.status.words import BINARY_WORDS
from ble_exporter.utils import in_words

State = Literal["heard", "silent", "refused", "never_heard"]


class Reason(TypedDict):
    """Why a device is silent: one of SILENCE_REASONS, and a sentence with the evidence."""

    reason: SilenceReason
    text: str


class Shown(TypedDict):
    """
    A value with the device's offset, and as the sensor sent it.

    `unit` may be empty. `text` is the word for the value of a binary sensor; it is empty for other sensors.
    """

    value: float
    raw: float
    unit: str
    text: str


class Said(TypedDict):
    """The latest text, raw data (in hex), event or device information, with its time and age."""

    value: str | int
    heard_timestamp_seconds: float
    age_seconds: float


class Measured(TypedDict):
    """How many measurements of a device were heard and missed, the share of recent ones heard, and their interval."""

    heard: int
    missed: int
    recent_share: float
    interval_seconds: float


class DeviceState(TypedDict):
    """A device in /status; docs/status.schema.json describes the keys."""

    name: str
    address: str
    labels: Mapping[str, str]
    state: State
    state_text: str
    is_late: bool
    silence: Reason | None
    format: str | None
    last_heard_timestamp_seconds: float | None
    last_update_timestamp_seconds: float | None
    age_seconds: float | None
    interval_seconds: float | None
    rssi_dbm: int | None
    adapter: str | None
    packets: int
    measurements: Measured | None
    refused: dict[RejectReason, int]
    glitches: int
    readings: dict[str, Shown]
    idle_pins: list[str]
    others: dict[str, Said]


class Rejected(TypedDict):
    """A rejection in /status; docs/status.schema.json describes the keys."""

    name: str
    address: str
    reason: KeptReason
    measurement: str | None
    value: float | None
    heard_timestamp_seconds: float
    age_seconds: float
    rssi_dbm: int | None
    adapter: str | None
    service_data: dict[str, str]


class DeviceHour(TypedDict):
    """A device in /history; docs/history.schema.json describes the keys."""

    name: str
    address: str
    measurements: dict[str, list[float | None]]


class DeviceStatus:
    """
    The status of all devices, in the given order, and their latest rejections. The devices' times are times of `clock`.

    `scan_interval_s` is the number of seconds between the starts of two scans; 0 if there is no pause between scans.
    `silences` gives the reasons why devices are silent; without it, the scanner counts as listening all the time.
    """

    def __init__(
        self,
        devices: Collection[Device],
        clock: Clock,
        scan_interval_s: float = 0.0,
        rejections: Iterable[Rejection] = (),
        *,
        silences: Silences | None = None,
    ) -> None:
        self._devices = devices
        self._rejections = rejections
        self._clock = clock
        self._scan_interval_s = scan_interval_s
        self._silences = silences or Silences(devices, clock, scan_interval_s)

    def states(self) -> Iterator[DeviceState]:
        """
        Yield the state of each device for /status, as of the moment when this state is requested.

        The reasons of silent devices are as of the moment when the first state is requested.
        """
        silent = self._silences.judge()
        # A reload may change the devices and their names while the answer is being written.
        for device, name in [(one, one.name) for one in self._devices]:
            yield _state_of(device, self._clock, self._scan_interval_s, silent) | {"name": name}

    def rejections(self) -> list[Rejected]:
        """Return the latest rejections for /status, oldest first."""
        now_s = self._clock.now()
        return [
            {
                "name": one.device.name,
                "address": one.device.address,
                "reason": one.reason,
                "measurement": None if one.measurement is None else str(one.measurement),
                "value": one.value,
                "heard_timestamp_seconds": self._clock.unix(one.heard_s),
                "age_seconds": round(max(0.0, now_s - one.heard_s), 1),
                "rssi_dbm": one.advertisement.rssi,
                "adapter": one.advertisement.adapter or None,
                "service_data": {uuid: data.hex() for uuid, data in one.advertisement.service_data.items()},
            }
            for one in self._rejections
        ]

    def overdue(self) -> str | None:
        """
        Return a text if all devices heard so far are overdue; None if at least one is not overdue, or none was heard.

        A sensor that sends rarely, or can be heard only in rare scans, may count as silent without being overdue. A
        device without a presence limit, such as one that sends only when something happens, counts as overdue after
        CEILING_S. If no device heard so far has a limit, none is overdue.
        """
        now_s = self._clock.now()
        ages = [(now_s - one.heard_s, one) for one in self._devices if one.heard_s is not None]
        if all(math.isinf(device.presence_limit_s) for _, device in ages) or any(
            age_s < self._overdue_limit_s(device) for age_s, device in ages
        ):
            return None
        age_s, latest = min(ages, key=lambda age_and_device: age_and_device[0])
        return f"every sensor heard so far is overdue; the latest, {latest.name}, was heard {in_words(age_s)} ago"

    def _overdue_limit_s(self, device: Device) -> float:
        limit_s = device.presence_limit_s
        usual_s = max(self._scan_interval_s, device.interval_s or 0.0)
        return CEILING_S if math.isinf(limit_s) else max(limit_s, CHANCES * usual_s)

    @property
    def minute(self) -> int:
        """The number of the current minute. When it changes, the points of the last hour shift."""
        return int(self._clock.now() // STEP_S)

    def last_hour(self) -> Iterator[DeviceHour]:
        """Yield the last hour of each device's values for /history."""
        now_s = self._clock.now()
        for device, name in [(one, one.name) for one in self._devices]:
            measurements = {
                str(key): [None if point is None else corrected(device, key, point) for point in hour]
                if key in device.offsets
                else hour
                for key, hour in device.last_hour(now_s).items()
            }
            yield {"name": name, "address": device.address, "measurements": measurements}


def _state_of(device: Device, clock: Clock, scan_interval_s: float, silent: Silent) -> DeviceState:
    now_s = clock.now()
    device.expire(now_s)
    state, text = _state_in_words(device, now_s)
    silence = silent[device]() if state != "heard" and device in silent else None
    reception = device.receptions.get(device.heard_from)
    return {
        "name": device.name,
        "address": device.address,
        "labels": device.configured_labels,
        "state": state,
        "state_text": text,
        "is_late": state == "heard" and _is_late(device, now_s, scan_interval_s),
        "silence": None if silence is None else {"reason": silence.reason, "text": silence.text},
        "format": None if device.heard_s is None else " and ".join(device.formats),
        "last_heard_timestamp_seconds": None if device.heard_s is None else clock.unix(device.heard_s),
        "last_update_timestamp_seconds": None if device.last_update_s is None else clock.unix(device.last_update_s),
        "age_seconds": None if device.heard_s is None else round(now_s - device.heard_s, 1),
        "interval_seconds": None if device.interval_s is None else round(device.interval_s, 1),
        "rssi_dbm": reception.rssi if reception else None,
        "adapter": device.heard_from or None,
        "packets": device.packets,
        "measurements": _measured(device.transmission.count),
        "refused": dict(device.refused),
        "glitches": device.glitches,
        "readings": {str(key): _shown(device, key, value) for key, value in device.values().items()},
        "idle_pins": idle_pins(device),
        "others": {
            str(key): {
                "value": value,
                "heard_timestamp_seconds": clock.unix(heard_s),
                "age_seconds": round(now_s - heard_s, 1),
            }
            for key, (value, heard_s) in device.said.items()
        },
    }


def _measured(count: MeasurementCount) -> Measured | None:
    """Return the counted measurements; None unless the packet ids are known to count measurements."""
    share, interval_s = count.recent_share, count.interval_s
    if share is None or interval_s is None:
        return None
    return {
        "heard": count.heard,
        "missed": count.missed,
        "recent_share": round(share, 3),
        "interval_seconds": round(interval_s, 1),
    }


def _state_in_words(device: Device, now_s: float) -> tuple[State, str]:
    heard_s, refusal = device.heard_s, device.refusal
    if heard_s is not None and not device.is_silent(now_s):
        return "heard", f"heard {in_words(now_s - heard_s)} ago"
    # While a device is heard, refused packets are only counted, because another sender may have sent them.
    if refusal is not None and now_s - refusal[1] < refusal_limit_s(device):
        return "refused", f"refused: {refusal[0].replace('_', ' ')}"
    if heard_s is None:
        return "never_heard", "not heard yet"
    usual = "" if device.interval_s is None else f", usual interval {in_words(device.interval_s)}"
    return "silent", f"silent for {in_words(now_s - heard_s)}{usual}"


def _is_late(device: Device, now_s: float, scan_interval_s: float) -> bool:
    """Return whether a device has been quiet for longer than usual, although it may still count as heard."""
    late_s = late_after_s(device, scan_interval_s)
    if device.heard_s is None or late_s is None or math.isinf(device.presence_limit_s):
        return False
    return now_s - device.heard_s > late_s


def _shown(device: Device, measurement: Measurement, value: float) -> Shown:
    words = BINARY_WORDS.get(measurement.name)
    return {
        "value": corrected(device, measurement, value),
        "raw": value,
        "unit": UNITS[measurement.name],
        "text": words[bool(value)] if words else "",
    }
