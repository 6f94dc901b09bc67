"""Fixtures for the tests of `doctor`: a fictitious machine with a valid configuration."""

import grp
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from ble_exporter.cli.doctor.check import CheckContext
from ble_exporter.scanner import MockScanner
from tests.conftest import PACKET_A
from tests.scanner.conftest import bus

__all__ = ["bus"]

LIVING_ROOM, BEDROOM = "A4:C1:38:00:00:01", "A4:C1:38:00:00:02"
NOW = 1_800_000_000.0
"""Unix time of 2027-01-15 08:00:00 UTC."""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a configuration with two devices; keyword arguments override its settings."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free: int = probe.getsockname()[1]

    def write_with(devices: str = f'"{LIVING_ROOM}": living_room\n  "{BEDROOM}": bedroom', **settings: object) -> Path:
        keys = {
            "scan_interval_seconds": 30,
            "scan_duration_seconds": 5,
            "listen_port": free,
            "listen_address": "127.0.0.1",
            "log_file": tmp_path / "logs" / "x.log",
            **settings,
        }
        path = tmp_path / "config.yaml"
        lines = [f"{key}: {value}" for key, value in keys.items()]
        path.write_text("\n".join([*lines, "devices:", f"  {devices}", ""]), encoding="utf-8")
        return path

    return write_with


@pytest.fixture
def no_group(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that makes every group lookup fail, as on a machine without the group."""

    def unknown(name: str) -> object:
        raise KeyError(name)

    return lambda: monkeypatch.setattr(grp, "getgrnam", unknown)


@pytest.fixture
def context(write: Write, tmp_path: Path) -> CheckContext:
    """Return the context of a healthy machine: the clock is right, an adapter exists, and both devices are heard."""
    root = tmp_path / "root"
    (root / "sys/class/bluetooth/hci0").mkdir(parents=True)
    (root / "run/systemd/timesync").mkdir(parents=True)
    (root / "run/systemd/timesync/synchronized").touch()
    return CheckContext(
        str(write()),
        1.0,
        lambda *_settings, **_options: MockScanner([(LIVING_ROOM, PACKET_A), (BEDROOM, PACKET_A)]),
        root=root,
        clock=lambda: NOW,
        output_of=lambda *_command: None,
        http_timeout_s=0.1,
    )
