"""A scan with resets on a scripted bluetoothd."""

from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from ble_exporter.scanner.bluez_radio import BluezRadio
from ble_exporter.scanner.build import make_ear
from ble_exporter.scanner.healing import Healer
from ble_exporter.scanner.radio import Everything
from ble_exporter.scanner.reset_record import ResetRecord
from ble_exporter.scanner.session import listening
from ble_exporter.scanner.stack_watch import StackWatch
from tests.conftest import PACKET_A
from tests.scanner.monitor_frames import Channel, frame, legacy_report, service_data
from tests.scanner.scripted_bluez import ScriptedBluez, scripted_bluez

LIMIT_S = 90.0
Wait = Callable[[float], Coroutine[Any, Any, None]]
Act = Callable[["Scan", Wait], Coroutine[Any, Any, None]]


class Scan:
    """A scan with resets, on a scripted bluetoothd that the test prepares; `folder` is the runtime folder."""

    def __init__(
        self, bus: Path, folder: Path, channel: Channel, adapter: str | None = None, limit_s: float = LIMIT_S
    ) -> None:
        self.bluez = ScriptedBluez()
        self.record = ResetRecord(folder)
        self.root = folder / "root"
        self.healer = Healer(self.record, self.root)
        self.heard = 0
        self._bus = bus
        self._channel = channel
        watch = partial(StackWatch, root=self.root, pauses_s=(0.02,))
        ear = partial(make_ear, "monitor", channel.open)
        self.radio = BluezRadio(ear, adapter, limit_s, healer=self.healer, make_watch=watch)

    async def run(self, act: Act) -> None:
        """Listen while `act` runs."""
        async with scripted_bluez(self._bus, self.bluez), listening(self.radio, Everything(self._note)) as wait:

            async def listen(seconds: float) -> None:
                await wait(seconds)

            await act(self, listen)

    def hear(self) -> None:
        """Receive one packet."""
        self._channel.receive(frame(legacy_report(service_data(PACKET_A))))

    def _note(self, _advertisement: object) -> None:
        self.heard += 1


async def nothing(_scan: Scan, wait: Wait) -> None:
    """Listen until the radio fails, or for 10,000 s."""
    await wait(10_000)
