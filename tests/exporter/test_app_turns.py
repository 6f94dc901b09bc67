"""How long an answer keeps the event loop, with a thousand devices."""

import asyncio
import gc
import threading
import time
import urllib.request
from collections.abc import Iterator

import pytest

from ble_exporter.config.app_config import AppConfig
from ble_exporter.exporter.app import create_app
from ble_exporter.exporter.connections import HttpServer
from ble_exporter.exporter.http_errors import HttpErrors
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.status.device_status import DeviceStatus
from tests.home import Home

LONGEST_S = 0.020
ACCEPTS = [{}, {"Accept-Encoding": "gzip"}, {"Accept": "application/openmetrics-text", "Accept-Encoding": "gzip"}]


@pytest.fixture(scope="module")
def home() -> Home:
    """A home with a thousand devices, each with eight measurements of the last hour."""
    home = Home(*(f"room {number} of the house" for number in range(1000)))
    for _ in range(60):
        home.now += 60
        hear_all(home)
    return home


@pytest.fixture(autouse=True)
def _only_these_objects() -> Iterator[None]:
    """As in the program, keep the garbage collector from looking at what was imported, here by thousands of tests."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def hear_all(home: Home) -> None:
    """Change every value of every device."""
    value = home.now / 1000
    names = ("temperature", "humidity", "battery", "voltage", "power", "opening", "count", "illuminance")
    for name in home.devices:
        home.hear(dict.fromkeys(names, value), device=name, packet_id=int(value) % 256)


async def longest_turn_s(home: Home, path: str, headers: dict[str, str]) -> float:
    """Return the longest time that the event loop's thread needs between two turns, until a request is answered."""
    config = AppConfig(30, 30, 8000, {device.address: device.name for device in home.devices.values()})
    status = DeviceStatus(home.devices.values(), home.clock)
    app = create_app(config, collectors={"readings": home.readings, "exporter": SelfMetrics()}, status=status)
    server = HttpServer(app, HttpErrors(), 0.2)
    await server.listen("127.0.0.1", 0)
    (port,) = server.ports
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    # The client has a thread of its own: what it needs to read the answer does not count.
    client = threading.Thread(target=lambda: urllib.request.urlopen(request, timeout=60).read())  # noqa: S310 - see above
    client.start()
    longest_s = 0.0
    while client.is_alive():
        began = time.thread_time()
        await asyncio.sleep(0)
        longest_s = max(longest_s, time.thread_time() - began)
    await server.close()
    return longest_s


@pytest.mark.parametrize("headers", ACCEPTS, ids=lambda headers: ", ".join(headers.values()) or "plain")
@pytest.mark.parametrize("path", ["/metrics", "/status", "/history", "/"])
def test_no_answer_keeps_the_radio_waiting(home: Home, path: str, headers: dict[str, str]) -> None:
    """A thousand devices send 400 packets a second, and bluetoothd's queue is finite."""
    attempts_s = []
    for _ in range(3):
        home.now += 1
        hear_all(home)
        attempts_s.append(asyncio.run(longest_turn_s(home, path, headers)))

    # Other processes on the same core lengthen any one of them.
    assert min(attempts_s) < LONGEST_S
