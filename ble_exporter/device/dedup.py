"""
Of what one device says: what is a repeat, and what another adapter tells late.

Packets of one measurement share a packet id. Why the rules are so: docs/expiry.md.
"""

from collections.abc import Mapping

from ble_exporter.formats.measurement import Measurement
from ble_exporter.model import Reading

# A packet may be told late by another adapter, since the kernel holds some back until it hears the next: it is of the
# measurement before, or of one of the few before that, and seconds late. One that is further behind counts anew.
_PACKET_IDS = 256
_LATE_PACKET_IDS = 4
_LATE_S = 5.0


class Repeats:
    """
    What one device said last.

    Attributes:
        packet_id: That of the latest reading.
        adapter: Which heard it first under this id.
        said: What was said under this id.
        told: Under which id each measurement was told last, and when, in seconds since the Unix epoch.
    """

    __slots__ = ("adapter", "packet_id", "said", "told")

    def __init__(self) -> None:
        self.packet_id: int | None = None
        self.adapter = ""
        self.said: Mapping[Measurement, float] = {}
        self.told: dict[Measurement, tuple[int, float]] = {}

    def is_repeat(self, reading: Reading) -> bool:
        """Return whether all of it was already said under the same packet id; from now on it was."""
        packet_id, says = reading.packet_id, reading.measurements
        if packet_id is None or packet_id != self.packet_id:
            self.packet_id, self.adapter, self.said = packet_id, reading.adapter, says
            return False
        # Of two packets with one id the second is a repeat only if it is not the other half of the measurement.
        if says.items() <= self.said.items():
            return True
        self.said = {**self.said, **says}
        return False

    def in_time(self, reading: Reading) -> Mapping[Measurement, float]:
        """Return the measurements of a reading without those of which another adapter has told newer ones already."""
        measurements, packet_id = reading.measurements, reading.packet_id
        if packet_id is None:
            return measurements
        if reading.adapter != self.adapter and self.told:
            measurements = {name: value for name, value in measurements.items() if not self._is_late(name, reading)}
        self.told.update(dict.fromkeys(measurements, (packet_id, reading.heard_at)))
        return measurements

    def _is_late(self, measurement: Measurement, reading: Reading) -> bool:
        newest_id, told_at = self.told.get(measurement, (reading.packet_id or 0, 0.0))
        behind = (newest_id - (reading.packet_id or 0)) % _PACKET_IDS
        return 0 < behind <= _LATE_PACKET_IDS and abs(reading.heard_at - told_at) < _LATE_S
