"""
The cost of many exporters for one Prometheus: `python -m bench.central_server`, or `make bench-fleet`, in 18 minutes.

One process runs all exporters (bench.exporters), each with a port of its own: the whole program, except the Bluetooth
stack. Two parts follow each other, each with a new Prometheus. In the first, all is as in docs/fleet.md: a scrape every
30 s, and all rules. In the second, time passes ten times as fast, with a scrape every 3 s and without rules, so that
the head has two hours of samples after 12 minutes: as many as in a block. A snapshot then writes them as a block, as
compaction does. The size of a block is measured by bench.block.
"""

import argparse
import http.client
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple
from urllib.parse import urlencode

from bench import block
from bench.__main__ import describe_machine
from bench.block import SCRAPE_S, Block, read_blocks
from bench.processes import PATIENCE_S, Process, free_port, get, running
from bench.report import Report, Table

ROOT = Path(__file__).parents[1]
SPEED = 10
_HEAD_S = 2 * 3600
_DAY_S = 86_400
_POLL_S = 2.0
_START_S = 900.0
_LOCALHOST = "127.0.0.1"
RESULTS = Table(
    "A central server",
    "RSS and CPU time are those of Prometheus. The first part has a scrape every 30 s and all rules, the second one "
    "ten times as many scrapes and no rules.",
    ("figure", "value"),
    (
        "series of all exporters",
        "series that the rules add",
        "a scrape, p50, ms",
        "a scrape, p99, ms",
        "rules of contrib/fleet, s for each evaluation",
        "rules of contrib/prometheus, s for each evaluation",
        "CPU time at 30 s with rules, s a minute",
        "RSS at 30 s with rules, MiB",
        "RSS after two hours of samples, MiB",
        "largest RSS, with the writing of a block, MiB",
        "bytes for each sample in a block's chunks",
        "bytes for each series in a block's index",
        "write-ahead log of two hours, MB",
        "disk for a day of the exporters' series, MB",
        "agent of one exporter: RSS, MiB",
        "agent of one exporter: disk for a day without the server, MB",
    ),
    "Memory, CPU time and disk space grow linearly with the number of series.",
)


class Server(NamedTuple):
    """A running Prometheus."""

    process: Process
    port: int
    folder: Path

    def value(self, expression: str) -> float:
        """Return the value of an expression; NaN if it has none."""
        answer = json.loads(get(self.port, f"/api/v1/query?{urlencode({'query': expression})}"))
        found = answer["data"]["result"]
        return float(found[0]["value"][1]) if found else float("nan")

    def durations_ms(self, seconds: float) -> list[float]:
        """Return how long each scrape in the last `seconds` took, in ms."""
        query = urlencode({"query": f"scrape_duration_seconds[{round(seconds)}s]"})
        series = json.loads(get(self.port, f"/api/v1/query?{query}"))["data"]["result"]
        return [1000 * float(value) for one in series for _, value in one["values"]]

    def snapshot(self) -> Block:
        """Write all samples as a block, as compaction does, and return its contents."""
        connection = http.client.HTTPConnection(_LOCALHOST, self.port, timeout=10 * PATIENCE_S)
        connection.request("POST", "/api/v1/admin/tsdb/snapshot")
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return read_blocks(self.folder / "data" / "snapshots" / answer["data"]["name"])


@contextmanager
def exporters(count: int, sensors: int, speed: float) -> Iterator[list[int]]:
    """Run exporters during the block, and yield their ports. Raises a TimeoutError if one of them hears no sensor."""
    with running("-m", "bench.exporters", str(count), str(sensors), str(speed)) as process:
        ports = [int(port) for port in process.read_line().split()]
        deadline = time.monotonic() + _START_S
        while not all(_has_heard(port) for port in ports):
            if process.has_ended or time.monotonic() > deadline:
                raise TimeoutError("not all exporters have heard a sensor")
            time.sleep(_POLL_S)
        yield ports


def _has_heard(port: int) -> bool:
    try:
        return b"ble_sensor_voltage_volts{" in get(port, "/metrics")
    except OSError:
        return False


@contextmanager
def prometheus(
    folder: Path, ports: Sequence[int], scrape_s: int, *, rules: bool = False, agent: bool = False
) -> Iterator[Server]:
    """
    Run Prometheus during the block, as a server or as an agent whose server can't be reached.

    Raises SystemExit if Prometheus is missing.
    """
    folder.mkdir()
    groups = [
        {"targets": [f"{_LOCALHOST}:{port}"], "labels": {"instance": f"pi-{number:03d}"}}
        for number, port in enumerate(ports)
    ]
    config: dict[str, object] = {
        "global": {"scrape_interval": f"{scrape_s}s", "scrape_timeout": f"{scrape_s}s"},
        "scrape_configs": [{"job_name": "ble", "static_configs": groups}],
    }
    if rules:
        config["global"] = {"scrape_interval": f"{scrape_s}s", "evaluation_interval": f"{scrape_s}s"}
        config["rule_files"] = [f"{ROOT}/contrib/fleet/ble_*.rules.yml", f"{ROOT}/contrib/prometheus/ble_*.rules.yml"]
    if agent:
        config["remote_write"] = [{"url": f"http://{_LOCALHOST}:{free_port()}/api/v1/write"}]
    (folder / "prometheus.json").write_text(json.dumps(config))
    port = free_port()
    options = ["--web.enable-admin-api", f"--storage.tsdb.path={folder / 'data'}"]
    if agent:
        options = ["--enable-feature=agent", f"--storage.agent.path={folder / 'data'}"]
    program = shutil.which("prometheus")
    if program is None:
        raise SystemExit("bench: Prometheus is missing (Debian: apt-get install prometheus)")
    common = [f"--config.file={folder / 'prometheus.json'}", f"--web.listen-address={_LOCALHOST}:{port}"]
    with running(*common, "--log.level=error", *options, program=program) as process:
        process.wait_for(port, "/-/ready", b"")
        yield Server(process, port, folder)


def wait(seconds: float, server: Server) -> float:
    """Wait, and return the largest resident memory of the server in this time, in MiB."""
    ends, largest = time.monotonic() + seconds, 0.0
    while time.monotonic() < ends:
        largest = max(largest, server.process.resident_mib())
        time.sleep(_POLL_S)
    return largest


def size(folder: Path) -> int:
    """Return the total size of all files in a folder, in bytes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def measure_calm(folder: Path, count: int, sensors: int, seconds: float) -> dict[str, float]:
    """Measure with a scrape every 30 s, and all rules; return the figures by name."""
    with exporters(count, sensors, 1) as ports, prometheus(folder / "calm", ports, SCRAPE_S, rules=True) as server:
        wait(2 * SCRAPE_S, server)
        began, cpu_s = time.monotonic(), server.process.cpu_s
        wait(seconds, server)
        used_s = (server.process.cpu_s - cpu_s) / (time.monotonic() - began)
        percentiles = quantiles(server.durations_ms(seconds), n=100)
        found = {
            "rules": server.value('count({__name__=~".+:.+:.+|ALERTS.*"})'),
            "p50": percentiles[49],
            "p99": percentiles[98],
            "cpu": 60 * used_s,
            "rss": server.process.resident_mib(),
        }
        groups = json.loads(get(server.port, "/api/v1/rules"))["data"]["groups"]
        for part in ("fleet", "prometheus"):
            found[part] = sum(one["evaluationTime"] for one in groups if f"/contrib/{part}/" in one["file"])
        return found


def measure_fast(folder: Path, count: int, sensors: int, seconds: float) -> dict[str, float]:
    """Measure, without rules, while two hours of samples arrive in a tenth of the time; return the figures by name."""
    interval_s = SCRAPE_S // SPEED
    with (
        exporters(count, sensors, SPEED) as ports,
        prometheus(folder / "fast", ports, interval_s) as server,
        prometheus(folder / "agent", ports[:1], interval_s, agent=True) as agent,
    ):
        wait(seconds, server)
        log_bytes = size(server.folder / "data" / "wal")
        agent_bytes = size(agent.folder / "data")
        rss = server.process.resident_mib()
        found = server.snapshot()
        scrapes = found.samples / found.series
        return {
            "series": found.series,
            "rss": rss,
            "peak": server.process.peak_mib(),
            "wal": log_bytes / scrapes * _HEAD_S / SCRAPE_S / 1e6,
            "agent_rss": agent.process.resident_mib(),
            "agent_day": agent_bytes / scrapes * _DAY_S / SCRAPE_S / 1e6,
        }


def main() -> int:
    """Print the machine, then the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.central_server", allow_abbrev=False)
    parser.add_argument("--exporters", type=int, default=200, help="default: 200")
    parser.add_argument("--sensors", type=int, default=50, help="of each exporter (default: 50)")
    parser.add_argument("--calm", type=float, default=180.0, metavar="SECONDS", help="of the first part (default: 180)")
    parser.add_argument("--fast", type=float, default=720.0, metavar="SECONDS", help="of the second (default: 720)")
    options = parser.parse_args()
    print(f"{describe_machine(('aiohttp', 'prometheus_client'))}\n")
    print(f"{options.exporters} exporters with {options.sensors} sensors each\n", flush=True)
    with tempfile.TemporaryDirectory() as name:
        calm = measure_calm(Path(name), options.exporters, options.sensors, options.calm)
        print(calm, flush=True)
        fast = measure_fast(Path(name), options.exporters, options.sensors, options.fast)
        print(fast, flush=True)
    written = block.measure()
    chunk, index = written.chunk_bytes / written.samples, written.index_bytes / written.series
    figures = (
        *(f"{fast['series']:,.0f}", f"{calm['rules']:,.0f}", f"{calm['p50']:.1f}", f"{calm['p99']:.1f}"),
        *(f"{calm['fleet']:.2f}", f"{calm['prometheus']:.2f}", f"{calm['cpu']:.1f}", f"{calm['rss']:.0f}"),
        *(f"{fast['rss']:.0f}", f"{fast['peak']:.0f}", f"{chunk:.2f}", f"{index:.0f}"),
        *(f"{fast['wal']:.0f}", f"{written.bytes_a_day(round(fast['series'])) / 1e6:,.0f}"),
        *(f"{fast['agent_rss']:.0f}", f"{fast['agent_day']:.1f}"),
    )
    Report().add(RESULTS, {row: (figure,) for row, figure in zip(RESULTS.rows, figures, strict=True)})
    print(f"Load average when it ended: {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
