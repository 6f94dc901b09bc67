"""
The longest time for which one answer blocks the event loop, measured as CPU time of the loop's thread.

While the loop is blocked, no advertisement is handled, but a thousand devices send 400 packets a second.
"""

import asyncio
import gc
import threading
import time
import urllib.request
from statistics import median

from bench.report import Report, Table
from ble_exporter.config.app_config import AppConfig
from ble_exporter.device import Device
from ble_exporter.device.clock import Clock
from ble_exporter.exporter.app import create_app
from ble_exporter.exporter.connections import HttpServer
from ble_exporter.exporter.http_errors import HttpErrors
from ble_exporter.formats.measurement import Measurement
from ble_exporter.metrics.readings import Readings
from ble_exporter.model import Advertisement, Reading
from ble_exporter.status.device_status import DeviceStatus

DEVICES = 1_000
AIM = "20 ms or less"
_ROUNDS = 5
_NAMES = ("temperature", "humidity", "battery", "voltage", "power", "opening", "count", "illuminance")
_ACCEPTS: dict[str, dict[str, str]] = {
    "plain": {},
    "gzip": {"Accept-Encoding": "gzip"},
    "OpenMetrics, gzip": {"Accept": "application/openmetrics-text", "Accept-Encoding": "gzip"},
}
_CASES = (
    *(("/metrics", accept) for accept in _ACCEPTS),
    *((path, accept) for path in ("/status", "/history", "/") for accept in ("plain", "gzip")),
)

TABLES = (
    Table(
        "The longest turn of the event loop",
        f"The most CPU time that one turn of the event loop takes for an answer, with {DEVICES:,} devices that have "
        f"{len(_NAMES)} new values each. Aim: {AIM}.",
        ("answer", "median ms", "longest ms"),
        tuple(f"{path}, {accept}" for path, accept in _CASES),
        "The times are constant: the work is split into pieces, and only the number of pieces grows with the number of "
        "devices.",
    ),
)


class _Home:
    """Devices with the values of an hour, on a clock that the benchmark sets."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.clock = Clock(lambda: self.now_s, lambda: self.now_s)
        self.devices = [
            Device(f"room {number}", f"A4:C1:38:00:{number // 256:02X}:{number % 256:02X}") for number in range(DEVICES)
        ]
        self.readings = Readings(self.devices, self.clock)
        for _ in range(60):
            self.hear_all(60)

    def hear_all(self, after_s: float) -> None:
        """Change every value of every device."""
        self.now_s += after_s
        reading = Reading({Measurement(name): self.now_s / 1000 for name in _NAMES}, {}, int(self.now_s) % 256)
        for device in self.devices:
            device.update(Advertisement(device.address, {}, -60), reading, self.now_s)


async def _longest_turn_s(home: _Home, path: str, headers: dict[str, str]) -> float:
    """Return the CPU time of the event loop's longest turn while a request is answered."""
    config = AppConfig(30, 30, 8000, {device.address: device.name for device in home.devices})
    app = create_app(config, collectors={"readings": home.readings}, status=DeviceStatus(home.devices, home.clock))
    server = HttpServer(app, HttpErrors(), 0.2)
    await server.listen("127.0.0.1", 0)
    (port,) = server.ports
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    # The client has a thread of its own, so that the time it takes to read the answer does not count.
    client = threading.Thread(target=lambda: urllib.request.urlopen(request, timeout=60).read())  # noqa: S310 - loopback
    client.start()
    longest_s = 0.0
    while client.is_alive():
        began = time.thread_time()
        await asyncio.sleep(0)
        longest_s = max(longest_s, time.thread_time() - began)
    await server.close()
    return longest_s


def run(report: Report) -> None:
    """Measure the longest turn for each path and encoding, and print the table."""
    home = _Home()
    # After its first scan, the program also excludes its objects from later collections.
    gc.collect()
    gc.freeze()
    cells = {}
    for path, accept in _CASES:
        turns_ms = []
        for _ in range(_ROUNDS):
            home.hear_all(1)
            turns_ms.append(1e3 * asyncio.run(_longest_turn_s(home, path, _ACCEPTS[accept])))
        cells[f"{path}, {accept}"] = (f"{median(turns_ms):.1f}", f"{max(turns_ms):.1f}")
    gc.unfreeze()
    report.add(TABLES[0], cells)
