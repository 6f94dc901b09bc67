"""The whole service from the radio to the scrape in one test; read this test first."""

import asyncio
import logging
import socket
from pathlib import Path

import aiohttp

from ble_exporter.config import load_config
from ble_exporter.formats.bthome import UUID
from ble_exporter.scanner import MockScanner
from ble_exporter.scanner.capture import Transmission
from ble_exporter.service import serve
from ble_exporter.tasks import Tasks
from tests.radios import InVirtualTime

LIVING_ROOM = ("A4:C1:38:00:00:01", bytes.fromhex("40 01 51 02 8d0a 03 8d11"))  # 81 %, 27.01 °C, 44.93 %
BEDROOM = ("A4:C1:38:00:00:02", bytes.fromhex("40 01 61 02 ca09 03 bf13"))  # 97 %, 25.06 °C, 50.55 %
CONFIG = f"""
scan_interval_seconds: 30
scan_duration_seconds: 5
devices: {{ "{LIVING_ROOM[0]}": living_room, "{BEDROOM[0]}": bedroom }}
"""


def test_a_scrape_shows_what_is_on_air(tmp_path: Path, in_virtual_time: InVirtualTime) -> None:
    """Prometheus must get correct values, and none of a silent sensor; systemd must be able to stop the service."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    Path(tmp_path, "config.yaml").write_text(f"{CONFIG}listen_address: 127.0.0.1\nlisten_port: {port}\n", "utf-8")
    # Both sensors send every 2 seconds, the living room's for 20 minutes, the bedroom's for 10.
    sent = sorted([(at, *LIVING_ROOM) for at in range(0, 1200, 2)] + [(at, *BEDROOM) for at in range(0, 600, 2)])
    radio = MockScanner(air=[Transmission(at, address, -60, {UUID: data}) for at, address, data in sent])

    async def get(path: str) -> list[str]:
        async with aiohttp.request("GET", f"http://127.0.0.1:{port}{path}", raise_for_status=True) as response:
            return (await response.text()).splitlines()

    async def scenario() -> None:
        stop = asyncio.Event()
        async with Tasks() as tasks:
            config = load_config(str(tmp_path / "config.yaml"))
            serving = tasks.start(serve(config, radio, logging.getLogger("test"), stop))
            await asyncio.sleep(300)  # in virtual time
            metrics = await get("/metrics")
            assert 'ble_sensor_temperature_celsius{device="living_room"} 27.01' in metrics
            assert 'ble_sensor_temperature_celsius{device="bedroom"} 25.06' in metrics
            assert 'ble_sensor_humidity_percent{device="bedroom"} 50.55' in metrics
            await asyncio.sleep(600)
            metrics = await get("/metrics")
            assert 'ble_sensor_temperature_celsius{device="living_room"} 27.01' in metrics
            of_bedroom = [line for line in metrics if line.startswith("ble_sensor_") and "bedroom" in line]
            assert ['ble_sensor_labels_info{device="bedroom"} 1.0'] == of_bedroom
            assert '"devices_seen": 1' in (await get("/status"))[0]
            assert ["ready"] == await get("/readyz")
            stop.set()  # SIGTERM does the same
            await serving
        socket.create_server(("127.0.0.1", port)).close()  # the port is free again

    in_virtual_time(scenario())
