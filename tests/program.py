"""The program as a subprocess, for the tests of the command line."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.conftest import HERE

ROOT = HERE.parent
# A generous limit for a loaded machine; no passing test waits this long. test_serve.py and the radio rig check that the
# program ends within a second.
PATIENCE_S = 60


def write_config(folder: Path, changes: dict[str, object]) -> Path:
    """Write a configuration file into a folder, with some keys changed; return its path."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    keys: dict[str, object] = {
        "scan_interval_seconds": 30,
        "scan_duration_seconds": 20,
        "log_file": str(folder / "logs" / "x.log"),
        "listen_address": "127.0.0.1",
        "listen_port": port,
        "devices": {"A4:C1:38:00:00:01": "living_room", "A4:C1:38:00:00:02": "bedroom"},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(keys | changes))
    return path


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run the program, and kill it if it is still running at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ble_exporter", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()
