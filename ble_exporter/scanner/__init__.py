"""
The scanners: what hears advertisements.

A scanner is one method, `run(deliver)`, until it is cancelled or fails. `bluez` is the real radio, `simulated` the one
without hardware, `capture` a recording for it to play.
"""

from ble_exporter.scanner.bluez import BleakScannerImpl
from ble_exporter.scanner.listening import AbstractScanner, Deliver, run_for
from ble_exporter.scanner.simulated import MockScanner

__all__ = ["AbstractScanner", "BleakScannerImpl", "Deliver", "MockScanner", "get_scanner", "run_for"]


def get_scanner(
    use_mock: bool = False, data: list[tuple[str, bytes]] | None = None, *, adapter: str | None = None
) -> AbstractScanner:
    """
    Return a scanner: the real radio, or a simulated one.

    Args:
        use_mock: Take the simulated radio.
        data: Address and service data of the packets that the simulated radio emits in each scan; by default it
            plays random valid packets of its own.
        adapter: Name of the adapter of the real radio ("hci0").
    """
    if use_mock:
        return MockScanner(data)
    return BleakScannerImpl(adapter)
