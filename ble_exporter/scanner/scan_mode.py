"""
How the real radio listens: actively or passively, and which of it auto takes.

docs/adr/0010-scan-modes.md has the figures.
"""

from typing import Literal, NamedTuple

from bleak.args.bluez import BlueZScannerArgs, OrPattern, OrPatternLike
from bleak.assigned_numbers import AdvertisementDataType
from bleak.backends.bluezdbus.advertisement_monitor import AdvertisementMonitor

from ble_exporter.config.app_config import ScanMode
from ble_exporter.errors import ScannerError
from ble_exporter.formats.registry import FORMATS
from ble_exporter.scanner import hints
from ble_exporter.scanner.bluez_dbus import Adapter, Stack

# What a passive scan asks for: service data of these services, which an advertisement has with 16 of the UUID's bits,
# the least significant byte first.
_PATTERNS: list[OrPatternLike] = [
    OrPattern(0, AdvertisementDataType.SERVICE_DATA_UUID16, bytes.fromhex(row.short_uuid)[::-1])
    for row in FORMATS.values()
]


class Way(NamedTuple):
    """
    How to listen.

    Attributes:
        mode: What bleak is told.
        words: For the log: how, and why.
    """

    mode: Literal["active", "passive"]
    words: str


async def settle(wanted: ScanMode, adapter: Adapter, stack: Stack) -> Way:
    """
    Return how to listen with an adapter; where it needs a monitor, that is registered then.

    Raises:
        ScannerError: A passive scan is wanted, and bluetoothd does not offer one.
    """
    if wanted == "passive":
        if not adapter.can_monitor:
            raise ScannerError(f"adapter {adapter.name}: {hints.NO_PASSIVE_SCAN}")
        # bleak registers another one, and does not look whether it is taken: it would hear nothing, without an error.
        refusal = await stack.register(AdvertisementMonitor(_PATTERNS))
        if refusal is not None:
            raise ScannerError(f"adapter {adapter.name}: {hints.refused_passive_scan(refusal)}")
        return Way("passive", "passively")
    if wanted == "active":
        return Way("active", "actively")
    if not adapter.can_monitor:
        return Way("active", f"actively (scan_mode auto: {hints.NO_MONITOR})")
    # A kernel that has a monitor to serve does not let the controller filter what it takes for duplicates. It must be
    # there before the scan starts.
    refusal = await stack.register(AdvertisementMonitor(_PATTERNS))
    if refusal is not None:
        return Way("active", f"actively (scan_mode auto: bluetoothd refused an advertisement monitor, {refusal})")
    return Way("active", "actively, and with a monitor, so that nothing is filtered as a duplicate (scan_mode auto)")


def options(adapter: str, way: Way) -> BlueZScannerArgs:
    """Return what bleak needs to know for it."""
    if way.mode == "passive":
        return BlueZScannerArgs(adapter=adapter, or_patterns=_PATTERNS)
    # With DuplicateData BlueZ tells of the service data of each packet, also where it is that of the one before.
    return BlueZScannerArgs(adapter=adapter, filters={"DuplicateData": True})
