"""`ble-exporter doctor` as its user runs it, and its user, who does what it says."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .exporter import PORT
from .stack import Stack

CONFIG = Path("/run/exporter.yaml")
CONTROLLER_LIMIT_S = 20.0

Device = str | dict[str, str]


class Line(NamedTuple):
    """One line of what it said, and the command below it, if there is one."""

    level: str
    text: str
    command: str


@dataclass(frozen=True)
class Report:
    """What it said, and its exit status."""

    status: int
    text: str

    @property
    def lines(self) -> list[Line]:
        """The results, in order."""
        found = re.findall(r"^(ok|warn|fail|skip) +(.*)\n(?: +→ (.*)\n)?", self.text, re.MULTILINE)
        return [Line(*one) for one in found]

    def of(self, level: str) -> list[Line]:
        """The results of one level."""
        return [line for line in self.lines if line.level == level]

    def the_failure(self, *phrases: str) -> Line:
        """Check that it names exactly one failure, with each phrase and a command, and return it."""
        assert 1 == self.status, self.text
        failures = self.of("fail")
        assert 1 == len(failures), self.text
        for phrase in phrases:
            assert phrase in failures[0].text, f"no {phrase!r} in:\n{self.text}"
        assert failures[0].command, f"there is no command in:\n{self.text}"
        return failures[0]

    def assert_well(self, *phrases: str) -> None:
        """Check that nothing fails, and that each phrase is in it."""
        assert 0 == self.status, self.text
        assert not self.of("fail"), self.text
        assert not self.of("skip"), self.text
        for phrase in phrases:
            assert phrase in self.text, f"no {phrase!r} in:\n{self.text}"


def configure(devices: Mapping[str, Device], **settings: str) -> None:
    """Write the configuration; the devices are by address."""
    keys: dict[str, object] = {
        "scan_interval_seconds": 5,
        "scan_duration_seconds": 3,
        "log_file": "/run/logs/exporter.log",
        "listen_address": "127.0.0.1",
        "listen_port": PORT,
        **settings,
        "devices": devices,
    }
    # JSON is YAML.
    lines = [f"{key}: {json.dumps(value)}" for key, value in keys.items() if key != "devices"]
    lines += ["devices:", *(f"  {json.dumps(address)}: {json.dumps(device)}" for address, device in devices.items())]
    CONFIG.write_text("\n".join(lines) + "\n")


def _open_interpreter() -> None:
    """Let other users than root run this interpreter: it may stand in root's home."""
    for place in (Path(sys.executable), Path(sys.executable).resolve(), Path(__file__)):
        for folder in place.parents:
            folder.chmod(folder.stat().st_mode | 0o055)


def examine(seconds: float, user: str = "root") -> Report:
    """Run it, in a login of that user, listening for so long."""
    account = pwd.getpwnam(user)
    if account.pw_uid:
        _open_interpreter()
    groups = [group.gr_gid for group in grp.getgrall() if user in group.gr_mem]
    command = [sys.executable, "-m", "ble_exporter", "doctor", "--config", str(CONFIG), "--seconds", f"{seconds:g}"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=groups,
        env=environment,
    )
    sys.stdout.write(f"--- doctor, as {user}\n{done.stdout}{done.stderr}--- status {done.returncode}\n")
    assert not done.stderr, "it wrote on standard error"
    return Report(done.returncode, done.stdout)


def obey(stack: Stack, command: str) -> None:
    """
    Do what the command does: the very command, where it can be had.

    The guest has no sudo, as all is root's, and no systemd: what systemctl would start and stop is started and stopped.
    """
    sys.stdout.write(f"$ {command}\n")
    for part in command.replace("sudo ", "").split(" && "):
        match part.split():
            case ["systemctl", "start", "dbus"]:
                stack.start_dbus()
            case ["systemctl", "enable", "--now", "bluetooth"]:
                stack.start_bluetoothd()
            case ["systemctl", "restart", "bluetooth"]:
                stack.stop_daemon("bluetoothd", signal.SIGTERM)
                stack.start_bluetoothd()
            case _:
                subprocess.run(["sh", "-c", part], check=True, timeout=CONTROLLER_LIMIT_S)
