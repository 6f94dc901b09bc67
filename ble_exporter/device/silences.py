"""Collects the evidence of why devices are silent, from all devices and from the scanner. See docs/silence.md."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from ble_exporter.device.clock import Clock
from ble_exporter.device.device import Device
from ble_exporter.device.listening import Listening
from ble_exporter.device.rhythm import CEILING_S, CHANCES, FLOOR_S
from ble_exporter.device.series import Reception, still_hearing
from ble_exporter.device.silence import Evidence, Silence, explain
from ble_exporter.errors import UNRELATED
from ble_exporter.formats.measurement import Measurement

_BATTERY, _BATTERY_LOW = Measurement("battery"), Measurement("battery_low")

# A battery level counts for this long, in seconds: many sensors send it once a day.
_BATTERY_S = 2 * 86_400.0

# The share of the usual listening time that is enough to call a device silent.
_ENOUGH = 0.5

# A device is late when this factor times its usual interval (or the scan interval, if that is longer), plus the margin
# in seconds, has passed. The margin allows for sensors that send every 2.5 s: two packets in a row are often lost.
_LATE_FACTOR = 1.25
_LATE_MARGIN_S = 5.0

# Devices have fallen silent together only if nothing was heard of any device for this long: half of FLOOR_S, the
# shortest time after which a device counts as silent.
_LEAST_QUIET_S = FLOOR_S / 2

Silent = Mapping[Device, Callable[[], Silence]]
"""The silent devices, each with a function that says why it is silent."""


def late_after_s(device: Device, scan_interval_s: float) -> float | None:
    """Return the seconds after its latest packet at which a device becomes late; None if its interval is unknown."""
    interval_s = device.interval_s
    return None if interval_s is None else _late_s(interval_s, scan_interval_s)


def _late_s(interval_s: float, scan_interval_s: float) -> float:
    return _LATE_FACTOR * max(interval_s, scan_interval_s) + _LATE_MARGIN_S


def refusal_limit_s(device: Device) -> float:
    """
    Return for how many seconds a refused packet explains a silence; may be infinite.

    Before the first reading, the device's interval is not known, so the limit is at least CEILING_S.
    """
    limit_s = device.presence_limit_s
    return max(limit_s, CEILING_S) if device.heard_s is None else limit_s


class Silences:
    """
    The reasons for the silence of devices.

    Args:
        devices: All configured devices.
        clock: The clock of the devices' times.
        scan_interval_s: The number of seconds between the starts of two scans; 0 if there is no pause between scans.
        listening_share: The share of the time in which the scanner listens, as configured, from 0 to 1.
        listening: The record of the scanner; without it, an adapter counts as listening all the time.
    """

    def __init__(
        self,
        devices: Collection[Device],
        clock: Clock,
        scan_interval_s: float = 0.0,
        listening_share: float = 1.0,
        listening: Listening | None = None,
    ) -> None:
        self._devices = devices
        self._clock = clock
        self._scan_interval_s = scan_interval_s
        self._listening_share = listening_share
        self._listening = listening
        self._started_s = clock.now() if listening is None else listening.started_s

    def judge(self) -> Silent:
        """Return the devices that are silent at this moment."""
        now_s = self._clock.now()
        # Each scrape asks about all devices, most of which were heard just now.
        quiet = [one for one in self._devices if one.heard_s is None or now_s - one.heard_s >= one.shortest_presence_s]
        silent = [device for device in quiet if device.is_silent(now_s, self._since_s(device))]
        if not silent:
            return {}
        others = {*self._devices}.difference(silent)
        heard_s = sorted(one.heard_s for one in others if one.heard_s is not None)
        all_silent_s, last = self._last_together(now_s)

        def why(device: Device) -> Silence:
            return explain(self._evidence(device, now_s, heard_s, all_silent_s, last))

        return {device: partial(why, device) for device in silent}

    def _since_s(self, device: Device) -> float:
        """Return the time of the latest packet or, if there is none, the time since which it could have been heard."""
        return max(self._started_s, device.added_s) if device.heard_s is None else device.heard_s

    def _last_together(self, now_s: float) -> tuple[float, frozenset[Device]]:
        """
        Return the age of the latest packet of all devices, and the devices that fell silent together with its sender.

        Such a device was last heard at most one interval, with a margin, before that packet, and is late now. A refused
        packet counts as a packet, because it shows that the radio works. A device that sends only when something
        happens can't be late. If the age is less than _LEAST_QUIET_S, returns 0 and no devices.
        """
        signs = [one.heard_s for one in self._devices if one.heard_s is not None]
        signs += [
            one.refusal[1] for one in self._devices if one.refusal is not None and one.refusal[0] not in UNRELATED
        ]
        latest_s = max(signs, default=now_s)
        if now_s - latest_s < _LEAST_QUIET_S:
            return 0.0, frozenset()

        def is_last(device: Device) -> bool:
            if device.heard_s is None or device.is_triggered:
                return False
            interval_s = device.interval_s
            late_s = _late_s(interval_s or 0.0, self._scan_interval_s)
            window_s = min(late_s, device.lifetime.presence(interval_s) / 2)
            return device.heard_s >= latest_s - window_s and now_s - device.heard_s >= late_s

        return now_s - latest_s, frozenset(filter(is_last, self._devices))

    def _listened_s(self, adapter: str | None, since_s: float) -> float:
        return float("inf") if self._listening is None else self._listening.listened_s(adapter, since_s)

    def _evidence(
        self, device: Device, now_s: float, heard_s: Sequence[float], all_silent_s: float, last: frozenset[Device]
    ) -> Evidence:
        since_s, is_new = self._since_s(device), device.added_s > self._started_s
        limit_s = device.presence_limit_s
        window_s = max(limit_s, CHANCES * self._scan_interval_s)
        current = still_hearing(device.receptions, device.lifetime)
        best, latest = _best(current), _strongest(current.values())
        adapter = None if best is None else best[0]
        strangers_s = None if self._listening is None else self._listening.strangers_s
        battery, is_low = _battery(device, since_s)
        return Evidence(
            silent_s=now_s - since_s,
            was_heard=device.heard_s is not None,
            beginning="it was added to the configuration" if is_new else "the exporter started",
            refusal_limit_s=refusal_limit_s(device),
            refusal=None if device.refusal is None else (device.refusal[0], now_s - device.refusal[1]),
            adapter=adapter or "",
            listened_s=self._listened_s(adapter, since_s),
            recent_s=window_s,
            listened_recently_s=self._listened_s(adapter, max(since_s, now_s - window_s)),
            enough_s=_ENOUGH * self._listening_share * window_s,
            last_together=len(last) if device in last else 0,
            all_silent_s=all_silent_s,
            others_heard=len(heard_s) - bisect_right(heard_s, since_s),
            strangers_ago_s=None if strangers_s is None else now_s - strangers_s,
            fall=None if latest is None else latest.trend.fall(latest.rssi, latest.heard_s),
            rssi=None if latest is None else latest.rssi,
            battery=battery,
            is_battery_low=is_low,
        )


def _battery(device: Device, since_s: float) -> tuple[float | None, bool | None]:
    """Return the battery level and the low-battery flag: None if unknown, out of date, or older than the other one."""
    level, flag = device.series.get(_BATTERY), device.series.get(_BATTERY_LOW)
    if level is not None and flag is not None and level.heard_s != flag.heard_s:
        level, flag = (level, None) if level.heard_s > flag.heard_s else (None, flag)
    percent = None if level is None or since_s - level.heard_s >= _BATTERY_S else level.value
    return percent, None if flag is None or since_s - flag.heard_s >= _BATTERY_S else flag.value > 0


def _best(receptions: Mapping[str, Reception]) -> tuple[str, Reception] | None:
    """Return the adapter that hears a device most often, and its reception; None without receptions."""
    return min(receptions.items(), key=lambda one: one[1].rhythm.interval_s or float("inf"), default=None)


def _strongest(receptions: Iterable[Reception]) -> Reception | None:
    return max(receptions, key=lambda one: -128 if one.rssi is None else one.rssi, default=None)
