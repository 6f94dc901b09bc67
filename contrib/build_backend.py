"""
The build backend (PEP 517 and 660): poetry-core, with the commit in the version and in the package (ADR 12).

It builds from a copy of the sources and writes no file to the checkout, which may belong to another user. (Python may
write this module's compiled form beside it.)
"""

from __future__ import annotations

import contextlib
import os
import runpy
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from poetry.core.masonry import api

Settings: TypeAlias = "dict[str, object] | None"

VERSION = Path("ble_exporter", "__init__.py")
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "ble_exporter", "contrib/build_backend.py")
"""The files and folders from which wheels and source distributions are built."""

# An editable installation runs from the checkout, and reads the current commit there at each start.
build_editable = api.build_editable


def build_wheel(
    wheel_directory: str,
    config_settings: Settings = None,
    metadata_directory: str | None = None,  # noqa: ARG001 # part of the hook's signature; this backend creates none
) -> str:
    """Build a wheel into the folder, and return its file name."""
    with _copy(config_settings) as settings:
        return api.build_wheel(wheel_directory, settings)


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    """Build a source distribution into the folder, and return its file name."""
    with _copy(config_settings) as settings:
        return api.build_sdist(sdist_directory, settings)


@contextlib.contextmanager
def _copy(config_settings: Settings) -> Iterator[dict[str, object]]:
    """Change to a copy of the sources that contains the commit; yield poetry-core's settings for the version."""
    root = Path.cwd()
    package = runpy.run_path(str(root / VERSION))
    commit: str = package["commit_of"](root)
    label = package["version_of"](package["NUMBER"], commit).partition("+")[2]
    with tempfile.TemporaryDirectory() as folder:
        for source in SOURCES:
            _copy_one(root / source, Path(folder, source))
        stamped = Path(folder, VERSION)
        stamped.write_text(stamped.read_text(encoding="utf-8").replace(package["COMMIT"], commit), encoding="utf-8")
        os.chdir(folder)
        try:
            yield {**(config_settings or {}), **({"local-version": label} if label else {})}
        finally:
            os.chdir(root)


def _copy_one(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
