"""The protocol of an ear: how a radio makes BlueZ scan, and how it receives the adapter's advertisements."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from ble_exporter.config.app_config import ScanMode
from ble_exporter.errors import LossReason
from ble_exporter.scanner.bluez_dbus import Adapter, Bluez
from ble_exporter.scanner.radio import Listener


class Hearing(NamedTuple):
    """
    The callbacks of an ear in one run.

    Attributes:
        listener: Receives the advertisements of the addresses that it wants.
        note_heard: Called when anything was heard, from any sender.
        note_lost: Called when events were lost, with the reason and their number.
    """

    listener: Listener
    note_heard: Callable[[], None]
    note_lost: Callable[[LossReason, int], None]


class Ear(Protocol):
    """
    Receives the advertisements that one adapter hears, one run at a time.

    Attributes:
        is_passive: Whether the scan is passive; set by `prepare`.
        only_thermometers: Whether only thermometers can be heard; set by `prepare`.
    """

    is_passive: bool
    only_thermometers: bool

    async def connect(self) -> None:
        """Do the work that must be done before bluetoothd's objects are read."""

    async def prepare(self, bluez: Bluez, adapter: Adapter, mode: ScanMode, hearing: Hearing) -> str:
        """Prepare a run with this adapter; return a description of the scan for the log. Raises ScannerError."""

    async def start(self, *, ignores_patterns: bool = False) -> None:
        """
        Make bluetoothd scan; the ear hears from now on. Raises ScannerError.

        `ignores_patterns` keeps the filter patterns of other programs from hiding devices, if they affect this ear.
        """

    async def stop(self) -> None:
        """Make bluetoothd stop scanning. Raises ScannerError."""

    async def run(self) -> None:
        """Do the ear's own work during the scan, until cancelled. Raises ScannerError if it can no longer hear."""

    def catch_up(self) -> None:
        """Deliver the waiting packets, but not all of a large burst. Raises ScannerError if it can no longer hear."""

    def forget(self) -> None:
        """Forget the data of a run that has failed, and release the resources that were kept for later runs."""
