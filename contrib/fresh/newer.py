"""
Makes a newer release of every package: an installation that resolves dependencies would install these releases.

The releases are empty wheels in a folder that pip searches in addition to its index.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

VERSION = "9999.0"
TOOLS = ("pip", "setuptools", "wheel", "poetry-core")
"""The packages that pip installs on its own to build a package."""


def locked(lock: Path) -> set[tuple[str, str]]:
    """Return the name and version of each package in a lock, for every Python and system."""
    return {(name, version) for name, version in re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(), re.MULTILINE)}


def release_all(root: Path, folder: Path) -> None:
    """Write a newer release of each package in the locks, and of pip's build tools, into the folder."""
    names = {name for lock in root.glob("requirements*.lock") for name, _ in locked(lock)}
    for name in sorted(names.union(TOOLS)):
        _release(name.replace("-", "_").replace(".", "_"), folder)


def _release(name: str, folder: Path) -> None:
    """Write an empty wheel; a program that needs the package can't work with it."""
    info = f"{name}-{VERSION}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {VERSION}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: newer\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / f"{name}-{VERSION}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]))


def with_newer(environment: Mapping[str, str], folder: str) -> dict[str, str]:
    """Return the environment for a pip that also finds the newer releases."""
    return {**environment, "PIP_FIND_LINKS": f"{environment.get('PIP_FIND_LINKS', '')} {folder}".strip()}


def wrong(installed: str, locks: Iterable[Path]) -> list[str]:
    """
    Return the installed packages that are not in the locks with their version, as `name==version`.

    Args:
        installed: The output of `pip list --format=json`.
        locks: The locks that were installed.
    """
    right = set().union(*map(locked, locks))
    ours = {"pip", "setuptools", "ble-sensor-prometheus-exporter"}
    entries = [(re.sub(r"[-_.]+", "-", item["name"]).lower(), item["version"]) for item in json.loads(installed)]
    return [f"{name}=={version}" for name, version in entries if not (name in ours or (name, version) in right)]


def bait_is_taken(pip: list[str], environment: Mapping[str, str], folder: Path) -> bool:
    """Return whether pip chooses a newer release if no lock forbids it. If not, the test would prove nothing."""
    command = [*pip, "download", "--quiet", "--no-deps", "--dest", str(folder), "idna"]
    subprocess.run(command, env=dict(environment), check=True, stderr=subprocess.DEVNULL)
    return os.listdir(folder) == [f"idna-{VERSION}-py3-none-any.whl"]  # noqa: PTH208 # names, not paths
