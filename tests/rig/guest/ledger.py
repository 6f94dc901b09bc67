"""
The record of each packet of a long run, from the radio to a scrape.

The radio reports each packet to the kernel. The monitor ear receives every packet from the kernel; bluetoothd receives
all but the few that the kernel drops when it restarts the scan, every 11 s. A packet that the ear received, but no
scrape shows, is lost.
"""

from __future__ import annotations

from .crowd import Crowd, Packet, packet_in, served
from .exporter import EAR, Scrape
from .kernel_events import KernelEvents


class Ledger:
    """
    The record of one crowd's packets.

    Attributes:
        served: The packets whose values were in a scrape.
    """

    def __init__(self, crowd: Crowd) -> None:
        """Start listening to the kernel."""
        self.served: set[Packet] = set()
        self._crowd = crowd
        self._to_bluetoothd: set[Packet] = set()
        self._to_bluetoothd_of_phones = 0
        self._names = {one.address: one.name for one in crowd.thermometers}
        self._kernel_events = KernelEvents(self._record)

    @property
    def delivered(self) -> set[Packet]:
        """The sensors' packets that the kernel delivered to the ear."""
        return self._to_bluetoothd.copy() if EAR == "bluez" else self._crowd.reported_of_sensors()

    @property
    def delivered_of_phones(self) -> int:
        """The number of other advertisements that the kernel delivered to the ear."""
        return self._to_bluetoothd_of_phones if EAR == "bluez" else self._crowd.reported_of_phones()

    def serve(self, scrape: Scrape) -> None:
        """Record the packets whose values are in a scrape."""
        self.served |= served(scrape)

    def close(self) -> None:
        """Stop listening to the kernel."""
        self._kernel_events.end()

    def _record(self, address: str, data: bytes) -> None:
        name = self._names.get(address)
        if name is None:
            self._to_bluetoothd_of_phones += 1
        else:
            self._to_bluetoothd.add(packet_in(data, name))
