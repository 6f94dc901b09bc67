"""The exporter as a process of its own."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from .programs import LOCALHOST, Launch, get, wait_until_ready


class Exporter(NamedTuple):
    """A running exporter."""

    port: int

    def exposition(self) -> str:
        """Return /metrics, in the text format."""
        return get(self.port, "/metrics").body

    def series(self) -> Iterator[tuple[dict[str, str], float]]:
        """Read /metrics: labels, with the metric as `__name__`, and value of each series."""
        for family in text_string_to_metric_families(self.exposition()):
            for sample in family.samples:
                yield {"__name__": sample.name, **sample.labels}, sample.value

    def status(self) -> dict[str, Any]:
        """Return /status."""
        status: dict[str, Any] = json.loads(get(self.port, "/status").body)
        return status


class Scan(NamedTuple):
    """How often, and for how long, an exporter scans."""

    interval_s: float
    duration_s: float


def start_exporter(
    launch: Launch, folder: Path, port: int, *, devices: Mapping[str, str], scan: Scan, capture: str | None = None
) -> Exporter:
    """
    Start an exporter, and wait until it serves.

    Args:
        launch: Starts a program.
        folder: Where its files go; it also gives the process its name.
        port: Where it serves.
        devices: Address to name.
        scan: Interval and duration.
        capture: What it hears; None is the simulation, always the same.
    """
    config = folder / "config.yaml"
    config.write_text(
        f'listen_address: "{LOCALHOST}"\n'
        f"listen_port: {port}\n"
        f"scan_interval_seconds: {scan.interval_s}\n"
        f"scan_duration_seconds: {scan.duration_s}\n"
        'log_file: "-"\n'
        f"devices: {json.dumps(devices)}\n",
        encoding="utf-8",
    )
    radio: list[str | Path] = ["--mock", "--mock-seed", "1"]
    if capture is not None:
        recorded = folder / "capture.txt"
        recorded.write_text(capture, encoding="utf-8")
        radio = ["--replay", recorded]
    command = [sys.executable, "-m", "ble_exporter", "--config", config, *radio]
    program = launch(f"exporter-{folder.name}", command, folder)
    wait_until_ready(program, port, "/healthz")
    return Exporter(port)
