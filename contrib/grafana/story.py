"""
Simulates the packets of two weeks in a home in winter; the last day is full of incidents.

A shower and a stove make the air humid, somebody opens the bedroom's window, the cellar is almost out of range, the
battery of the balcony's sensor runs out, the study's sensor gets a key that the exporter does not have, and the adapter
hangs for a few minutes. None of this was measured; it only has to look plausible.
"""

import math
import random
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from operator import attrgetter

from ble_exporter.errors import LossReason, ResetOutcome
from ble_exporter.formats.bthome import UUID
from ble_exporter.scanner import MockScanner
from ble_exporter.scanner.capture import Transmission

HOUR_S, DAY_S = 3600.0, 86_400.0
DAYS = 14
LAST_DAY_S = (DAYS - 1) * DAY_S
ENDS_S = DAYS * DAY_S
"""The story begins at midnight, and ends 14 days later."""

ADAPTER = "hci0"
# BTHome v2: device information, then the id and the value of each object.
_PACKET_A = struct.Struct("<BBBBBBhBH")
_PACKET_B = struct.Struct("<BBBBH")
# Before the last day, only the batteries matter.
_INTERVAL_S, _INTERVAL_BEFORE_S = 2.5, 60.0
_HANG_S = (LAST_DAY_S + 13.6 * HOUR_S, LAST_DAY_S + 13.72 * HOUR_S)
_NEIGHBOUR = "5E:00:00:00:00:01"


def _bump(hour: float, at: float, rise: float, fall: float) -> float:
    """Return a curve's value at `hour`: from `at`, it rises quickly to 1, and then falls slowly; times in hours."""
    since = (hour - at) % 24.0
    return 1.0 - math.exp(-since / rise) if since < 3 * rise else math.exp(-(since - 3 * rise) / fall)


def _living_room(hour: float) -> tuple[float, float]:
    warm = 1 / (1 + math.exp(-2.2 * (hour - 6.5))) - 1 / (1 + math.exp(-1.6 * (hour - 22.2)))
    return 18.6 + 2.9 * warm, 47.0 - 6.0 * warm + 3.0 * _bump(hour, 18.8, 0.3, 1.5)


def _bedroom(hour: float) -> tuple[float, float]:
    window = _bump(hour, 7.4, 0.12, 0.7)
    asleep = 1.0 if hour < 7.4 or hour > 22.6 else math.exp(-(hour - 7.4) / 3)
    return 17.4 + 0.8 * asleep - 4.6 * window, 48.0 + 10.0 * asleep - 13.0 * window


def _kitchen(hour: float) -> tuple[float, float]:
    cooking = _bump(hour, 12.2, 0.2, 0.7) + 1.2 * _bump(hour, 18.5, 0.25, 0.9) + 0.5 * _bump(hour, 7.2, 0.1, 0.4)
    return 19.8 + 1.9 * cooking, 44.0 + 17.0 * cooking


def _bathroom(hour: float) -> tuple[float, float]:
    shower = _bump(hour, 6.7, 0.08, 0.9) + 0.8 * _bump(hour, 21.6, 0.08, 1.0)
    return 20.6 + 1.8 * shower, 51.0 + 36.0 * shower


def _study(hour: float) -> tuple[float, float]:
    sun = math.exp(-(((hour - 14.0) / 2.4) ** 2))
    return 18.2 + 2.2 * sun, 41.0 - 2.0 * sun


def _cellar(hour: float) -> tuple[float, float]:
    return 13.1 + 0.2 * math.sin(hour / 24 * 2 * math.pi), 71.5 + 1.2 * math.sin((hour - 5) / 24 * 2 * math.pi)


def _balcony(hour: float) -> tuple[float, float]:
    sun = math.exp(-(((hour - 14.5) / 3.2) ** 2))
    return 0.4 + 6.8 * sun - 1.5 * math.exp(-(((hour - 5.5) / 3) ** 2)), 90.0 - 26.0 * sun


@dataclass(frozen=True)
class Sensor:
    """
    A sensor of the home.

    Attributes:
        labels: Its labels in the exporter's configuration.
        climate: Temperature and humidity by the hour of the day.
        battery, fall: Its battery level at the end of the story, in percent, and its loss per day.
        rssi: Its signal strength in dBm.
        loss: The share of its packets that is lost.
        dies_s: When its battery is empty, in seconds.
        locked_s: The beginning and the end of the time in which it sends encrypted packets, in seconds.
    """

    address: str
    name: str
    labels: dict[str, str]
    climate: Callable[[float], tuple[float, float]]
    battery: float
    fall: float
    rssi: float
    loss: float = 0.05
    dies_s: float = math.inf
    locked_s: tuple[float, float] = (math.inf, math.inf)


SENSORS = [
    Sensor("A4:C1:38:00:00:01", "living room", {"room": "living"}, _living_room, 81, 0.12, -58),
    Sensor("A4:C1:38:00:00:02", "bedroom", {"room": "bedroom"}, _bedroom, 64, 0.35, -69),
    Sensor("A4:C1:38:00:00:03", "kitchen", {"room": "kitchen"}, _kitchen, 92, 0.10, -64),
    Sensor("A4:C1:38:00:00:04", "bathroom", {"room": "bathroom"}, _bathroom, 43, 0.9, -73, 0.12),
    Sensor(
        "A4:C1:38:00:00:05", "study", {"room": "living"}, _study, 77, 0.2, -66,
        locked_s=(LAST_DAY_S + 15.2 * HOUR_S, LAST_DAY_S + 16.6 * HOUR_S),
    ),
    Sensor("A4:C1:38:00:00:06", "cellar", {"room": "cellar"}, _cellar, 33, 0.6, -91, 0.72),
    Sensor(
        "A4:C1:38:00:00:07", "balcony", {}, _balcony, 6, 1.3, -78, 0.2, dies_s=LAST_DAY_S + 20.3 * HOUR_S
    ),
]  # fmt: skip
"""The sensors of the home; the balcony's sensor has no label."""


class Home(MockScanner):
    """The simulated radio, with an adapter that hangs once, and is reset."""

    def __init__(self) -> None:
        self._works = {ADAPTER: True}
        self.adapters = self._works
        self.adapter_resets: Counter[tuple[str, ResetOutcome]] = Counter()
        self.lost_events: Counter[tuple[str, LossReason]] = Counter()
        super().__init__(air=self._heard())

    def note(self, at: float) -> None:
        """Set the state of the adapter at a time of the story."""
        works = not _HANG_S[0] <= at < _HANG_S[1]
        if works and not self._works[ADAPTER]:
            self.adapter_resets[ADAPTER, "heard"] += 1
            self.lost_events[ADAPTER, "buffer_full"] += 12
        self._works[ADAPTER] = works

    def _heard(self) -> Iterator[Transmission]:
        for sent in merge(*(_sent(sensor) for sensor in SENSORS), _neighbour(), key=attrgetter("at")):
            if not _HANG_S[0] <= sent.at < _HANG_S[1]:
                yield sent._replace(adapter=ADAPTER)


def _interval_s(at: float) -> float:
    return _INTERVAL_S if at >= LAST_DAY_S - HOUR_S else _INTERVAL_BEFORE_S


def _sent(sensor: Sensor) -> Iterator[Transmission]:
    """Yield the packets of a sensor that are received: A B A B with one packet id, then the next."""
    rng = random.Random(sensor.name)
    at = rng.uniform(0, _INTERVAL_S)
    drift = [0.0, 0.0]
    number = 0
    while at < min(ENDS_S, sensor.dies_s):
        if number % 4 == 0:
            hour = at / HOUR_S % 24.0
            drift = [0.97 * drift[0] + rng.gauss(0, 0.02), 0.97 * drift[1] + rng.gauss(0, 0.12)]
            celsius, percent = (value + extra for value, extra in zip(sensor.climate(hour), drift, strict=True))
            battery = sensor.battery + sensor.fall * (ENDS_S - at) / DAY_S
            packets = _packets(number // 4 % 256, celsius, min(percent, 99.0), battery, rng)
        if rng.random() >= sensor.loss:
            is_locked = sensor.locked_s[0] <= at < sensor.locked_s[1]
            payload = b"\x41" + rng.randbytes(14) if is_locked else packets[number % 2]
            yield Transmission(at, sensor.address, round(rng.gauss(sensor.rssi, 2.0)), {UUID: payload})
        number += 1
        at += _interval_s(at) + rng.uniform(0, 0.01)


def _packets(packet_id: int, celsius: float, percent: float, battery: float, rng: random.Random) -> Sequence[bytes]:
    """Return packet A, with the climate and the battery, and packet B, with the voltage."""
    level = max(0, min(100, round(battery)))
    millivolts = round(2150 + 8 * battery) + rng.randint(-4, 4)
    climate = (0x02, round(celsius * 100), 0x03, round(percent * 100))
    return (
        _PACKET_A.pack(0x40, 0x00, packet_id, 0x01, level, *climate),
        _PACKET_B.pack(0x40, 0x00, packet_id, 0x0C, millivolts),
    )


def _neighbour() -> Iterator[Transmission]:
    """Yield the packets of an unknown device, one every two seconds, from an hour before the last day."""
    at = LAST_DAY_S - HOUR_S
    while at < ENDS_S:
        yield Transmission(at, _NEIGHBOUR, -88, {})
        at += 2.0
