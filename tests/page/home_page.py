"""A home with sensors and the exporter's application, on a clock that a test advances."""

import asyncio
import logging
import threading
from collections.abc import Coroutine, Mapping
from pathlib import Path

from aiohttp import web

from ble_exporter.config.app_config import AppConfig
from ble_exporter.device.rhythm import fixed_limit
from ble_exporter.errors import RejectReason
from ble_exporter.exporter.app import create_app
from ble_exporter.exporter.connections import HttpServer
from ble_exporter.exporter.http_errors import HttpErrors
from ble_exporter.exporter.web_file import WebFile
from ble_exporter.status.device_status import DeviceStatus
from ble_exporter.status.liveness import Liveness
from tests.data import named
from tests.home import Home

LOCALHOST = "127.0.0.1"
_ONE_DAY_S = 86_400.0
START_S = 5020.0
"""In monotonic seconds; late in a minute, so that `spend_an_hour` sends its first two packets in the next minute."""


class HomePage:
    """
    A home, and the server of its page. Values expire after ten minutes.

    Args:
        names: The devices' names.
        prefix: The path below which a reverse proxy would serve the page, such as "/ble"; by default, there is none.
        is_ready: Whether a scan has ended, so that the exporter is ready.
        web_config: The path of the web configuration, for TLS and passwords.

    Attributes:
        names: The devices' names.
    """

    def __init__(self, *names: str, prefix: str = "", is_ready: bool = True, web_config: Path | None = None) -> None:
        self.names = names
        self._home = Home(*names, limit=fixed_limit(600))
        self._home.now = START_S
        self._prefix = prefix
        self._liveness = Liveness(_ONE_DAY_S, _ONE_DAY_S, lambda: self.now)
        if is_ready:
            self.end_scan()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._web_file = WebFile(str(web_config), logging.getLogger("test")) if web_config else None
        self._server: HttpServer | None = None
        self._port = 0
        self._thread.start()
        self.open()

    @property
    def now(self) -> float:
        """The exporter's clock, in monotonic seconds."""
        return self._home.now

    @now.setter
    def now(self, now_s: float) -> None:
        self._home.now = now_s

    @property
    def url(self) -> str:
        """The address of the page."""
        scheme = "https" if self._web_file else "http"
        return f"{scheme}://{LOCALHOST}:{self._port}{self._prefix}/"

    def hear(self, device: str, others: Mapping[str, int | str | bytes] | None = None, **measurements: float) -> None:
        """Send a packet from a device, with these values, now."""
        self._home.hear(measurements, device=device, adapter="hci0", others=others)

    def rename(self, **names: str) -> None:
        """Give devices other names, as a reload of the configuration does."""
        for old, new in names.items():
            self._home.devices[old].name = new

    def remove(self, device: str) -> None:
        """Remove a device, as a reload of the configuration does."""
        del self._home.devices[device]

    def label(self, device: str, **labels: str) -> None:
        """Give a device labels, as a configuration does."""
        self._home.devices[device].configured_labels = labels

    def refuse(self, device: str, reason: RejectReason) -> None:
        """Record that a packet of a device was refused for this reason."""
        self._home.devices[device].refuse(reason, self.now)

    def calibrate(self, device: str, **offsets: float) -> None:
        """Give a device offsets, as a configuration does."""
        self._home.devices[device].offsets = named(offsets)

    def end_scan(self) -> None:
        """End a scan now; the next one is not due during the test."""
        self._liveness.scan_started()
        self._liveness.scan_ended()

    def spend_an_hour(self, device: str) -> None:
        """Advance the clock by an hour in which a device sends two packets a minute, except in the third quarter."""
        for step in range(120):
            self.now += 30
            if not 60 <= step < 90:
                self.hear(device, temperature=20 + 2 * (step % 40) / 40, humidity=40 + step / 10, battery=81)

    def open(self) -> None:
        """Start serving; after `close`, use the same port as before."""
        self._do(self._serve())

    def close(self) -> None:
        """Stop serving, as if the exporter had ended."""
        if self._server is not None:
            self._do(self._server.close())
            self._server = None

    def end(self) -> None:
        """Stop serving, and end the thread."""
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        devices = self._home.devices.values()
        config = AppConfig(30, 30, 8000, {device.address: device.name for device in devices})
        status = DeviceStatus(devices, self._home.clock)
        app = create_app(
            config,
            collectors={"readings": self._home.readings},
            liveness=self._liveness,
            status=status,
            web_file=self._web_file,
        )
        if self._prefix:
            outer = web.Application()
            outer.add_subapp(self._prefix, app)
            app = outer
        self._server = HttpServer(app, HttpErrors(), 0, web_file=self._web_file)
        await self._server.listen(LOCALHOST, self._port)
        (self._port,) = self._server.ports

    def _do(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
