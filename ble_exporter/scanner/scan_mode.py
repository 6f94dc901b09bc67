"""
The scan modes of the real radio: active, passive, and `auto`.

With `auto`, the scan is active, and an advertisement monitor is registered if bluetoothd accepts one.
docs/adr/0010-scan-modes.md has the figures.
"""

import uuid
from typing import Literal, NamedTuple

from bleak.args.bluez import BlueZDiscoveryFilters, BlueZScannerArgs, OrPattern, OrPatternLike
from bleak.assigned_numbers import AdvertisementDataType
from bleak.backends.bluezdbus.advertisement_monitor import AdvertisementMonitor

from ble_exporter.config.app_config import ScanMode
from ble_exporter.errors import ScannerError
from ble_exporter.formats.registry import FORMATS
from ble_exporter.scanner import hints
from ble_exporter.scanner.bluez_dbus import Adapter, Bluez

# In a passive scan, bluetoothd reports only advertisements that match a pattern: service data of any known format. An
# advertisement contains 16 bits of the UUID, least significant byte first.
_PATTERNS: list[OrPatternLike] = [
    OrPattern(0, AdvertisementDataType.SERVICE_DATA_UUID16, bytes.fromhex(row.short_uuid)[::-1])
    for row in FORMATS.values()
]


# For each advertisement that matches a monitor's patterns, bluetoothd calls a method of the monitor's owner, which
# doubles the work on D-Bus. This monitor need only exist, so its pattern is service data that nobody sends.
_NO_MATCH: list[OrPatternLike] = [OrPattern(0, AdvertisementDataType.SERVICE_DATA_UUID128, uuid.uuid4().bytes)]


class ScanSettings(NamedTuple):
    """The scan mode, a description for the log (the mode and its reason), and whether a monitor is registered."""

    mode: Literal["active", "passive"]
    description: str
    has_monitor: bool = False


async def resolve_scan_mode(wanted: ScanMode, adapter: Adapter, bluez: Bluez) -> ScanSettings:
    """
    Return the settings of a scan, and register the advertisement monitor that the scan needs, if any.

    Raises:
        ScannerError: The mode is "passive", and bluetoothd offers no advertisement monitor, or refuses it.
    """
    if wanted == "active":
        return ScanSettings("active", "actively")
    if not adapter.can_monitor:
        if wanted == "passive":
            raise ScannerError(*hints.NO_PASSIVE_SCAN, adapter=adapter.name)
        return ScanSettings("active", f"actively (scan_mode auto: {hints.NO_MONITOR})")
    # For passive: bleak registers a monitor of the same kind, but does not notice if bluetoothd refuses it; the scan
    # would then hear nothing and report no error. The registration here reveals a refusal. For auto: if a monitor
    # exists when the scan starts, the kernel does not let the controller filter packets that it takes for duplicates.
    # A controller that itself compares patterns may report only the advertisements that match one.
    patterns = _PATTERNS if adapter.can_match else _NO_MATCH
    refusal = await bluez.register(AdvertisementMonitor(patterns), adapter.name)
    if wanted == "passive":
        if refusal is not None:
            raise ScannerError(*hints.refused_passive_scan(refusal), adapter=adapter.name)
        return ScanSettings("passive", "passively", has_monitor=True)
    if refusal is not None:
        why = f"scan_mode auto: bluetoothd refused an advertisement monitor ({refusal})"
        return ScanSettings("active", f"actively ({why})")
    return ScanSettings(
        "active",
        "actively, and with a monitor, so that nothing is filtered as a duplicate (scan_mode auto)",
        has_monitor=True,
    )


def bleak_options(adapter: str, settings: ScanSettings, *, ignores_patterns: bool = False) -> BlueZScannerArgs:
    """
    Return the options of bleak's scanner.

    If another program filters by `Pattern`, bluetoothd reports only matching devices, even to programs without a
    pattern. With `ignores_patterns`, an active scan has the empty pattern, which every device matches. This filter is a
    last resort, because bluetoothd 5.53 and older versions refuse it.
    """
    if settings.mode == "passive":
        return BlueZScannerArgs(adapter=adapter, or_patterns=_PATTERNS)
    # With DuplicateData, BlueZ reports the service data of each packet, even if it equals the previous packet's.
    filters = BlueZDiscoveryFilters(DuplicateData=True)
    if ignores_patterns:
        filters["Pattern"] = ""
    return BlueZScannerArgs(adapter=adapter, filters=filters)
