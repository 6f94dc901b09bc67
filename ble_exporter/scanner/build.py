"""Builds the radio of the service, `discover` and `doctor`."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ble_exporter.config.app_config import DEFAULT_SILENCE_LIMIT_S, AppConfig, ScanMode
from ble_exporter.scanner.bleak_scanner import BleakScannerImpl
from ble_exporter.scanner.capture import load_capture
from ble_exporter.scanner.mock import MockScanner
from ble_exporter.scanner.multi_adapter import MultiAdapterScanner
from ble_exporter.scanner.radio import Radio
from ble_exporter.scanner.simulation import Simulation


class RadioSettings(NamedTuple):
    """The settings of the real radio. Without `adapters`, it uses the powered adapter with the lowest number."""

    adapters: Sequence[str] = ()
    mode: ScanMode = "auto"
    silence_limit_s: float = DEFAULT_SILENCE_LIMIT_S
    goes_on: bool = False  # whether the other adapters keep listening when one fails

    @classmethod
    def from_config(cls, config: AppConfig) -> "RadioSettings":
        """Return the radio settings in a configuration."""
        goes_on = config.on_adapter_failure == "continue"
        return cls(config.adapters, config.scan_mode, config.silence_limit_seconds, goes_on)


RadioBuilder = Callable[..., Radio]
"""The type of `build_radio`, which tests replace."""


def build_radio(settings: RadioSettings, *, replay: str | None = None, simulation: Simulation | None = None) -> Radio:
    """
    Build the real radio, or a radio that plays the capture file `replay` or a simulation.

    Bluetooth is not used until the radio runs. Raises a ConfigError if the capture file can't be used.
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
