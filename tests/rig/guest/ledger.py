"""
The record of each packet of a long run, from the radio to a scrape.

The radio reports a packet to the kernel, which delivers it to bluetoothd. The kernel drops a few packets when it
restarts the scan, every 11 s. Every delivered packet must be served; a delivered packet that no scrape shows is lost.
"""

from __future__ import annotations

from .crowd import Crowd, Packet, packet_in, served
from .exporter import Scrape
from .kernel_events import KernelEvents


class Ledger:
    """
    Records the packets of one crowd.

    Attributes:
        delivered: The sensors' packets that the kernel delivered to bluetoothd.
        delivered_of_phones: Number of other advertisements that the kernel delivered to bluetoothd.
        served: The packets whose values were in a scrape.
    """

    def __init__(self, crowd: Crowd) -> None:
        """Start listening to the kernel."""
        self.delivered: set[Packet] = set()
        self.delivered_of_phones = 0
        self.served: set[Packet] = set()
        self._names = {one.address: one.name for one in crowd.thermometers}
        self._kernel_events = KernelEvents(self._record)

    def serve(self, scrape: Scrape) -> None:
        """Record the packets whose values are in a scrape."""
        self.served |= served(scrape)

    def close(self) -> None:
        """Stop listening to the kernel."""
        self._kernel_events.end()

    def _record(self, address: str, data: bytes) -> None:
        name = self._names.get(address)
        if name is None:
            self.delivered_of_phones += 1
        else:
            self.delivered.add(packet_in(data, name))
