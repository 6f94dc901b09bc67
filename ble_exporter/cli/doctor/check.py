"""The types and helpers shared by the checks of `doctor`."""

import grp
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from ble_exporter.cli.parser import PROGRAM
from ble_exporter.cli.shell import command_line, quoted
from ble_exporter.config.app_config import AppConfig
from ble_exporter.scanner.build import RadioBuilder, build_radio
from ble_exporter.scanner.inspection import Inspection
from ble_exporter.scanner.monitor_socket import SocketOpener, open_monitor_socket
from ble_exporter.system.port import Endpoint

Level = Literal["ok", "warn", "fail", "skip"]

GROUP = "bluetooth"
"""The group whose members may use bluetoothd; not every distribution has it."""

# `bluetoothd --version` and timedatectl take milliseconds, or a second on a small Raspberry Pi that swaps.
_PROGRAM_TIMEOUT_S = 5.0


class CheckResult(NamedTuple):
    """One result of a check."""

    # "fail" if the problem prevents readings or the log, "warn" for any other problem, "skip" if unchecked
    level: Level
    text: str
    command: str = ""  # the shell command that fixes the problem; empty if there is none
    needs_bluetooth: bool = False  # whether that command needs Bluetooth to work


def output_of(*command: str) -> str | None:
    """Run a program and return its standard output, stripped; None if the program is missing or fails."""
    try:
        done = subprocess.run(  # noqa: S603 - the callers give constant names, or a file owned by root
            command, capture_output=True, text=True, errors="replace", timeout=_PROGRAM_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@dataclass
class CheckContext:
    """The parameters of one run of all checks, and results of checks that later checks need."""

    config_path: str
    seconds: float  # how long to listen; 0 to skip listening
    build: RadioBuilder = build_radio
    endpoints: Sequence[Endpoint] = ()  # the service's addresses and ports; if empty, those in the configuration
    is_mock: bool = False  # whether the radio is simulated; its packets are not encrypted
    show_progress: Callable[[str], None] = lambda _text: None  # shows a message before a slow step
    root: Path = Path("/")  # the root of the file system
    clock: Callable[[], float] = time.time
    open_monitor: SocketOpener = open_monitor_socket
    output_of: Callable[..., str | None] = output_of
    http_timeout_s: float = 2.0  # for a response from the configured port

    # Set by the checks:
    config: AppConfig | None = None  # None unless the configuration is valid
    exporter_is_running: bool = False
    inspection: Inspection = field(default_factory=Inspection)
    heard: int | None = None  # the number of configured devices with a reading; None before the check `sensors`

    @property
    def valid_config(self) -> AppConfig:
        """The configuration, for checks that run only if the configuration is valid."""
        assert self.config is not None  # noqa: S101 - in CHECKS, the callers need the check `config`
        return self.config

    def edit_command(self, key: str = "", line: int | None = None) -> str:
        """Return the command that opens the configuration in an editor, at a line or at a key."""
        path = Path(self.config_path)
        sudo = "" if os.access(path, os.W_OK) else "sudo "
        if key:
            lines = path.read_text(encoding="utf-8", errors="replace").lower().splitlines()
            is_match = (text.lstrip(" \"'").startswith(key.lower()) for text in lines)
            line = next((number for number, matches in enumerate(is_match, 1) if matches), None)
        return f"{sudo}nano {'' if line is None else f'+{line} '}{quoted(self.config_path)}"


def this_program(*arguments: str) -> str:
    """Return a command that runs this installation by its path, because the PATH of sudo may not include it."""
    script = Path(sys.argv[0]).absolute()
    program = [str(script)] if script.name == PROGRAM else [sys.executable, "-m", "ble_exporter"]
    return command_line(*program, *arguments)


def own_name() -> str:
    """Return the name of the current user, or the user id if the user database has no name for it."""
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def bluetooth_group() -> grp.struct_group | None:
    """Return the group database's entry for GROUP, or None if the group does not exist."""
    try:
        return grp.getgrnam(GROUP)
    except KeyError:
        return None
