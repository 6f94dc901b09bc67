"""
Builds the radio for the service, `discover`, `capture` and `doctor`.

The modules that only some radios need are imported only for these radios, because each module takes memory.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ble_exporter.config.app_config import DEFAULT_SILENCE_LIMIT_S, AppConfig, EarChoice, ScanMode
from ble_exporter.scanner import hints
from ble_exporter.scanner.bluez_radio import BluezRadio
from ble_exporter.scanner.ear import Ear
from ble_exporter.scanner.monitor_ear import BATCH_S, LONG_BATCH_S, SHARED_BATCH_S, MonitorEar
from ble_exporter.scanner.monitor_socket import SocketOpener, open_monitor_socket
from ble_exporter.scanner.radio import Radio

if TYPE_CHECKING:
    from ble_exporter.scanner.healing import Healer
    from ble_exporter.scanner.simulation import Simulation

_log = logging.getLogger(__name__)


class RadioSettings(NamedTuple):
    """The settings of the real radio, which uses the powered adapter with the lowest number if `adapters` is empty."""

    adapters: Sequence[str] = ()
    mode: ScanMode = "auto"
    silence_limit_s: float = DEFAULT_SILENCE_LIMIT_S
    goes_on: bool = False  # whether the other adapters keep listening when one fails
    ear: EarChoice = "auto"
    resets: bool = False  # whether an adapter that hangs is reset
    catches_up: bool = False  # whether `catch_up` is called before each use of the readings; batches may then be long

    @classmethod
    def from_config(cls, config: AppConfig) -> "RadioSettings":
        """Return the radio settings in a configuration."""
        goes_on, resets = config.on_adapter_failure == "continue", config.on_silence == "reset"
        return cls(config.adapters, config.scan_mode, config.silence_limit_seconds, goes_on, config.ear, resets)


RadioBuilder = Callable[..., Radio]
"""The type of `build_radio`, which tests replace."""


def build_radio(
    settings: RadioSettings,
    *,
    replay: str | None = None,
    replay_speed: float | None = None,
    simulation: "Simulation | None" = None,
    open_socket: SocketOpener = open_monitor_socket,
) -> Radio:
    """
    Build the real radio, or a radio that plays the capture file `replay` or a simulation.

    The capture is played `replay_speed` times as fast as recorded; None stands for 1. Bluetooth is not used until
    the radio runs. `open_socket` opens the monitor channel for a controller. Raises a ConfigError if the capture file
    can't be used.
    """
    if replay is not None:
        from ble_exporter.scanner.capture import load_capture  # noqa: PLC0415 - see above
        from ble_exporter.scanner.mock import MockScanner  # noqa: PLC0415

        return MockScanner(air=load_capture(replay), speed=replay_speed or 1.0)
    if simulation is not None:
        from ble_exporter.scanner.mock import MockScanner  # noqa: PLC0415

        return MockScanner(air=simulation.transmissions())
    lock = asyncio.Lock()
    new_healer = _healers() if settings.resets else None
    batch_s = LONG_BATCH_S if settings.catches_up else BATCH_S
    if len(settings.adapters) > 1:
        batch_s = SHARED_BATCH_S
    radios = [
        BluezRadio(
            partial(make_ear, settings.ear, open_socket, batch_s),
            adapter,
            settings.silence_limit_s,
            settings.mode,
            lock,
            healer=new_healer() if new_healer else None,
        )
        for adapter in settings.adapters or (None,)
    ]
    if len(radios) == 1:
        return radios[0]
    from ble_exporter.scanner.multi_adapter import MultiAdapterScanner  # noqa: PLC0415

    return MultiAdapterScanner(radios, goes_on=settings.goes_on)


def _healers() -> "Callable[[], Healer]":
    """Return a function that creates healers with a common record."""
    from ble_exporter.scanner.healing import Healer  # noqa: PLC0415
    from ble_exporter.scanner.reset_record import ResetRecord, runtime_folder  # noqa: PLC0415

    folder = runtime_folder()
    if folder is None:
        _log.warning("%s", hints.NO_RUNTIME_FOLDER)
    return partial(Healer, ResetRecord(folder))


async def make_ear(choice: EarChoice, open_socket: SocketOpener, longest_batch_s: float = BATCH_S) -> Ear:
    """Return the chosen ear; "auto" chooses the monitor ear if its channel can be opened, otherwise bleak's ear."""
    if choice == "auto":
        try:
            (await open_socket(0)).close()
        except OSError as error:
            # A failed helper is a fault, for example if the machine is slow while it boots: bleak's ear stays in use.
            level = logging.INFO if error.filename is None else logging.WARNING
            text = "ear auto: hearing through bluetoothd until the next start; some packets will be lost: %s"
            _log.log(level, text, hints.no_monitor(error))
            choice = "bluez"
    if choice == "bluez":
        from ble_exporter.scanner.bleak_scanner import BleakEar  # noqa: PLC0415

        return BleakEar()
    return MonitorEar(open_socket, longest_batch_s)
