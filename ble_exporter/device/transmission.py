"""The packets that a device sends under one packet id, and late copies of them from another adapter."""

from array import array

from ble_exporter.device.measurement_count import MeasurementCount
from ble_exporter.device.sequence import LATE_STEPS, is_late_copy, steps_behind

NO_TRANSMISSION = -1
"""The transmission number stored with the values of late packets, whose own transmission has ended."""

_MOST_BEGUN = 2 * (LATE_STEPS + 1)


class Transmission:
    """
    The current transmission of one device. Times are monotonic seconds.

    Attributes:
        packet_id: Its packet id; None if its packet has no id, or if there is no transmission.
        adapter: The adapter that heard it first.
        number: The number of transmissions so far.
        count: The measurements that were heard and missed, by the packet ids.
    """

    __slots__ = ("_begun", "adapter", "count", "number", "packet_id")

    def __init__(self) -> None:
        self.packet_id: int | None = None
        self.adapter = ""
        self.number = 0
        self.count = MeasurementCount()
        # The packet id of each of the latest transmissions, and the time at which it began; oldest first. A list of
        # pairs would take three times as much memory.
        self._begun = array("d")

    def start(self, packet_id: int | None, adapter: str, now_s: float) -> None:
        """Start the next transmission."""
        self.packet_id, self.adapter = packet_id, adapter
        self.number += 1
        begun = self._begun
        if packet_id is None:
            del begun[:]
        else:
            if len(begun) == _MOST_BEGUN:
                del begun[:2]
            begun.append(packet_id)
            begun.append(now_s)
            self.count.hear(packet_id, now_s)

    def end(self) -> None:
        """Forget the packet ids, so that the next packet starts a transmission, whatever its id."""
        self.packet_id = None
        del self._begun[:]

    def is_late(self, packet_id: int | None, now_s: float) -> bool:
        """Return whether a packet from an adapter other than `adapter` is a late copy."""
        behind = steps_behind(packet_id, self.packet_id)
        begun = zip(self._begun[::2], self._begun[1::2], strict=True)
        overtaken_s = (since_s for newer, since_s in begun if 0 < steps_behind(packet_id, int(newer)) <= LATE_STEPS)
        return is_late_copy(behind, now_s - next(overtaken_s, now_s))
