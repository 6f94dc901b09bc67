"""
How the real radio scans: actively or passively, and which of the two `auto` uses.

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
from ble_exporter.scanner.bluez_dbus import Adapter, Bluez

# The service data of every known format, for a passive scan. An advertisement contains 16 bits of the UUID, the least
# significant byte first.
_PATTERNS: list[OrPatternLike] = [
    OrPattern(0, AdvertisementDataType.SERVICE_DATA_UUID16, bytes.fromhex(row.short_uuid)[::-1])
    for row in FORMATS.values()
]


class ScanSettings(NamedTuple):
    """The mode for bleak, and the scan mode and its reason as text for the log."""

    mode: Literal["active", "passive"]
    description: str


async def resolve_scan_mode(wanted: ScanMode, adapter: Adapter, bluez: Bluez) -> ScanSettings:
    """
    Return how to scan with an adapter; an advertisement monitor that this needs is registered now.

    Raises:
        ScannerError: The mode is "passive", and bluetoothd does not offer a passive scan.
    """
    if wanted == "active":
        return ScanSettings("active", "actively")
    if not adapter.can_monitor:
        if wanted == "passive":
            raise ScannerError(*hints.NO_PASSIVE_SCAN, adapter=adapter.name)
        return ScanSettings("active", f"actively (scan_mode auto: {hints.NO_MONITOR})")
    # A passive scan needs a second monitor, bleak's own, which bleak does not check: if bluetoothd refused it, the scan
    # would hear nothing, without an error. For auto, a kernel with a monitor does not let the controller filter what it
    # takes for duplicates, if the monitor is there before the scan starts.
    refusal = await bluez.register(AdvertisementMonitor(_PATTERNS), adapter.name)
    if wanted == "passive":
        if refusal is not None:
            raise ScannerError(*hints.refused_passive_scan(refusal), adapter=adapter.name)
        return ScanSettings("passive", "passively")
    if refusal is not None:
        why = f"scan_mode auto: bluetoothd refused an advertisement monitor, {refusal}"
        return ScanSettings("active", f"actively ({why})")
    return ScanSettings(
        "active", "actively, and with a monitor, so that nothing is filtered as a duplicate (scan_mode auto)"
    )


def bleak_options(adapter: str, settings: ScanSettings) -> BlueZScannerArgs:
    """Return the options of bleak's scanner."""
    if settings.mode == "passive":
        return BlueZScannerArgs(adapter=adapter, or_patterns=_PATTERNS)
    # With DuplicateData BlueZ reports the service data of each packet, even if it equals that of the one before.
    return BlueZScannerArgs(adapter=adapter, filters={"DuplicateData": True})
