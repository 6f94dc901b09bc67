"""Checks whether the service, which has a user of its own and sees only a part of the machine, can run the program."""

import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import ble_exporter

DEFAULT_PYTHON = "/opt/ble_exporter/venv/bin/python"
"""The interpreter in the unit of the repository."""

_HIDDEN = {"/home": "ProtectHome=", "/root": "ProtectHome=", "/run/user": "ProtectHome=",
           "/tmp": "PrivateTmp=", "/var/tmp": "PrivateTmp="}  # fmt: skip # noqa: S108 - compared, not used
_DEBIAN_PACKAGE = "/usr/lib/ble-exporter"
_ALL_MAY_READ, _ALL_MAY_ENTER = stat.S_IROTH, stat.S_IXOTH
_MOVE = "install the program in /opt/ble_exporter/venv (README.md: Installation), and run it from there"


class Problem(NamedTuple):
    """Why the service can't be installed, and what to do about it."""

    text: str
    hint: str


class Program(NamedTuple):
    """An installation of this program: the interpreter for the unit, and all files and folders that it needs."""

    python: str
    needs: tuple[Path, ...]


def this_program() -> Program:
    """Return the installation that runs this code."""
    # A virtual environment has several names for its interpreter; the unit of the repository uses this one.
    plain = Path(sys.prefix, "bin", "python")
    python = plain if sys.prefix != sys.base_prefix and plain.exists() else Path(sys.executable)
    package = Path(ble_exporter.__file__).parent
    return Program(str(python), (python, Path(sys.base_prefix), package, Path(ble_exporter.__file__)))


def problem_of(program: Program) -> Problem | None:
    """Return why the service could not run this program; None if it can."""
    if any(path.is_relative_to(_DEBIAN_PACKAGE) for path in program.needs):
        return Problem(
            "this program is from the Debian package, which contains the service",
            "to start it: sudo systemctl enable --now ble_exporter",
        )
    if re.fullmatch(r"[\w./+@-]+", program.python, re.ASCII) is None:
        return Problem(f"a unit can't name {program.python!r}", _MOVE)
    return next((problem for path in _with_targets(program.needs) if (problem := _unreadable(path))), None)


def _with_targets(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        yield path
        if (target := path.resolve()) != path:
            yield target


def _unreadable(path: Path) -> Problem | None:
    """Return why some user other than root can't read a file or folder from within the unit; None if all can."""
    for hidden, directive in _HIDDEN.items():
        if path.is_relative_to(hidden):
            return Problem(f"the program needs {path}, and the unit hides {hidden} (with {directive})", _MOVE)
    for place in (*reversed(path.parents), path):
        try:
            mode = place.stat().st_mode
        except OSError as error:
            return Problem(f"the program needs {path}, and {place} can't be read ({error.strerror})", _MOVE)
        needed = _ALL_MAY_ENTER if stat.S_ISDIR(mode) else _ALL_MAY_READ
        needed |= _ALL_MAY_READ if place == path else 0
        if mode & needed != needed:
            hint = f"{_MOVE}; or, if nothing in it is secret: sudo chmod -R go+rX {place}"
            return Problem(f"the program needs {path}, and only some users can read {place}", hint)
    return None
