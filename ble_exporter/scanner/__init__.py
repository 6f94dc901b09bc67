"""
Radios, which receive advertisements.

`radio` has the protocols. `bluez_radio` is the real radio, `multi_adapter` combines several radios, and `mock` plays a
`simulation` or a `capture` without hardware.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ble_exporter.scanner.build import RadioSettings, build_radio
from ble_exporter.scanner.radio import AbstractScanner, Everything, Listener, Radio
from ble_exporter.scanner.session import run_for

if TYPE_CHECKING:
    from ble_exporter.scanner.bleak_scanner import BleakScannerImpl
    from ble_exporter.scanner.mock import MockScanner
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

_LATE = {"BleakScannerImpl": "bleak_scanner", "MockScanner": "mock", "Simulation": "simulation"}


def __getattr__(name: str) -> object:
    """Import a class at its first use: a service that hears with the monitor ear needs none of these classes."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
    return value


def get_scanner(use_mock: bool = False, data: list[tuple[str, bytes]] | None = None) -> AbstractScanner:
    """
    Return the real radio, which uses the powered adapter with the lowest number, or a simulated radio.

    In each scan, the simulated radio emits `data` (address and service data of packets); without `data`, it emits the
    packets of simulated sensors. Raises ValueError if `data` is given for the real radio.
    """
    from ble_exporter.scanner.bleak_scanner import BleakScannerImpl  # noqa: PLC0415 - see __getattr__
    from ble_exporter.scanner.mock import MockScanner  # noqa: PLC0415

    if use_mock:
        return MockScanner(data)
    if data is not None:
        raise ValueError("data requires use_mock: the real radio receives only packets on air")
    return BleakScannerImpl()
