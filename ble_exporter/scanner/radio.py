"""The protocols of listening: a radio, its simple face `AbstractScanner`, and the listener that it tells."""

from collections.abc import Callable, Mapping
from typing import Protocol

from ble_exporter.model import Advertisement


class AbstractScanner(Protocol):
    """The simple face of a scanner."""

    async def scan(self, duration_s: float) -> list[tuple[str, bytes]]:
        """
        Listen for some seconds.

        Returns:
            Address and service data of every BTHome packet heard, in order.

        Raises:
            ScannerError: Bluetooth is not available, or stopped working.
        """


class Listener(Protocol):
    """Whom a radio tells what it hears."""

    def wants(self, address: str) -> bool:
        """
        Return whether to be told of an advertisement of this sender; called once for each that is heard.

        Of a stranger nothing else is looked at: most of what is on air is of no interest.

        Args:
            address: The sender's, upper case with colons.
        """

    def handle(self, advertisement: Advertisement) -> None:
        """Take in one advertisement of a sender that is wanted."""


class Everything:
    """
    A listener that wants every advertisement.

    Args:
        handle: What to do with each.
    """

    def __init__(self, handle: Callable[[Advertisement], None]) -> None:
        self.handle = handle

    def wants(self, _address: str) -> bool:
        """Return that it does."""
        return True


class Radio(AbstractScanner, Protocol):
    """What the service asks of a scanner."""

    @property
    def adapters(self) -> Mapping[str, bool]:
        """Name of each Bluetooth adapter that was tried to whether it works; it changes as they do."""

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """
        Listen, and tell of each advertisement as it is heard, until cancelled or until nothing more can come.

        Args:
            listener: Whom it tells.
            started: Called once, when listening begins.

        Raises:
            ScannerError: Bluetooth is not available, or stopped working.
        """
