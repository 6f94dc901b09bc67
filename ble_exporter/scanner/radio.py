"""The protocols: a scanner, a radio, and the listener that takes a radio's advertisements."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ble_exporter.model import Advertisement


class AbstractScanner(Protocol):
    """The simple interface of a scanner; the service uses Radio."""

    async def scan(self, duration_s: float) -> list[tuple[str, bytes]]:
        """Listen; return address and service data of every BTHome packet heard, in order. Raises ScannerError."""


class Listener(Protocol):
    """Takes the advertisements that a radio hears."""

    def wants(self, address: str) -> bool:
        """
        Return whether to handle an advertisement of this address (upper case, with colons).

        Called once for each advertisement. Of an unknown device nothing else is examined: most advertisements on air
        are of no interest.
        """

    def handle(self, advertisement: Advertisement) -> None:
        """Take one advertisement of a wanted address."""


@dataclass
class Everything:
    """A listener that passes every advertisement to `handle`."""

    handle: Callable[[Advertisement], None]

    def wants(self, _address: str) -> bool:
        """Return True."""
        return True


class Radio(Protocol):
    """The interface that the service uses."""

    @property
    def adapters(self) -> Mapping[str, bool]:
        """The name of each Bluetooth adapter tried so far, with whether it works now."""

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """
        Pass each advertisement to the listener as it is heard, until cancelled or until nothing more can come.

        Calls `started` once, when listening begins. Raises a ScannerError if Bluetooth is not available, or fails.
        """
