"""Run `ble-exporter doctor` as a user does, and follow its advice."""

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
    """One result of doctor, with the command below it, which is empty if there is none."""

    level: str
    text: str
    command: str


@dataclass(frozen=True)
class Report:
    """The output of doctor, and its exit status."""

    status: int
    text: str

    @property
    def lines(self) -> list[Line]:
        """The results, in order."""
        found = re.findall(r"^(ok|warn|fail|skip) +(.*)\n(?: +→ (.*)\n)?", self.text, re.MULTILINE)
        return [Line(*one) for one in found]

    def of(self, level: str) -> list[Line]:
        """Return the results of one level."""
        return [line for line in self.lines if line.level == level]

    def the_failure(self, *phrases: str) -> Line:
        """Check that there is exactly one failure, which contains each phrase and suggests a command; return it."""
        assert 1 == self.status, self.text
        failures = self.of("fail")
        assert 1 == len(failures), self.text
        for phrase in phrases:
            assert phrase in failures[0].text, f"no {phrase!r} in:\n{self.text}"
        assert failures[0].command, f"no command in:\n{self.text}"
        return failures[0]

    def assert_well(self, *phrases: str) -> None:
        """Check that no check failed or was skipped, and that the output contains each phrase."""
        assert 0 == self.status, self.text
        assert not self.of("fail"), self.text
        assert not self.of("skip"), self.text
        for phrase in phrases:
            assert phrase in self.text, f"no {phrase!r} in:\n{self.text}"


def configure(devices: Mapping[str, Device], **settings: str) -> None:
    """Write the configuration; `devices` maps addresses to names or settings."""
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
    """Let every user run this interpreter, which may be in root's home directory."""
    for place in (Path(sys.executable), Path(sys.executable).resolve(), Path(__file__)):
        for folder in place.parents:
            folder.chmod(folder.stat().st_mode | 0o055)


def examine(seconds: float, user: str = "root") -> Report:
    """Run doctor as this user, listening for this time; return its report."""
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
    assert not done.stderr, "doctor wrote to standard error"
    return Report(done.returncode, done.stdout)


def obey(stack: Stack, command: str) -> None:
    """
    Run a command that doctor suggested, or its equivalent.

    The guest runs everything as root, without sudo or systemd, so `systemctl` commands act on the stack directly.
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
