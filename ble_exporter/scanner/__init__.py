"""
The scanners: what hears advertisements.

What the service asks of a scanner is one method, `run`, until it is cancelled or fails. `bluez` is the real radio and
`several` more than one of it; `simulated` is the one without hardware, `house` and `capture` are what that one plays.
"""

import asyncio
from collections.abc import Sequence

from ble_exporter.config.app_config import DEFAULT_SILENCE_LIMIT_S, ScanMode
from ble_exporter.scanner.bleak_scanner import BleakScannerImpl
from ble_exporter.scanner.mock import MockScanner
from ble_exporter.scanner.multi_adapter import Several
from ble_exporter.scanner.radio import AbstractScanner, Everything, Listener, Radio
from ble_exporter.scanner.session import run_for

__all__ = [
    "AbstractScanner",
    "BleakScannerImpl",
    "Everything",
    "Listener",
    "MockScanner",
    "Radio",
    "Several",
    "get_scanner",
    "run_for",
]


def get_scanner(
    use_mock: bool = False,
    data: list[tuple[str, bytes]] | None = None,
    *,
    adapters: Sequence[str] = (),
    mode: ScanMode = "auto",
    silence_limit_s: float = DEFAULT_SILENCE_LIMIT_S,
    goes_on: bool = False,
) -> Radio:
    """
    Return a scanner: the real radio, or a simulated one.

    Args:
        use_mock: Take the simulated radio.
        data: Address and service data of the packets that the simulated radio emits in each scan; by default it
            plays random valid packets of its own.
        adapters: Names of the adapters of the real radio ("hci0"); by default the first that is powered.
        mode: How the real radio scans.
        silence_limit_s: How long an adapter of the real radio may listen and hear nothing at all.
        goes_on: Whether the other adapters go on where one fails.

    Raises:
        ValueError: Packets were given to the real radio.
    """
    if use_mock:
        return MockScanner(data)
    if data is not None:
        raise ValueError("the real radio hears what is on air: data goes with use_mock")
    turn = asyncio.Lock()
    radios = [BleakScannerImpl(adapter, silence_limit_s, mode, turn=turn) for adapter in adapters or (None,)]
    return radios[0] if len(radios) == 1 else Several(radios, goes_on=goes_on)
