"""What the checks of `doctor` share: the context they run in, and the result they yield."""

import grp
import os
import pwd
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from ble_exporter.cli.parser import PROGRAM
from ble_exporter.config.app_config import AppConfig
from ble_exporter.scanner.build import RadioBuilder, build_radio
from ble_exporter.scanner.inspection import Inspection

Level = Literal["ok", "warn", "fail", "skip"]

GROUP = "bluetooth"
"""Its members may use bluetoothd; not every distribution has it."""

# `bluetoothd --version` and timedatectl answer in milliseconds; on a small Pi that swaps, in a second.
_PROGRAM_TIMEOUT_S = 5.0


class CheckResult(NamedTuple):
    """One result of a check."""

    level: Level  # "fail" if it prevents readings, "warn" if readings may suffer, "skip" if it was not checked
    text: str
    command: str = ""  # the shell command that fixes it; empty if there is none
    needs_bluetooth: bool = False  # whether that command works only once Bluetooth does


def output_of(*command: str) -> str | None:
    """Return a program's standard output, stripped; None if the program is missing or fails."""
    try:
        done = subprocess.run(  # noqa: S603 - callers name the program, or have checked its owner
            command, capture_output=True, text=True, errors="replace", timeout=_PROGRAM_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@dataclass
class CheckContext:
    """What the checks of one run are given, and what they find out for later ones."""

    config_path: str
    seconds: float  # to listen; 0 skips that
    build: RadioBuilder = build_radio
    is_mock: bool = False  # whether the radio is simulated, and sends nothing encrypted
    show_progress: Callable[[str], None] = lambda _text: None  # shows the user what takes time
    root: Path = Path("/")  # the root of the file system
    clock: Callable[[], float] = time.time
    output_of: Callable[..., str | None] = output_of
    http_timeout_s: float = 2.0  # of a program on the configured port

    # Found out by the checks:
    config: AppConfig | None = None  # None unless it is valid
    exporter_is_running: bool = False
    inspection: Inspection = field(default_factory=Inspection)
    heard: int | None = None  # how many configured devices gave a reading; None before that check

    @property
    def valid_config(self) -> AppConfig:
        """The configuration, for checks that run only if it is valid."""
        assert self.config is not None  # noqa: S101 - see CHECKS: they need the check `config`
        return self.config

    def edit_command(self, key: str = "", line: int | None = None) -> str:
        """Return the command that opens the configuration in an editor, at a line or at a key."""
        path = Path(self.config_path)
        sudo = "" if os.access(path, os.W_OK) else "sudo "
        if key:
            lines = path.read_text(encoding="utf-8", errors="replace").lower().splitlines()
            is_match = (text.lstrip(" \"'").startswith(key.lower()) for text in lines)
            line = next((number for number, matches in enumerate(is_match, 1) if matches), None)
        return f"{sudo}nano {'' if line is None else f'+{line} '}{shlex.quote(self.config_path)}"


def this_program(*arguments: str) -> str:
    """Return a command that runs this very installation: `ble-exporter` may not be on the PATH of sudo."""
    script = Path(sys.argv[0]).absolute()
    program = [str(script)] if script.name == PROGRAM else [sys.executable, "-m", "ble_exporter"]
    return shlex.join([*program, *arguments])


def own_name() -> str:
    """Return the name of the user who runs this; the user id if the user database has no name for it."""
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def bluetooth_group() -> grp.struct_group | None:
    """Return the entry of GROUP in the group database; None if there is none."""
    try:
        return grp.getgrnam(GROUP)
    except KeyError:
        return None
