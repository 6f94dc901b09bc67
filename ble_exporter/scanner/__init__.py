"""
Radios, which receive advertisements.

The service calls one method of a radio, `run`. `bluez_radio` is the real radio, `multi_adapter` combines several
radios, and `mock` plays a `simulation` or a `capture` without hardware.
"""

from ble_exporter.scanner.bleak_scanner import BleakScannerImpl
from ble_exporter.scanner.build import RadioSettings, build_radio
from ble_exporter.scanner.mock import MockScanner
from ble_exporter.scanner.radio import AbstractScanner, Everything, Listener, Radio
from ble_exporter.scanner.session import run_for
from ble_exporter.scanner.simulation import Simulation

__all__ = [
    "AbstractScanner",
    "BleakScannerImpl",
    "Everything",
    "Listener",
    "MockScanner",
    "Radio",
    "RadioSettings",
    "Simulation",
    "build_radio",
    "get_scanner",
    "run_for",
]


def get_scanner(use_mock: bool = False, data: list[tuple[str, bytes]] | None = None) -> AbstractScanner:
    """
    Return the real radio, which uses the powered adapter with the lowest number, or a simulated radio.

    The simulated radio emits `data` (address and service data of packets) in each scan, or random packets without
    `data`. Raises ValueError if `data` is given for the real radio.
    """
    if use_mock:
        return MockScanner(data)
    if data is not None:
        raise ValueError("data requires use_mock: the real radio receives only packets on air")
    return BleakScannerImpl()
