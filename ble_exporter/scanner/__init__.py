"""
The scanners: what hears advertisements.

What the service asks of a scanner is one method, `run`, until it is cancelled or fails. `bluez` is the real radio,
`simulated` the one without hardware, `house` and `capture` are what that one plays.
"""

from ble_exporter.config import DEFAULT_SILENCE_LIMIT_S
from ble_exporter.scanner.bluez import BleakScannerImpl
from ble_exporter.scanner.listening import AbstractScanner, Deliver, Radio, run_for
from ble_exporter.scanner.simulated import MockScanner

__all__ = ["AbstractScanner", "BleakScannerImpl", "Deliver", "MockScanner", "Radio", "get_scanner", "run_for"]


def get_scanner(
    use_mock: bool = False,
    data: list[tuple[str, bytes]] | None = None,
    *,
    adapter: str | None = None,
    silence_limit_s: float = DEFAULT_SILENCE_LIMIT_S,
) -> Radio:
    """
    Return a scanner: the real radio, or a simulated one.

    Args:
        use_mock: Take the simulated radio.
        data: Address and service data of the packets that the simulated radio emits in each scan; by default it
            plays random valid packets of its own.
        adapter: Name of the adapter of the real radio ("hci0").
        silence_limit_s: How long the real radio may listen and hear nothing at all.

    Raises:
        ValueError: Packets were given to the real radio.
    """
    if use_mock:
        return MockScanner(data)
    if data is not None:
        raise ValueError("the real radio hears what is on air: data goes with use_mock")
    return BleakScannerImpl(adapter, silence_limit_s)
