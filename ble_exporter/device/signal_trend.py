"""
The recent course of a signal strength: whether it fell before a device was no longer heard. See docs/silence.md.

This is pure arithmetic on dBm and monotonic seconds, which the caller passes in. A single RSSI says little: from packet
to packet, it varies by 5 dB or more, because the channels and reflections differ. So medians of samples are compared.
"""

from array import array
from typing import NamedTuple

from ble_exporter.utils import median

SAMPLE_S = 20.0
"""The shortest time between two samples, in seconds, so that most packets cost only a comparison."""

SAMPLES = 32
"""The maximum number of samples: ten minutes of a sensor that sends at least every 20 s."""

WEAK_DBM = -85
"""At this level and below, packets are lost, because adapters hear nothing below about -95 dBm."""

_LAST_SAMPLE = SAMPLES - 1
_LEAST_FALL_DB = 12
_LAST = 3
# The samples before the last three are divided into parts of _PART samples; the earliest part may have fewer, but at
# least _LEAST_PART. The level before the fall is the highest median of a part.
_PART, _LEAST_PART = 10, 4
# The longest gap between two samples, in seconds. The samples before a longer gap are ignored, because the conditions
# may have changed.
_LONGEST_GAP_S = 900.0
# The range of an RSSI in the Bluetooth standard, in dBm.
_LEAST_DBM, _MOST_DBM = -127, 20


class Fall(NamedTuple):
    """A fall of the signal strength, in dBm, and the time that it took, in seconds."""

    from_dbm: int
    to_dbm: int
    span_s: float


class SignalTrend:
    """
    The samples of the RSSI of one device at one adapter.

    The caller adds at most one sample in SAMPLE_S seconds.
    """

    __slots__ = ("_at_s", "_dbm", "_known", "_oldest")

    def __init__(self) -> None:
        # Rings: `_oldest` is the index of the sample that the next one replaces.
        self._dbm = array("b")
        self._at_s = array("d")
        self._oldest = 0
        # The latest answer of `fall` with its arguments: each scrape asks for it again while a device is silent.
        self._known: tuple[tuple[int | None, float, int], Fall | None] | None = None

    def add(self, rssi: int | None, now_s: float) -> None:
        """Add a sample, unless the RSSI is unknown or invalid."""
        if rssi is None or not _LEAST_DBM <= rssi <= _MOST_DBM:
            return
        oldest = self._oldest
        try:
            self._dbm[oldest], self._at_s[oldest] = rssi, now_s
        except IndexError:
            self._dbm.append(rssi)
            self._at_s.append(now_s)
        self._oldest = oldest + 1 if oldest < _LAST_SAMPLE else 0

    def fall(self, rssi: int | None, heard_s: float) -> Fall | None:
        """
        Return the fall before the latest packet, which was heard at `heard_s` with this RSSI; None without a fall.

        The signal fell if the median of its last three samples is weak and at least 12 dB below the median of the
        strongest earlier part, and each of the three is below that median.
        """
        asked = (rssi, heard_s, self._oldest)
        if self._known is None or self._known[0] != asked:
            self._known = asked, self._search(rssi, heard_s)
        return self._known[1]

    def _search(self, rssi: int | None, heard_s: float) -> Fall | None:
        samples = self._samples()
        if rssi is not None and samples and samples[-1][0] < heard_s:
            samples.append((heard_s, rssi))
        earlier, last = samples[:-_LAST], [dbm for _, dbm in samples[-_LAST:]]
        parts = []
        while len(earlier) >= _LEAST_PART:
            part = earlier[-_PART:]
            parts.append((median(dbm for _, dbm in part), part[-1][0]))
            earlier = earlier[:-_PART]
        if not parts:
            return None
        from_dbm, from_s = max(parts)
        to_dbm = median(last)
        has_fallen = to_dbm <= WEAK_DBM and from_dbm - to_dbm >= _LEAST_FALL_DB and max(last) < from_dbm
        return Fall(round(from_dbm), round(to_dbm), samples[-1][0] - from_s) if has_fallen else None

    def _samples(self) -> list[tuple[float, int]]:
        """Return the time and the RSSI of each sample since the latest long gap, oldest first."""
        samples = sorted(zip(self._at_s, self._dbm, strict=True))
        gaps = (
            number
            for number in range(len(samples) - 1, 0, -1)
            if samples[number][0] - samples[number - 1][0] > _LONGEST_GAP_S
        )
        return samples[next(gaps, 0) :]
