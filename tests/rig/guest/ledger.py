"""
The account of a long run: what became of each packet, from the radio to a scrape.

The radio reports a packet to the kernel. The kernel tells bluetoothd of it, but for a few when it restarts the scan, as
it does every 11 s. All that it tells of must be served: of that, what no scrape ever showed is lost.
"""

from __future__ import annotations

from .crowd import Crowd, Packet, packet_in, served
from .exporter import Scrape
from .witness import Witness


class Ledger:
    """
    Keeps the account of one crowd.

    Attributes:
        told: The sensors' packets of which the kernel told bluetoothd.
        told_of_strangers: How many other advertisements it told of.
        served: The packets whose values were in a scrape.
    """

    def __init__(self, crowd: Crowd) -> None:
        """Listen to the kernel from now on."""
        self.told: set[Packet] = set()
        self.told_of_strangers = 0
        self.served: set[Packet] = set()
        self._names = {one.address: one.name for one in crowd.thermometers}
        self._witness = Witness(self._tell)

    def serve(self, scrape: Scrape) -> None:
        """Note which packets a scrape shows."""
        self.served |= served(scrape)

    def close(self) -> None:
        """Listen to the kernel no more."""
        self._witness.end()

    def _tell(self, address: str, data: bytes) -> None:
        name = self._names.get(address)
        if name is None:
            self.told_of_strangers += 1
        else:
            self.told.add(packet_in(data, name))
