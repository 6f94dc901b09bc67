"""A house of devices behind the exporter's own application, on a clock that a test moves."""

import asyncio
import threading
from collections.abc import Coroutine, Mapping

from aiohttp import web

from ble_exporter.config.app_config import AppConfig
from ble_exporter.errors import RejectReason
from ble_exporter.exporter.app import StatusTracker, create_app
from ble_exporter.metrics.readings import Readings
from ble_exporter.model import Reading
from ble_exporter.status.device_status import Roster
from tests.data import named

LOCALHOST = "127.0.0.1"
_START_S = 1_000_000.0


class House:
    """
    Some devices, and the server that tells of them.

    Args:
        names: The devices' names.
        prefix: The path under which all is served, as behind a reverse proxy: "" or "/ble".

    Attributes:
        now: The exporter's clock, in seconds.
        url: Where the page is.
    """

    def __init__(self, *names: str, prefix: str = "") -> None:
        self.now = _START_S
        self.names = names
        self._devices = {
            f"A4:C1:38:00:{number // 256:02X}:{number % 256:02X}": name for number, name in enumerate(names)
        }
        self._readings = Readings(600, lambda: self.now)
        self._roster = Roster(self._devices, self._readings, lambda: self.now)
        self._tracker = StatusTracker(30, 30)
        self._prefix = prefix
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._thread.start()
        self.open()

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{LOCALHOST}:{self._port}{self._prefix}/"

    def hear(self, device: str, others: Mapping[str, int | str | bytes] | None = None, **measurements: float) -> None:
        """Let a device be heard now."""
        heard_at = 1.7e9 + self.now
        said = named(others or {})
        reading = Reading(device, named(measurements), heard_at, -60, adapter="hci0", others=said)
        self._readings.update(reading)
        self._roster.hear(reading)

    def refuse(self, device: str, reason: RejectReason) -> None:
        """Let a device be heard, and not believed."""
        self._roster.refuse(device, reason)

    def spend_an_hour(self, device: str) -> None:
        """Let a device be heard twice a minute for an hour, but for a quarter of it."""
        for step in range(120):
            self.now += 30
            if not 60 <= step < 90:
                self.hear(device, temperature=20 + 2 * (step % 40) / 40, humidity=40 + step / 10, battery=81)

    def open(self) -> None:
        """Serve; after `close`, on the same port as before."""
        self._do(self._serve())

    def close(self) -> None:
        """Be gone, as a program that ended is."""
        if self._runner is not None:
            self._do(self._runner.cleanup())
            self._runner = None

    def end(self) -> None:
        """Be gone for good."""
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        config = AppConfig(30, 30, 8000, self._devices)
        app = create_app(config, self._tracker, {"readings": self._readings}, roster=self._roster)
        if self._prefix:
            outer = web.Application()
            outer.add_subapp(self._prefix, app)
            app = outer
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOCALHOST, self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    def _do(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
