"""
The program under siege: somebody tries to hold 1,600 connections to it, and it may open only 96 file descriptors.

The siege lasts half a minute; `make siege` sets SIEGE_SECONDS for a siege of ten minutes.
"""

import asyncio
import json
import os
import random
import re
import resource
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import Popen

import pytest
import yaml

from ble_exporter.scanner.simulation import Simulation
from tests.program import running, write_config

SECONDS = float(os.environ.get("SIEGE_SECONDS", "30"))
DESCRIPTORS = 96
OF_EACH_KIND = 400
DEVICES = {f"A4:C1:38:00:{number // 256:02X}:{number % 256:02X}": f"room {number}" for number in range(200)}
SCRAPE_EVERY_S = min(15.0, SECONDS / 6)
WATCHDOG_S = 10
# The short test runs at the same time as other tests, which use the processor too.
ANSWERED_WITHIN_S = 1 if SECONDS > 100 else 5
SEED = 1

HEAD = b"HTTP/1.1\r\nHost: 127.0.0.1\r\n"
KINDS = {
    "idle": b"",
    "half-sent": b"GET /metrics " + HEAD,
    "kept alive": b"GET /healthz " + HEAD + b"\r\n",
    "slow reader": b"GET /history " + HEAD + b"\r\n",
}


async def hold(port: int, request: bytes) -> None:
    """Hold a connection; when the server has ended it, wait and open another. An answer from /history is not read."""
    loop = asyncio.get_running_loop()
    while True:
        with socket.socket() as connection:
            connection.setblocking(False)
            # With a small receive buffer, most of the answer stays in the server.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            try:
                await loop.sock_connect(connection, ("127.0.0.1", port))
                await loop.sock_sendall(connection, request)
                if b"/history" in request:
                    # Longer than the server allows: a client that does not read can't notice the end of the connection.
                    await asyncio.sleep(40)
                else:
                    while await loop.sock_recv(connection, 4096):
                        pass
            except OSError:
                pass
        # Together, the clients open at most 160 new connections a second on average.
        await asyncio.sleep(random.uniform(5, 15))


class Besieged:
    """The program under siege, and what was observed."""

    def __init__(self, process: Popen[str], port: int, notifications: socket.socket) -> None:
        self.took_s: list[float] = []
        self.memory_kb: list[int] = []
        self.received: list[tuple[float, int]] = []
        self.fed_at: list[float] = []
        self.errors: dict[str, float] = {}
        self._process = process
        self._port = port
        self._notifications = notifications

    @property
    def is_running(self) -> bool:
        """Whether the program is still running."""
        return self._process.poll() is None

    def scrape(self) -> None:
        """Scrape as Prometheus does, and record the time, the program's memory and its counters."""
        began = time.monotonic()
        body = self.get("/metrics")
        self.took_s.append(time.monotonic() - began)
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        self.memory_kb.append(int(re.findall(r"VmRSS:\s+(\d+)", status)[0]))
        counted = dict(re.findall(r'^(ble_exporter_\w+(?:{kind="\w+"})?) (\S+)$', body, re.MULTILINE))
        self.received.append((began, int(float(counted["ble_exporter_advertisements_received_total"]))))
        self.errors = {name: float(count) for name, count in counted.items() if "http_errors" in name}

    def get(self, path: str) -> str:
        """Return the program's answer; raise an OSError if there is none within ten seconds."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    async def watch(self) -> None:
        """Record the times at which the program feeds systemd's watchdog."""
        loop = asyncio.get_running_loop()
        while True:
            if b"WATCHDOG=1" in await loop.sock_recv(self._notifications, 4096):
                self.fed_at.append(time.monotonic())

    async def endure(self) -> None:
        """Hold connections of every kind, and scrape meanwhile."""
        began = time.monotonic()
        besiegers = [
            asyncio.ensure_future(hold(self._port, request))  # noqa: TID251 - the siege, not the program
            for request in KINDS.values()
            for _ in range(OF_EACH_KIND)
        ]
        watching = asyncio.ensure_future(self.watch())  # noqa: TID251 - see above
        while time.monotonic() < began + SECONDS:
            await asyncio.sleep(SCRAPE_EVERY_S)
            await asyncio.to_thread(self.scrape)
        for task in [*besiegers, watching]:
            task.cancel()
        await asyncio.gather(*besiegers, watching, return_exceptions=True)  # noqa: TID251 - see above

    def catch_up(self) -> None:
        """After the siege, scrape until no packet is outstanding: the simulated radio sends late packets one by one."""
        deadline = time.monotonic() + 20
        self.scrape()
        while late_by_s(self)[-1] > 1 and time.monotonic() < deadline:
            self.scrape()


@pytest.fixture
def notifications(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket in place of systemd's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(str(tmp_path / "notify"))
        inbox.setblocking(False)
        yield inbox


@pytest.fixture
def _many_descriptors() -> Iterator[None]:
    """Allow this process, which holds all connections, as many file descriptors as it needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = len(KINDS) * OF_EACH_KIND + 200
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this user may have only {hard} file descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.program
@pytest.mark.usefixtures("_many_descriptors")
def test_a_siege_costs_no_scrape_no_packet_and_no_memory(tmp_path: Path, notifications: socket.socket) -> None:
    """Anybody on the network can hold connections, which must not cause gaps in graphs or a restart by the watchdog."""
    path = write_config(tmp_path, {"scan_duration_seconds": 30, "stale_after_seconds": "auto", "devices": DEVICES})
    port = yaml.safe_load(path.read_text())["listen_port"]
    environment = {"NOTIFY_SOCKET": str(notifications.getsockname()), "WATCHDOG_USEC": str(WATCHDOG_S * 1_000_000)}
    with running("--config", str(path), "--mock", "--mock-seed", str(SEED), **environment) as process:
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        besieged = Besieged(process, port, notifications)
        wait_until_heard(besieged)
        asyncio.run(besieged.endure())
        besieged.catch_up()
        process.terminate()
        _, err = process.communicate(timeout=60)

    report(besieged, err, tmp_path / "logs" / "x.log")
    assert max(besieged.took_s) < ANSWERED_WITHIN_S
    assert max(besieged.memory_kb) - besieged.memory_kb[0] < 20_000
    assert late_by_s(besieged)[-1] < 1
    gaps_s = [after - before for before, after in zip(besieged.fed_at, besieged.fed_at[1:], strict=False)]
    assert max(gaps_s) < WATCHDOG_S
    assert len(err) < 10_000
    assert 0 == process.returncode


def wait_until_heard(besieged: Besieged) -> None:
    """Wait until the program has heard its sensors, and has rendered every answer once."""
    while True:
        assert besieged.is_running
        with suppress(OSError):
            if json.loads(besieged.get("/status"))["devices"][-1]["packets"] > 3:
                break
    for path in ("/", "/history", "/metrics"):
        besieged.get(path)
    besieged.scrape()


def late_by_s(besieged: Besieged) -> list[float]:
    """
    Return, for each scrape, how many seconds the program is behind the simulated radio, relative to the first scrape.

    With its fixed seed, the radio always sends the same packets, so their number shows how far the program has come.
    """
    (began, first), *_, (_, last) = besieged.received
    moments = [one.at for one, _ in zip(Simulation(tuple(DEVICES), SEED).transmissions(), range(last), strict=False)]
    return [(at - began) - (moments[count - 1] - moments[first - 1]) for at, count in besieged.received]


def report(besieged: Besieged, err: str, log: Path) -> None:
    """Print the figures, which `make siege` shows."""
    gaps_s = [after - before for before, after in zip(besieged.fed_at, besieged.fed_at[1:], strict=False)]
    print(  # noqa: T201 - the figures are for the reader of a long run
        f"\n{SECONDS:g} s, {len(KINDS)} x {OF_EACH_KIND} connections, {DESCRIPTORS} descriptors: "
        f"{len(besieged.took_s) - 1} scrapes in {max(besieged.took_s):.3f} s at most; "
        f"memory {besieged.memory_kb[0]} kB, then {max(besieged.memory_kb)} kB at most; "
        f"{besieged.received[-1][1]} packets, at most {max(late_by_s(besieged)):.3f} s late, "
        f"at the end {late_by_s(besieged)[-1]:.3f} s; "
        f"watchdog fed every {max(gaps_s):.1f} s at most; standard error {len(err)} bytes; "
        f"log {log.stat().st_size} bytes; {besieged.errors}"
    )
