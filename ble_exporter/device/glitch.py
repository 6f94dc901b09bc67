"""
The filter for glitches: single values far from the measurements before and after them.

Some quantities have inertia: between two measurements, they change by a limited step only. The filter holds back a
value beyond this step until the next measurement shows whether it was a glitch or a change. Nothing else is held back,
and no value is changed or made up. docs/configuration.md describes the filter for users.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ble_exporter.device.series import MOST_SERIES, Series
from ble_exporter.formats.measurement import Measurement
from ble_exporter.model import Advertisement, Reading

# Real changes between two measurements are smaller: the housing of a sensor follows the air within minutes, and soil
# and weather are slower. Light, power, current, voltage and carbon dioxide (a breath) jump and return without a glitch.
# A battery level is not filtered: the last packet before a battery is empty may be the only one with a low level.
LARGEST_STEPS: Mapping[str, float] = {
    "temperature": 10.0,
    "dew_point": 10.0,
    "humidity": 25.0,
    "moisture": 25.0,
    "pressure": 10.0,
}
"""Measurement name to the largest believable step between two measurements, in the unit of the formats' tables."""

MEMORY_S = 600.0
"""After this time in seconds, a value says nothing about the next one: in ten minutes, anything can have changed."""

_NO_ID_S = 10.0
# Without a packet id, the repeats of a measurement look like new measurements. Sensors usually repeat one for 10 s.


class Candidate(NamedTuple):
    """
    A value that the filter holds back, or may hold back.

    Attributes:
        value: The value, in the unit of the formats' tables.
        packet_id: The packet id of its packet; None if the packet has none.
        heard_s: The time when the packet was first heard, in monotonic seconds.
        advertisement: The packet.
    """

    value: float
    packet_id: int | None
    heard_s: float
    advertisement: Advertisement


class Glitch(NamedTuple):
    """A held-back value (`held`) that the next value (`after`) did not confirm; `before` is the last accepted value."""

    measurement: Measurement
    before: float
    held: Candidate
    after: float


class GlitchFilter:
    """The filter of one device."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[Measurement, Candidate] = {}

    def sift(
        self,
        advertisement: Advertisement,
        reading: Reading,
        known: Mapping[Measurement, Series],
        now_s: float,
        *,
        is_late: bool,
    ) -> tuple[Reading, list[Glitch]]:
        """
        Return the reading without the values that are held back, and the glitches that it reveals.

        Args:
            advertisement: The packet.
            reading: Its content.
            known: The measurements of the device, without this reading.
            now_s: The time when the packet was heard, in monotonic seconds.
            is_late: Whether the packet is a late copy from another adapter, which neither confirms nor refutes a value.
        """
        left_out: set[Measurement] = set()
        glitches: list[Glitch] = []
        for measurement, value in reading.measurements.items():
            step = LARGEST_STEPS.get(measurement.name)
            if step is None:
                continue
            series, held = known.get(measurement), self._held.get(measurement)
            if series is None:
                self._held.pop(measurement, None)
                continue
            is_near = abs(value - series.value) <= step
            # A packet whose value is held back does not renew `series.heard_s`.
            is_old = now_s - (series.heard_s if held is None else held.heard_s) >= MEMORY_S
            # The next measurement of a sensor that sends only when something happens may come days later.
            may_hold = not is_old and not reading.is_triggered
            if held is None and (is_near or not may_hold):
                continue
            new = Candidate(value, reading.packet_id, now_s, advertisement)
            if is_late or not self._accept(
                measurement, series.value, new, glitches, is_near=is_near, may_hold=may_hold
            ):
                left_out.add(measurement)
        self._forget_unknown(known)
        if left_out:
            kept = {name: value for name, value in reading.measurements.items() if name not in left_out}
            reading = reading._replace(measurements=kept)
        return reading, glitches

    def _accept(
        self,
        measurement: Measurement,
        before: float,
        new: Candidate,
        glitches: list[Glitch],
        *,
        is_near: bool,
        may_hold: bool,
    ) -> bool:
        """
        Return whether a value is accepted; if it is not, hold it back. Add the glitch that it reveals, if any.

        Even if values may no longer be held back, a value that was held back earlier is still judged.
        """
        held = self._held.get(measurement)
        if held is not None:
            if not is_near and may_hold and _is_repeat(held, new):
                return False
            del self._held[measurement]
            if not is_near and (new.value > before) == (held.value > before):
                # The value has not returned to its old level, so this is a change, which may still be going on.
                return True
            glitches.append(Glitch(measurement, before, held, new.value))
        if is_near or not may_hold:
            return True
        self._held[measurement] = new
        return False

    def _forget_unknown(self, known: Mapping[Measurement, Series]) -> None:
        """If the device has displaced measurements for lack of room, forget them here, too."""
        if len(self._held) > MOST_SERIES:
            self._held = {measurement: one for measurement, one in self._held.items() if measurement in known}


def _is_repeat(held: Candidate, new: Candidate) -> bool:
    """Return whether two values are probably the same measurement, which the sensor has sent twice."""
    if new.value != held.value:
        return False
    return new.heard_s - held.heard_s < _NO_ID_S if new.packet_id is None else new.packet_id == held.packet_id
