"""What the checks of `doctor` share: what they are told, what one finds for the others, and the finding itself."""

import os
import pwd
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from ble_exporter.cli.parser import PROGRAM
from ble_exporter.config.app_config import AppConfig

if TYPE_CHECKING:
    from ble_exporter.scanner import Radio
    from ble_exporter.scanner.inspection import Inspection

Level = Literal["ok", "warn", "fail", "skip"]

# `bluetoothd --version` and timedatectl answer in milliseconds, on a small Pi that swaps in a second.
_ANSWER_TIMEOUT_S = 5.0


class Finding(NamedTuple):
    """
    What a check found.

    Attributes:
        level: "fail" where there can't be readings so, "warn" where they may suffer, "skip" where it was not looked.
        text: What it is, in words.
        remedy: The one command that mends it; empty where there is none.
        takes_bluetooth: Whether that command does not work before Bluetooth does.
    """

    level: Level
    text: str
    remedy: str = ""
    takes_bluetooth: bool = False


def output_of(*command: str) -> str | None:
    """Return what a program prints, without the white space around it; None where it is not there, or fails."""
    try:
        done = subprocess.run(  # noqa: S603 - the callers name the program, or checked whose it is
            command, capture_output=True, text=True, errors="replace", timeout=_ANSWER_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@dataclass
class Examination:
    """
    One run of `doctor`.

    Attributes:
        config_path: The configuration's file.
        seconds: How long to listen; 0 does not.
        make_radio: Makes what listens, from the configuration.
        is_mock: Whether that is a simulated radio: it sends nothing encrypted.
        note: Tells a user who waits what for.
        root: Where the machine's files are: a test has others.
        clock: Gives the seconds since the Unix epoch.
        output_of: Runs a program.
        config: The configuration, where it is sound.
        exporter_runs: Whether the exporter itself answers on its port.
        inspection: What D-Bus shows; None before.
        heard: How many of the configured devices gave a reading; None before.
    """

    config_path: str
    seconds: float
    make_radio: "Callable[[AppConfig], Radio]"
    is_mock: bool = False
    note: Callable[[str], None] = lambda _text: None
    root: Path = Path("/")
    clock: Callable[[], float] = time.time
    output_of: Callable[..., str | None] = output_of
    config: AppConfig | None = None
    exporter_runs: bool = False
    inspection: "Inspection | None" = None
    heard: int | None = None

    @property
    def sound_config(self) -> AppConfig:
        """The configuration; only for checks that need it."""
        assert self.config is not None  # noqa: S101 - the table of checks says who needs whom
        return self.config

    def edit(self, key: str = "", line: int | None = None) -> str:
        """Return the command that opens the configuration, at a line, or at that of a key."""
        path = Path(self.config_path)
        rights = "" if os.access(path, os.W_OK) else "sudo "
        if key:
            lines = path.read_text(encoding="utf-8", errors="replace").lower().splitlines()
            starts = (text.lstrip(" \"'").startswith(key.lower()) for text in lines)
            line = next((number for number, starts_so in enumerate(starts, 1) if starts_so), None)
        return f"{rights}nano {'' if line is None else f'+{line} '}{shlex.quote(self.config_path)}"


def this_program(*arguments: str) -> str:
    """Return the command that starts this very program: `ble-exporter` may not be on PATH, or not on that of sudo."""
    script = Path(sys.argv[0]).absolute()
    program = [str(script)] if script.name == PROGRAM else [sys.executable, "-m", "ble_exporter"]
    return shlex.join([*program, *arguments])


def user_name(uid: int) -> str | None:
    """Return the name of a user; None for one that the user database does not have."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def listed(things: Sequence[str]) -> str:
    """Return "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(things[:-1]), *things[-1:])))
