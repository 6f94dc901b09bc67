"""
The program under reloads, resets of the adapter, scrapes, and hostile senders and clients, all at once.

`make nights` soaks it for an hour, or for SOAK_SECONDS; the short form takes ten seconds.
"""

import asyncio
import json
import math
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

import pytest
import yaml

from tests.nights import IS_LONG
from tests.nights.soak_program import SENSORS, VICTIMS
from tests.program import PATIENCE_S, ROOT, write_config
from tests.service.test_serve_siege import KINDS, hold

SECONDS = float(os.environ.get("SOAK_SECONDS", "3600" if IS_LONG else "10"))
WARM_UP_S = min(600.0, SECONDS / 3)
SCRAPE_EVERY_S = 15.0 if IS_LONG else 0.5
RELOAD_EVERY_S = 20.0 if IS_LONG else 1.0
CLIENTS_OF_A_KIND = 25
MOST_GROWTH_KB = 3000 if IS_LONG else 5000
RELOADED = SENSORS[-10:]
"""These sensors are removed by every other reload, and added by the next."""
KEPT = {address: f"room {number}" for number, address in enumerate(SENSORS) if address not in RELOADED}
ALL = KEPT | {address: f"new {address[-2:]}" for address in RELOADED}
GARBAGE = [
    b"\0" * 99,
    b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"POST /-/quit HTTP/1.1\r\n\r\n",
    b"GET /" + b"x" * 9999,
]


class Sample(NamedTuple):
    """The resources of the program at one time."""

    at_s: float
    rss_kb: int
    descriptors: int
    threads: int


class Soaked:
    """The running program."""

    def __init__(self, process: Popen[str], config: Path) -> None:
        self.process = process
        self.config = config
        self.port = int(yaml.safe_load(config.read_text())["listen_port"])
        self.samples: list[Sample] = []
        self.longest_s = 0.0
        self._began = math.inf

    def scrape(self) -> dict[str, float]:
        """Return the samples of a scrape, and record how long it took."""
        began = time.monotonic()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=PATIENCE_S) as answer:
            found = re.findall(r"^(\S+?(?:\{.*\})?) (\S+)$", answer.read().decode(), re.MULTILINE)
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        return {name: float(value) for name, value in found}

    def sample(self) -> None:
        """Record the resources."""
        folder = Path(f"/proc/{self.process.pid}")
        status = dict(re.findall(r"^(VmRSS|Threads):\s+(\d+)", (folder / "status").read_text(), re.MULTILINE))
        descriptors = len(list((folder / "fd").iterdir()))
        self.samples.append(
            Sample(time.monotonic() - self._began, int(status["VmRSS"]), descriptors, int(status["Threads"]))
        )

    def reload(self, devices: dict[str, str]) -> None:
        """Write the configuration with these devices, and let the program read it."""
        settings = yaml.safe_load(self.config.read_text()) | {"devices": devices}
        beside = self.config.with_suffix(".new")
        beside.write_text(yaml.safe_dump(settings))
        beside.replace(self.config)
        self.process.send_signal(signal.SIGHUP)

    async def soak(self) -> None:
        """Reload and scrape, while the clients send their requests."""
        clients = [
            asyncio.ensure_future(one)  # noqa: TID251 - not tasks of the program
            for _ in range(CLIENTS_OF_A_KIND)
            for one in [*(hold(self.port, request) for request in KINDS.values()), send_garbage(self.port)]
        ]
        reload_s = self._began = time.monotonic()
        reloads = 0
        while time.monotonic() < self._began + SECONDS:
            await asyncio.sleep(SCRAPE_EVERY_S)
            await asyncio.to_thread(self.scrape)
            self.sample()
            if time.monotonic() >= reload_s + RELOAD_EVERY_S:
                reload_s = time.monotonic()
                reloads += 1
                self.reload(KEPT if reloads % 2 else ALL)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)  # noqa: TID251 - see above


async def send_garbage(port: int) -> None:
    """Send bad requests, again and again."""
    loop = asyncio.get_running_loop()
    while True:
        with suppress(OSError), socket.socket() as connection:
            connection.setblocking(False)
            await loop.sock_connect(connection, ("127.0.0.1", port))
            await loop.sock_sendall(connection, random.choice(GARBAGE))
            await loop.sock_recv(connection, 4096)
        await asyncio.sleep(random.uniform(0.5, 2))


@contextmanager
def soaking(folder: Path) -> Iterator[Soaked]:
    """Run the program with the hostile radio."""
    config = write_config(folder, {"scan_duration_seconds": 30, "stale_after_seconds": "auto", "devices": ALL})
    command = [sys.executable, "-m", "tests.nights.soak_program", str(folder / "counts.json"), "--config", str(config)]
    with Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Soaked(process, config)
        finally:
            process.kill()


def value(samples: dict[str, float], name: str) -> int:
    """Return the sum of the exporter's counters with this name."""
    return int(sum(one for key, one in samples.items() if key.partition("{")[0] == f"ble_exporter_{name}_total"))


@pytest.mark.night
@pytest.mark.program
def test_a_soak_loses_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    """Every packet heard is counted, whatever else happens; and the use of memory and descriptors does not grow."""
    counts = tmp_path / "counts.json"
    with soaking(tmp_path) as soaked:
        while True:
            with suppress(OSError):
                soaked.scrape()
                break
        soaked.sample()
        asyncio.run(soaked.soak())
        soaked.process.send_signal(signal.SIGUSR1)
        while not counts.exists():
            soaked.scrape()
        after = soaked.scrape()
        while soaked.samples[-1].descriptors > soaked.samples[0].descriptors + 1:
            # The clients have closed their connections, which the program has not noticed yet.
            soaked.scrape()
            soaked.sample()
        soaked.process.terminate()
        _, told = soaked.process.communicate(timeout=PATIENCE_S)
    delivered: dict[str, int] = json.loads(counts.read_text())
    settled = [one for one in soaked.samples if one.at_s >= WARM_UP_S]
    log_bytes = sum(one.stat().st_size for one in (tmp_path / "logs").iterdir())
    print(  # noqa: T201 - the figures are for the reader of a long run
        f"\n{SECONDS:g} s: {sum(delivered.values())} packets, {value(after, 'adapter_resets')} resets, "
        f"{len(soaked.samples)} scrapes in {soaked.longest_s:.3f} s at most; memory {settled[0].rss_kb} kB after the "
        f"warm-up, {settled[-1].rss_kb} kB at the end, {max(settled).rss_kb} kB at most; descriptors "
        f"{soaked.samples[0].descriptors}, {max(one.descriptors for one in settled)} at most, "
        f"{settled[-1].descriptors} at the end; log {log_bytes} bytes"
    )

    assert (0, "") == (soaked.process.returncode, told)
    assert sum(delivered.values()) == value(after, "advertisements_received")
    assert delivered["?"] == value(after, "advertisements_unknown_device")
    of_devices = value(after, "advertisements_decoded") + value(after, "advertisements_rejected")
    assert sum(delivered.values()) - delivered["?"] == of_devices
    assert {KEPT[address]: delivered[address] for address in KEPT if address not in VICTIMS} == {
        KEPT[address]: after[f'ble_sensor_packets_received_total{{device="{KEPT[address]}"}}']
        for address in KEPT
        if address not in VICTIMS
    }
    assert settled[-1].rss_kb - settled[0].rss_kb < MOST_GROWTH_KB
    assert {settled[0].threads} == {one.threads for one in settled[-3:]}
    assert log_bytes < 4_000_000
