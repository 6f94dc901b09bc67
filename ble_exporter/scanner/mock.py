"""The radio without hardware, which plays a simulation, a capture file, or given packets."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from ble_exporter.errors import LossReason, ResetOutcome
from ble_exporter.formats.bthome import UUID
from ble_exporter.scanner.capture import Transmission
from ble_exporter.scanner.radio import Listener
from ble_exporter.scanner.simulation import Simulation

_TEST_ADDRESSES = ("A4:C1:38:00:00:01", "A4:C1:38:00:00:02", "A4:C1:38:00:00:03")
_GIVEN_RSSI = -60


class MockScanner:
    """
    Plays advertisements instead of receiving them.

    Args:
        data: Address and service data of packets; each scan plays all of them.
        air: The advertisements to play if there is no `data`, in chronological order; by default a simulation of three
            sensors.
        seed: Seed of the default simulation; the same seed gives the same packets.
        speed: How many seconds of `air` are played in one second.
    """

    adapters: Mapping[str, bool] = MappingProxyType({})
    # A simulated radio loses no events, and its silence is no failure.
    lost_events: Mapping[tuple[str, LossReason], int] = MappingProxyType({})
    adapter_resets: Mapping[tuple[str, ResetOutcome], int] = MappingProxyType({})
    is_resetting = False
    silence = None

    def __init__(
        self,
        data: Iterable[tuple[str, bytes]] | None = None,
        *,
        air: Iterable[Transmission] | None = None,
        seed: int | None = None,
        speed: float = 1.0,
    ) -> None:
        self._data = None if data is None else list(data)
        self._air = iter(Simulation(_TEST_ADDRESSES, seed).transmissions() if air is None else air)
        self._next = next(self._air, None)
        self._speed = speed
        self._switched_on: float | None = None
        self._scanned_s = 0.0

    def catch_up(self) -> None:
        """Do nothing: nothing waits to be delivered."""

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """
        Deliver `data` at once; without `data`, deliver each advertisement at its time, until cancelled or none is left.

        Advertisements between two runs are skipped.
        """
        started()
        if self._data is not None:
            for address, payload in self._data:
                self._deliver(listener, Transmission(0.0, address, _GIVEN_RSSI, {UUID: payload}))
            return
        now = asyncio.get_running_loop().time
        began = now()
        if self._switched_on is None:
            self._switched_on = began
        while self._next is not None:
            on_air_at = self._switched_on + self._next.at / self._speed
            if on_air_at >= began:
                # The times on air are fixed, so a late delivery does not delay the next one. With its age, an
                # advertisement has the same time of reception in each replay.
                await asyncio.sleep(on_air_at - now())
                self._deliver(listener, self._next, max(now() - on_air_at, 0.0) * self._speed)
            self._scanned_s = self._next.at
            self._next = next(self._air, None)

    async def scan(self, duration_s: float) -> list[tuple[str, bytes]]:
        """Return `data`, or the BTHome packets of the next `duration_s` seconds on air, without waiting for them."""
        if self._data is not None:
            return list(self._data)
        heard = []
        self._scanned_s += duration_s
        while self._next is not None and self._next.at < self._scanned_s:
            if UUID in self._next.service_data:
                heard.append((self._next.address, self._next.service_data[UUID]))
            self._next = next(self._air, None)
        return heard

    def _deliver(self, listener: Listener, sent: Transmission, age_s: float = 0.0) -> None:
        if listener.wants(sent.address.upper()):
            listener.handle(sent.advertisement(age_s))
