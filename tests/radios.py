"""A radio that several test files use."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any

from ble_exporter.errors import LossReason, ResetOutcome
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.scanner import Listener
from tests.conftest import PACKET_A

InVirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]
LIVING_ROOM = "A4:C1:38:00:00:01"


class Radio:
    """A radio that records the start of each scan, and fails or stops slowly if the test asks for it."""

    adapters: Mapping[str, bool] = MappingProxyType({})
    lost_events: Mapping[tuple[str, LossReason], int] = MappingProxyType({})
    adapter_resets: Mapping[tuple[str, ResetOutcome], int] = MappingProxyType({})
    is_resetting = False
    silence: str | None = None

    def __init__(self, *, error: Exception | None = None, at_scan: int = 1, stops_in_s: float = 0.0) -> None:
        self._error = error
        self._at_scan = at_scan
        self._stops_in_s = stops_in_s
        self.started: list[float] = []

    def catch_up(self) -> None:
        """Do nothing: every packet is delivered at once."""

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Hear one packet of the living room's sensor, then listen until cancelled."""
        self.started.append(asyncio.get_running_loop().time())
        if self._error is not None and len(self.started) == self._at_scan:
            raise self._error
        started()
        if listener.wants(LIVING_ROOM):
            listener.handle(Advertisement(LIVING_ROOM, {UUID: PACKET_A}, -60))
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(self._stops_in_s)
