"""
The radios: what hears advertisements.

What the service asks of a radio is one method, `run`, until it is cancelled or fails. `bleak_scanner` is the real one,
and `multi_adapter` more than one of it; `mock` is the one without hardware, which plays a `simulation` or a `capture`.
"""

from ble_exporter.scanner.bleak_scanner import BleakScannerImpl
from ble_exporter.scanner.build import RadioSettings, build_radio
from ble_exporter.scanner.mock import MockScanner
from ble_exporter.scanner.multi_adapter import MultiAdapterScanner
from ble_exporter.scanner.radio import AbstractScanner, Everything, Listener, Radio
from ble_exporter.scanner.session import run_for
from ble_exporter.scanner.simulation import Simulation

__all__ = [
    "AbstractScanner",
    "BleakScannerImpl",
    "Everything",
    "Listener",
    "MockScanner",
    "MultiAdapterScanner",
    "Radio",
    "RadioSettings",
    "Simulation",
    "build_radio",
    "get_scanner",
    "run_for",
]


def get_scanner(use_mock: bool = False, data: list[tuple[str, bytes]] | None = None) -> Radio:
    """
    Return a scanner: the real radio, on the first adapter that is powered, or a simulated one.

    Args:
        use_mock: Take the simulated radio.
        data: Address and service data of the packets that the simulated radio emits in each scan; by default it
            plays random valid packets of its own.

    Raises:
        ValueError: Packets were given to the real radio.
    """
    if use_mock:
        return MockScanner(data)
    if data is not None:
        raise ValueError("the real radio hears what is on air: data goes with use_mock")
    return build_radio(RadioSettings())
