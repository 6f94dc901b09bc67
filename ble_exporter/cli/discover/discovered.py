"""What is on air, sender by sender: what a search for sensors shows. No output; no clock but the one it is given."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from ble_exporter.errors import DecodeError, RejectReason
from ble_exporter.formats.decoded import Cipher, Decoded
from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.registry import FORMATS
from ble_exporter.formats.values import merged
from ble_exporter.model import Advertisement

MARKED_S = 15.0
"""So long the reading that just rose is marked: a sensor that measures every 10 s may rise in two steps."""

# Whoever sends under ever new addresses must not fill the memory, nor hide the real sensors: each kind has its limit.
MOST_SENSORS = 500
MOST_OTHERS = 5000
# One packet has room for fewer; a sensor has a dozen.
MOST_MEASUREMENTS = 150

# A breath lifts the humidity by 5 to 30 %, and the temperature by half a degree and more. A sensor's noise is below a
# tenth of that, and a room that is aired or heated takes minutes.
_LEAST_RISE: Mapping[str, float] = {"humidity": 3.0, "temperature": 0.4}
_TIMES_THE_NOISE = 3.0
_KEPT_VALUES = 8

# Of the newest advertisement in the strength that is shown: the rows of a table must not dance.
_WEIGHT = 0.2
_KEPT_TIMES = 64
_LONGEST_NAME = 248  # bytes, Bluetooth Core, vol. 3, part C, 3.2.2


class Rise:
    """
    Tells when a measurement rises well beyond its noise.

    Args:
        least: Less is never a rise, in the measurement's unit.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._values: deque[float] = deque(maxlen=_KEPT_VALUES)

    def add(self, value: float) -> bool:
        """Take a value; return whether it is such a rise."""
        before = self._values
        rises = bool(before) and value - max(before) >= max(self._least, _TIMES_THE_NOISE * (max(before) - min(before)))
        if rises:
            # What comes now is compared with this; what falls back is no rise.
            before.clear()
        before.append(value)
        return rises


@dataclass
class Sender:
    """
    One device that was heard.

    Attributes:
        address: Upper case, with colons.
        name: What it calls itself, any text at all; empty where it did not.
        rssi: Received signal strength in dBm, an average that follows the newest; None where the source knows none.
        packets: How many advertisements of a known format; of others, how many at all.
        formats: Names of the known formats that it sends; none of a stranger.
        measurements: Name to latest value, in the unit of its OBJECTS row; of more than MOST_MEASUREMENTS the first.
        encrypts: Whether it sends something encrypted.
        locked: Its latest advertisement that could not be read for want of the right key; None where there is none.
        rejected: Why its latest service data of a known format was not read; None where it was.
        rose: The measurement that rose last; empty where none did.
        rose_at: When that was, by the survey's clock.
    """

    address: str
    name: str = ""
    rssi: float | None = None
    packets: int = 0
    formats: list[str] = field(default_factory=list)
    measurements: dict[Measurement, float] = field(default_factory=dict)
    encrypts: bool = False
    locked: Advertisement | None = None
    rejected: RejectReason | None = None
    rose: str = ""
    rose_at: float = 0.0
    _times: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT_TIMES))
    _rises: dict[str, Rise] = field(default_factory=lambda: {name: Rise(least) for name, least in _LEAST_RISE.items()})

    @property
    def is_sensor(self) -> bool:
        """Whether it sends a known format."""
        return bool(self.formats)

    @property
    def needs_key(self) -> bool:
        """Whether nothing that it measures can be read without its key, or another key."""
        return self.locked is not None and not self.measurements

    @property
    def interval_s(self) -> float | None:
        """The median of the times between its packets; None before the second."""
        gaps = [later - earlier for earlier, later in pairwise(self._times)]
        return median(gaps) if gaps else None

    def just_rose(self, now: float) -> bool:
        """Whether a measurement rose within MARKED_S."""
        return bool(self.rose) and now - self.rose_at <= MARKED_S

    def hear(self, advertisement: Advertisement, cipher: Cipher | None, now: float) -> None:
        """Take in one advertisement."""
        self.name = advertisement.name[:_LONGEST_NAME] or self.name
        if advertisement.rssi is not None:
            last = advertisement.rssi if self.rssi is None else self.rssi
            self.rssi = last + _WEIGHT * (advertisement.rssi - last)
        was_sensor = self.is_sensor
        says_something = self._read(advertisement, cipher, now)
        if self.is_sensor and not was_sensor:
            self.packets = 0
            self._times.clear()
        if says_something or not self.is_sensor:
            self.packets += 1
            self._times.append(now)

    def _read(self, advertisement: Advertisement, cipher: Cipher | None, now: float) -> bool:
        """Read the service data; return whether any of it is of a known format, or would be with the right key."""
        sound: list[Decoded] = []
        says_something = False
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
                self.locked = advertisement
            else:
                self.rejected = None
                # What only announces itself is no sensor yet.
                if not decoded.measurements and not decoded.others:
                    continue
                sound.append(decoded)
                if decoded.counter is not None:
                    self.encrypts, self.locked = True, None
            says_something = True
            name = FORMATS[uuid].short_name_of(payload)
            if name not in self.formats:
                self.formats.append(name)
        if sound:
            self._measure(merged(sound)[0], now)
        return says_something

    def _measure(self, measurements: Mapping[Measurement, float], now: float) -> None:
        for name, value in measurements.items():
            if name in self.measurements or len(self.measurements) < MOST_MEASUREMENTS:
                self.measurements[name] = value
        for rising, rise in self._rises.items():
            measurement = Measurement(rising)
            if measurement in measurements and rise.add(measurements[measurement]):
                self.rose, self.rose_at = rising, now


class Survey:
    """
    Hears every device, and keeps what it heard by sender. See scanner.Listener.

    Args:
        clock: Gives seconds that only go forward.
        ciphers: Address to cipher, of the devices whose key is known.

    Attributes:
        clock: The same.
    """

    def __init__(self, clock: Callable[[], float], ciphers: Mapping[str, Cipher] | None = None) -> None:
        self.clock = clock
        self._ciphers = ciphers or {}
        self._sensors: dict[str, Sender] = {}
        self._others: dict[str, Sender] = {}

    def wants(self, _address: str) -> bool:
        """Return that it does: what a search looks for is not known before."""
        return True

    def handle(self, advertisement: Advertisement) -> None:
        """Take in one advertisement."""
        address = advertisement.address
        sender = self._sensors.get(address) or self._others.get(address) or Sender(address)
        sender.hear(advertisement, self._ciphers.get(address), self.clock())
        if sender.is_sensor:
            self._others.pop(address, None)
        kept, most = (self._sensors, MOST_SENSORS) if sender.is_sensor else (self._others, MOST_OTHERS)
        if address in kept or len(kept) < most:
            kept[address] = sender

    def sensors(self) -> list[Sender]:
        """Return those that send a known format, the strongest first."""
        return _strongest_first(self._sensors)

    def others(self) -> list[Sender]:
        """Return the others, the strongest first; of more than MOST_OTHERS those that came first."""
        return _strongest_first(self._others)


def _strongest_first(senders: Mapping[str, Sender]) -> list[Sender]:
    return sorted(
        senders.values(), key=lambda sender: (-(sender.rssi if sender.rssi is not None else -999), sender.address)
    )
