"""Extracts the installation commands from the README, so that the test runs the same commands as a user."""

from __future__ import annotations

import re
from typing import NamedTuple


class Commands(NamedTuple):
    """The installation commands of the README."""

    packages: list[str]
    """The Debian packages to install."""
    lines: list[str]
    """The commands to run as a user, in order."""
    system_lines: list[str]
    """The commands to run as root, in order, without sudo."""
    service_lines: list[str]
    """All commands that install the service as root, in order, without sudo and without those for systemctl."""


_FENCE = re.compile(r"^(`{3,})[^\n]*\n(.*?)^\1`*[ ]*$", re.MULTILINE | re.DOTALL)
_INSTALLS = re.compile(r"^(?:python3 -m venv |\S*venv/bin/pip )")
_SERVES = re.compile(r"^\S*venv/bin/ble-exporter ")


def installation(readme: str) -> Commands:
    """
    Return the commands of the section whose heading contains "Install", with its subsections.

    `lines` and `system_lines` contain the commands that create a virtual environment, run pip, or run the program, but
    not the commands that clone the repository, add users, or configure systemd.

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
    lines = [line for line in said if _INSTALLS.match(line) or _SERVES.match(line)]
    system_lines = [line.removeprefix("sudo ").replace("&& sudo ", "&& ") for line in said if line.startswith("sudo ")]
    commands = Commands(
        packages=sorted(
            {name for names in re.findall(r"apt(?:-get)? install ([^`\n)]+)", plain) for name in names.split()}
        ),
        lines=lines,
        system_lines=[line for line in system_lines if _INSTALLS.match(line)],
        service_lines=[line for line in system_lines if not line.startswith("systemctl ")],
    )
    needed = {"packages": "git", "lines": "/bin/pip ", "system_lines": "/bin/pip "}
    for kind, what in needed.items():
        if what not in " ".join(getattr(commands, kind)):
            raise ValueError(f"the README's installation names no {what!r} among its {kind}")
    return commands
