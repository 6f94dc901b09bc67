"""The protocols: a radio, its simple interface `AbstractScanner`, and the listener that takes its advertisements."""

from collections.abc import Callable, Mapping
from typing import Protocol

from ble_exporter.model import Advertisement


class AbstractScanner(Protocol):
    """The simple interface of a scanner."""

    async def scan(self, duration_s: float) -> list[tuple[str, bytes]]:
        """
        Listen for some seconds.

        Returns:
            Address and service data of every BTHome packet heard, in order.

        Raises:
            ScannerError: Bluetooth is not available, or stopped working.
        """


class Listener(Protocol):
    """What takes the advertisements that a radio hears."""

    def wants(self, address: str) -> bool:
        """
        Return whether an advertisement of this device is to be handled; called once for each that is heard.

        Nothing else of an unknown device is examined: most of what is on air is of no interest.

        Args:
            address: The address of the device, in upper case with colons.
        """

    def handle(self, advertisement: Advertisement) -> None:
        """Take one advertisement of a device that is wanted."""


class Everything:
    """
    A listener that wants every advertisement.

    Args:
        handle: Called with each.
    """

    def __init__(self, handle: Callable[[Advertisement], None]) -> None:
        self.handle = handle

    def wants(self, _address: str) -> bool:
        """Return True."""
        return True


class Radio(AbstractScanner, Protocol):
    """What the service asks of a scanner."""

    @property
    def adapters(self) -> Mapping[str, bool]:
        """The name of each Bluetooth adapter that was tried, with whether it works now."""

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """
        Listen, and pass on each advertisement as it is heard, until cancelled or until nothing more can come.

        Args:
            listener: What takes the advertisements.
            started: Called once, when listening begins.

        Raises:
            ScannerError: Bluetooth is not available, or stopped working.
        """
