"""The one function that builds a radio: the service, `discover` and `doctor` listen with what it returns."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ble_exporter.config.app_config import DEFAULT_SILENCE_LIMIT_S, AppConfig, ScanMode
from ble_exporter.scanner.bleak_scanner import BleakScannerImpl
from ble_exporter.scanner.capture import load_capture
from ble_exporter.scanner.mock import MockScanner
from ble_exporter.scanner.multi_adapter import MultiAdapterScanner
from ble_exporter.scanner.radio import Radio
from ble_exporter.scanner.simulation import Simulation


class RadioSettings(NamedTuple):
    """
    How the real radio listens.

    Attributes:
        adapters: Names of the adapters ("hci0"); none takes the first, by number, that is powered.
        mode: How it scans.
        silence_limit_s: How many seconds an adapter may listen and hear nothing at all.
        goes_on: Whether the other adapters go on where one fails.
    """

    adapters: Sequence[str] = ()
    mode: ScanMode = "auto"
    silence_limit_s: float = DEFAULT_SILENCE_LIMIT_S
    goes_on: bool = False

    @classmethod
    def from_config(cls, config: AppConfig) -> "RadioSettings":
        """Return the settings of a configuration."""
        return cls(
            config.adapters,
            config.scan_mode,
            config.silence_limit_seconds,
            goes_on=config.on_adapter_failure == "continue",
        )


class RadioBuilder(Protocol):
    """`build_radio`, or what a test has in its place."""

    def __call__(
        self, settings: RadioSettings, *, replay: str | None = None, simulation: Simulation | None = None
    ) -> Radio:
        """Build a radio."""


def build_radio(settings: RadioSettings, *, replay: str | None = None, simulation: Simulation | None = None) -> Radio:
    """
    Build the real radio, or one without hardware. Nothing touches Bluetooth before it listens.

    Args:
        settings: How the real radio listens.
        replay: The capture file to play in its place.
        simulation: What to simulate in its place.

    Raises:
        ConfigError: The capture file can't be used.
    """
    if replay is not None:
        return MockScanner(air=load_capture(replay))
    if simulation is not None:
        return MockScanner(air=simulation.transmissions())
    lock = asyncio.Lock()
    radios = [
        BleakScannerImpl(adapter, settings.silence_limit_s, settings.mode, start_stop_lock=lock)
        for adapter in settings.adapters or (None,)
    ]
    return radios[0] if len(radios) == 1 else MultiAdapterScanner(radios, goes_on=settings.goes_on)
