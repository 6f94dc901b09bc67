"""A fleet on local ports: exporters that hear one sensor, an agent, and a central server, with the shipped files."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import yaml

from .exporter import Scan, start_exporter
from .programs import LOCALHOST, Launch, Program, get, wait_until_ready
from .promtool import FLEET
from .server import SCRAPE_INTERVAL_S, Prometheus

SENSOR = "A4:C1:38:00:00:01"
_INTERVAL = f"{SCRAPE_INTERVAL_S}s"
# The maximum age of a sample in a query; it is short, so that a gap of a few seconds is visible.
LOOKBACK_S = 3 * SCRAPE_INTERVAL_S


class Place(NamedTuple):
    """An exporter's name, and how it hears the sensor. Each hears another temperature, so a sample shows its source."""

    name: str
    rssi_dbm: int
    celsius: int


ATTIC, CELLAR, SHED = PLACES = (Place("attic", -50, 20), Place("cellar", -65, 21), Place("shed", -80, 22))


def capture(place: Place, seconds: int) -> str:
    """Return a capture of the sensor, which measures once a second."""
    celsius = (100 * place.celsius).to_bytes(2, "little").hex()
    return "".join(
        f"{second}.00 {SENSOR} {place.rssi_dbm} fcd2 4000{second % 256:02x}02{celsius}\n" for second in range(seconds)
    )


def start_places(launch: Launch, folder: Path, ports: dict[str, int], seconds: int) -> dict[str, Program]:
    """Start an exporter at each place; each hears the sensor for `seconds`. Return the programs by place."""
    programs = {}

    def start(name: str, command: Sequence[str | Path], own: Path) -> Program:
        programs[own.name] = program = launch(name, command, own)
        return program

    for place in PLACES:
        own = folder / place.name
        own.mkdir()
        heard = capture(place, seconds)
        scan = Scan(seconds, seconds)
        start_exporter(start, own, ports[place.name], devices={SENSOR: "kitchen"}, scan=scan, capture=heard)
    return programs


class Agent(NamedTuple):
    """A running Prometheus in agent mode."""

    port: int

    def metric(self, name: str) -> float:
        """Return the value of a metric of the agent; 0 if it is missing."""
        found = re.search(rf"^{name}(?:\{{.*\}})? (\S+)$", get(self.port, "/metrics").body, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def lag_s(self) -> float:
        """Return by how many seconds the newest sample that was sent is older than the newest sample on the disk."""
        prefix = "prometheus_remote_storage_"
        newest, sent = (f"{prefix}highest_timestamp_in_seconds", f"{prefix}queue_highest_sent_timestamp_seconds")
        return self.metric(newest) - self.metric(sent)


def start_agent(
    launch: Launch, program: Path, folder: Path, ports: dict[str, int], places: Sequence[Place], *options: str
) -> tuple[Agent, Program]:
    """Start Prometheus in agent mode, with the shipped configuration and the flags of docs/fleet.md."""
    config: dict[str, Any] = yaml.safe_load((FLEET / "agent.yml").read_text(encoding="utf-8"))
    config["global"]["scrape_interval"] = _INTERVAL
    exporters, itself = config["scrape_configs"]
    exporters["static_configs"] = [
        {"targets": [f"{LOCALHOST}:{ports[place.name]}"], "labels": {"instance": place.name}} for place in places
    ]
    itself["static_configs"] = [{"targets": [f"{LOCALHOST}:{ports['agent']}"], "labels": {"instance": "house"}}]
    (remote,) = config["remote_write"]
    remote["url"] = f"http://{LOCALHOST}:{ports['server']}/api/v1/write"
    del remote["basic_auth"]
    # Shortened like the scrape interval, which is 1 s here instead of 30 s; the default is 5 s.
    remote["queue_config"]["batch_send_deadline"] = "100ms"
    file = folder / "agent.yml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    command: list[str | Path] = [
        program,
        "--enable-feature=agent",
        f"--config.file={file}",
        "--storage.agent.retention.max-time=1d",
        f"--storage.agent.path={folder / 'agent'}",
        f"--web.listen-address={LOCALHOST}:{ports['agent']}",
        *options,
    ]
    running = launch("agent", command, folder)
    wait_until_ready(running, ports["agent"], "/-/ready")
    return Agent(ports["agent"]), running


def start_server(
    launch: Launch, program: Path, folder: Path, ports: dict[str, int], name: str
) -> tuple[Prometheus, Program]:
    """
    Start the central server with the shipped configuration, in which only times, paths and addresses are changed.

    It scrapes the shed, which a file lists, and the barn, which an inventory lists over HTTP, and which does not exist.
    """
    text = (FLEET / "prometheus.yml").read_text(encoding="utf-8")
    changes = {
        "30s": _INTERVAL,
        "/etc/prometheus/ble_*": f"{FLEET}/ble_*",
        "/etc/prometheus/targets.json": f"{folder}/targets.json",
        "http://localhost:8080/ble/targets": f"http://{LOCALHOST}:{ports['inventory']}/ble/targets",
    }
    for shipped, changed in changes.items():
        assert shipped in text, shipped
        text = text.replace(shipped, changed)
    config = folder / "prometheus.yml"
    config.write_text(text, encoding="utf-8")
    (folder / "targets.json").write_text(targets("shed", ports["shed"]), encoding="utf-8")
    command: list[str | Path] = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'server'}",
        f"--web.listen-address={LOCALHOST}:{ports['server']}",
        "--web.enable-remote-write-receiver",
        f"--query.lookback-delta={LOOKBACK_S}s",
    ]
    running = launch(name, command, folder)
    wait_until_ready(running, ports["server"], "/-/ready")
    return Prometheus(ports["server"]), running


def targets(name: str, port: int) -> str:
    """Return a list of one target in the form of the shipped one."""
    (shipped, *_) = json.loads((FLEET / "targets.json").read_text(encoding="utf-8"))
    assert ["__exporter"] == list(shipped["labels"])
    return json.dumps([{"targets": [f"{LOCALHOST}:{port}"], "labels": {"__exporter": name}}])


@contextmanager
def inventory(port: int, answer: str) -> Iterator[None]:
    """Serve an inventory that answers each request with the same targets."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name of the base class
            """Write nothing to the output of the tests."""

    server = ThreadingHTTPServer((LOCALHOST, port), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
