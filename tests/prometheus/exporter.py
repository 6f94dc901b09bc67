"""The exporter as a subprocess."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from .programs import LOCALHOST, Launch, get, wait_until_ready


class Exporter(NamedTuple):
    """A running exporter."""

    port: int

    def exposition(self) -> str:
        """Return the content of /metrics in the text format."""
        return get(self.port, "/metrics").body

    def series(self) -> Iterator[tuple[dict[str, str], float]]:
        """Yield the series of /metrics: labels, with the metric as `__name__`, and value."""
        for family in text_string_to_metric_families(self.exposition()):
            for sample in family.samples:
                yield {"__name__": sample.name, **sample.labels}, sample.value

    def status(self) -> dict[str, Any]:
        """Return the content of /status."""
        status: dict[str, Any] = json.loads(get(self.port, "/status").body)
        return status


class Scan(NamedTuple):
    """The interval and the duration of an exporter's scans."""

    interval_s: float
    duration_s: float


def start_exporter(
    launch: Launch,
    folder: Path,
    port: int,
    *,
    devices: Mapping[str, str],
    scan: Scan,
    capture: str | None = None,
    labels: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    module: str = "ble_exporter",
    options: Sequence[str] = (),
    settings: str = "",
    is_protected: bool = False,
) -> Exporter:
    """
    Start an exporter, and wait until it serves.

    Args:
        launch: The function that starts a program.
        folder: The folder for the exporter's files; its name becomes part of the program's name.
        port: The port of its HTTP server.
        devices: Address → name.
        scan: The interval and the duration of its scans.
        capture: The content of a capture file; None for a simulation with a fixed seed.
        labels: Address → labels, for devices that have some.
        module: The module that runs as the exporter.
        options: More command-line options.
        settings: More lines of the configuration.
        is_protected: Whether it requires TLS or a password; this function then does not wait until it serves.
    """
    config = folder / "config.yaml"
    entries = {
        address: {"name": name, "labels": labels[address]} if address in labels else name
        for address, name in devices.items()
    }
    config.write_text(
        f'listen_address: "{LOCALHOST}"\n'
        f"listen_port: {port}\n"
        f"scan_interval_seconds: {scan.interval_s}\n"
        f"scan_duration_seconds: {scan.duration_s}\n"
        'log_file: "-"\n'
        f"devices: {json.dumps(entries)}\n"
        f"{settings}",
        encoding="utf-8",
    )
    radio: list[str | Path] = ["--mock", "--mock-seed", "1"]
    if capture is not None:
        recorded = folder / "capture.txt"
        recorded.write_text(capture, encoding="utf-8")
        radio = ["--replay", recorded]
    command = [sys.executable, "-m", module, "--config", config, *radio, *options]
    program = launch(f"exporter-{folder.name}", command, folder)
    if not is_protected:
        wait_until_ready(program, port, "/healthz")
    return Exporter(port)
