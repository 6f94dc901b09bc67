"""Interfaces (`typing.Protocol`) of a scanner, a radio, and a listener that receives a radio's advertisements."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ble_exporter.errors import LossReason, ResetOutcome
from ble_exporter.model import Advertisement


class AbstractScanner(Protocol):
    """The simple interface of a scanner; the service uses Radio."""

    async def scan(self, duration_s: float) -> list[tuple[str, bytes]]:
        """
        Listen for `duration_s` seconds; return the address and service data of each BTHome packet, in order.

        Raises a ScannerError if Bluetooth is not available, or fails.
        """


class Listener(Protocol):
    """Receives the advertisements of a radio."""

    def wants(self, address: str) -> bool:
        """
        Return whether to handle an advertisement from this address (upper case, with colons).

        The radio calls this at most once for each advertisement, and drops the advertisement if the answer is False.
        The call must be fast, because most advertisements on air are from unknown devices.
        """

    def handle(self, advertisement: Advertisement) -> bool | None:
        """
        Process one advertisement from a wanted address.

        Returns False if the address is of the wrong type, and therefore belongs to another sender; otherwise True or
        None. After False, the radio makes sure that this sender does not hide the wanted one.
        """


@dataclass
class Everything:
    """A listener that passes every advertisement to `handle`."""

    handle: Callable[[Advertisement], bool | None]

    def wants(self, _address: str) -> bool:
        """Return True for every address."""
        return True


class Radio(Protocol):
    """The interface that the service uses."""

    @property
    def adapters(self) -> Mapping[str, bool]:
        """Whether each Bluetooth adapter of this radio works, by the adapter's name; empty until one is chosen."""

    @property
    def lost_events(self) -> Mapping[tuple[str, LossReason], int]:
        """The number of events known to be lost, because they were dropped or invalid, by adapter and reason."""

    @property
    def adapter_resets(self) -> Mapping[tuple[str, ResetOutcome], int]:
        """The number of resets of an adapter whose outcome is known, by adapter and outcome."""

    @property
    def is_resetting(self) -> bool:
        """Whether an adapter is being reset, which may take longer than a scan."""

    @property
    def silence(self) -> str | None:
        """
        Why no readings arrive, as text; None if they arrive, or if the reason is not known yet.

        The reason is a silence of at least a third of the limit, or a reset that has not helped yet.
        """

    def catch_up(self) -> None:
        """
        Pass the advertisements received so far to the listener, except the rest of a large burst.

        Call this before the readings are used.
        """

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """
        Pass each advertisement to the listener within a few seconds, until cancelled or until no more can arrive.

        Calls `started` once, when listening begins. Raises a ScannerError if Bluetooth is not available, or fails.
        """
