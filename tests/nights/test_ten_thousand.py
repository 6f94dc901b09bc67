"""
A list of 10,000 devices, the most that a configuration may have: the program starts with it, and is scraped.

The figures of a run depend on the machine; docs/performance.md has more. The test limits sizes, not times.
"""

import json
import re
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from ble_exporter.formats.bthome import UUID
from tests.nights import IS_LONG
from tests.program import running, write_config
from tests.service.house import packet

DEVICES = 10_000 if IS_LONG else 1000
"""The short form is a tenth of the list; the limits are for each device."""
MOST_KB_OF_A_DEVICE = 8
MOST_BYTES_OF_A_DEVICE = 700
START_KB = 70_000


@pytest.mark.night
@pytest.mark.program
def test_a_long_list_of_devices_is_served(tmp_path: Path) -> None:
    """Every device of a long list must be served; memory and scrapes may grow only in proportion to the list."""
    addresses = [f"A4:C1:38:{number >> 16:02X}:{number >> 8 & 255:02X}:{number & 255:02X}" for number in range(DEVICES)]
    air = tmp_path / "air.capture"
    lines = [
        f"{1 + number / DEVICES} {address} -60 {UUID} {packet(2000).hex()}\n"
        for number, address in enumerate(addresses)
    ]
    air.write_text("".join(lines))
    devices = {address: f"device {number}" for number, address in enumerate(addresses)}
    config = write_config(tmp_path, {"devices": devices, "stale_after_seconds": 3600, "scan_duration_seconds": 30})
    port = _port(config)
    began = time.monotonic()
    with running("--config", str(config), "--replay", str(air)) as process:
        while True:
            with suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60).close()
                break
        started_s = time.monotonic() - began
        decoded, has_all = 0.0, False
        # In one scrape, the readings may be some milliseconds older than the count, so all are in the next one.
        while not has_all:
            has_all = decoded >= DEVICES
            asked = time.monotonic()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
                body = answer.read().decode()
            scraped_s = time.monotonic() - asked
            decoded = float(re.findall(r"^ble_exporter_advertisements_decoded_total (\S+)$", body, re.MULTILINE)[0])
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=60) as answer:
            states = [device["state"] for device in json.loads(answer.read())["devices"]]
        rss_kb = int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[0])
    print(  # noqa: T201 - the figures are for the reader of a long run
        f"{DEVICES} devices: served after {started_s:.1f} s; {rss_kb} kB; a scrape of {len(body)} bytes in "
        f"{scraped_s:.2f} s"
    )

    temperatures = re.findall(r"^ble_sensor_temperature_celsius\{", body, re.MULTILINE)
    assert (DEVICES, ["heard"] * DEVICES) == (len(temperatures), states)
    assert rss_kb < START_KB + MOST_KB_OF_A_DEVICE * DEVICES
    assert len(body) < 100_000 + MOST_BYTES_OF_A_DEVICE * DEVICES


def _port(config: Path) -> int:
    """Return the port; reading the whole file with yaml takes longer than everything else."""
    return int(re.findall(r"^listen_port: (\d+)$", config.read_text(), re.MULTILINE)[0])
