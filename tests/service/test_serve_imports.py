"""The modules that the service imports: each takes memory as long as the program runs, even if it is never used."""

import subprocess
import sys

import pytest

from tests.conftest import HERE

OPTIONAL = {
    "statistics",
    "ble_exporter.config.web_config",
    "ble_exporter.device.replay",
    "ble_exporter.exporter.passwords",
    "ble_exporter.exporter.tls",
    "ble_exporter.exporter.web_file",
    "ble_exporter.scanner.capture",
    "ble_exporter.scanner.healing",
    "ble_exporter.scanner.mock",
    "ble_exporter.scanner.multi_adapter",
    "ble_exporter.scanner.simulation",
}
SERVICE = """
import asyncio, logging, sys
from types import MappingProxyType
import ble_exporter.main
from ble_exporter.config.app_config import AppConfig
from ble_exporter.scanner import RadioSettings, build_radio
from ble_exporter.service import serve

class Radio:
    adapters = lost_events = adapter_resets = MappingProxyType({})
    silence, is_resetting = None, False

    def catch_up(self):
        pass

    async def run(self, listener, started):
        started()
        await asyncio.Event().wait()

async def run():
    build_radio(RadioSettings())
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.1, stop.set)
    config = AppConfig(30, 30, 0, {"A4:C1:38:00:00:01": "attic"}, listen_address="127.0.0.1")
    await serve(config, Radio(), logging.getLogger(), stop)
    print(*sys.modules)

asyncio.run(run())
"""


@pytest.mark.program
def test_a_service_without_keys_tls_and_capture_does_not_import_their_modules() -> None:
    """On a Pi with 512 MB, the exporter must leave memory to other programs; the modules of OPTIONAL took 1 MB."""
    out = subprocess.run(
        [sys.executable, "-c", SERVICE], capture_output=True, text=True, cwd=HERE.parent, check=True
    ).stdout

    assert "ble_exporter.exporter.app" in out.split()
    assert not OPTIONAL & set(out.split())
