"""Extracts the installation commands from the README, so that the test runs the same commands as a user."""

from __future__ import annotations

import re
from typing import NamedTuple


class Commands(NamedTuple):
    """The installation commands of the README."""

    packages: list[str]
    """The Debian packages to install."""
    system_lines: list[str]
    """The commands that install the program, in order, without sudo."""
    lines: list[str]
    """The commands of the program that a user runs, in order."""
    service_lines: list[str]
    """The commands of the program that root runs, in order, without sudo."""


_FENCE = re.compile(r"^(`{3,})[^\n]*\n(.*?)^\1`*[ ]*$", re.MULTILINE | re.DOTALL)
_PROGRAM = "ble-exporter "


def installation(readme: str) -> Commands:
    """
    Return the commands of the section whose heading contains "Install", with its subsections.

    The commands that clone the repository are left out.

    Raises:
        ValueError: The section, or a kind of command, is missing; this module must be adapted to the README.
    """
    plain = _FENCE.sub(lambda fence: re.sub(r"^#", " #", fence[0], flags=re.MULTILINE), readme)
    headings = [(match.start(), len(match[1]), match[2]) for match in re.finditer(r"^(#+) (.*)$", plain, re.MULTILINE)]
    found = next((heading for heading in headings if "install" in heading[2].lower()), None)
    if found is None:
        raise ValueError("the README has no heading with 'Install' in it")
    start, rank, _ = found
    end = next((at for at, depth, _ in headings if at > start and depth <= rank), len(plain))
    section = plain[start:end]
    blocks = "\n".join(fence[2] for fence in _FENCE.finditer(section))
    said = [line.strip().removeprefix("$ ") for line in blocks.replace("\\\n", " ").splitlines()]
    said += re.findall(r"`([^`\n]*venv/bin/pip [^`]*)`", _FENCE.sub("", section))
    system_lines = [line.removeprefix("sudo ") for line in said if line.startswith("sudo ")]
    commands = Commands(
        packages=sorted(
            {name for names in re.findall(r"apt(?:-get)? install ([^`\n)]+)", plain) for name in names.split()}
        ),
        system_lines=[line for line in system_lines if not line.startswith(_PROGRAM)],
        lines=[line for line in said if line.startswith(_PROGRAM)],
        service_lines=[line for line in system_lines if line.startswith(_PROGRAM)],
    )
    needed = {"packages": "git", "system_lines": "/bin/pip ", "lines": _PROGRAM, "service_lines": _PROGRAM}
    for kind, what in needed.items():
        if what not in " ".join(getattr(commands, kind)):
            raise ValueError(f"the README's installation names no {what!r} among its {kind}")
    return commands
