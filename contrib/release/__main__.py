"""
`make release`: build the files of a release in dist/, and check them.

dist/ then contains the wheel, the source distribution, a CycloneDX SBOM of everything that users install, and the
SHA-256 of each file. Fails if two builds differ, if twine finds a fault in the files, if the licence of a dependency is
not in the list of accepted ones, or if a locked dependency has a known vulnerability.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import build_backend

from release import audit, sbom

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "dist"
# Together, these locks contain all libraries that a user can install.
LOCKS = ("requirements-encryption.lock", "requirements-auth.lock")


def main() -> int:
    """Build and check; return the exit status."""
    os.chdir(ROOT)
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    wheel = _build(DIST)
    with tempfile.TemporaryDirectory() as folder:
        _compare_with_another_build(Path(folder))
        subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *map(str, DIST.iterdir())], check=True)
        python = _environment(Path(folder, "venv"), wheel)
        project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        version = wheel.name.split("-")[1]  # with the commit, which pyproject.toml does not contain
        bill = sbom.of_environment(python, re.sub(r'(?m)^version = ".*?"', f'version = "{version}"', project))
    (DIST / "sbom.cdx.json").write_bytes(bill)
    faults = sbom.refused_licences(bill)
    result = audit.of_locks([ROOT / name for name in LOCKS])
    print(result.text)
    faults += result.vulnerabilities
    _write_checksums()
    for fault in faults:
        print(f"release: {fault}", file=sys.stderr)
    return 1 if faults else 0


def _build(folder: Path) -> Path:
    build_backend.build_sdist(str(folder))
    return folder / build_backend.build_wheel(str(folder))


def _compare_with_another_build(folder: Path) -> None:
    """
    Build once more, from the source distribution, elsewhere, with another umask and time zone; the files must be equal.

    Raises:
        SystemExit: A file differs.
    """
    [archive] = DIST.glob("*.tar.gz")
    subprocess.run(["tar", "-xf", archive, "-C", folder], check=True)
    [source] = (path for path in folder.iterdir() if path.is_dir())
    again = folder / "again"
    again.mkdir()
    code = "import sys, build_backend as b; b.build_sdist(sys.argv[1]); b.build_wheel(sys.argv[1])"
    environment = {**os.environ, "PYTHONPATH": "contrib", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", code, str(again)], cwd=source, env=environment, umask=0o077, check=True)
    for path in sorted(DIST.iterdir()):
        if path.read_bytes() != (again / path.name).read_bytes():
            sys.exit(f"release: two builds of {path.name} differ")


def _environment(folder: Path, wheel: Path) -> Path:
    """Install the wheel with all extras from the locks; return the environment's Python."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    for lock in LOCKS:
        subprocess.run([*pip, "--require-hashes", "--requirement", lock], check=True)
    subprocess.run([*pip, str(wheel)], check=True)
    subprocess.run([str(python), "-m", "pip", "check", "--disable-pip-version-check"], check=True)
    # These packages are tools of the environment, not dependencies of the program.
    subprocess.run(
        [str(python), "-m", "pip", "uninstall", "--quiet", "--yes", "setuptools", "wheel", "pip"], check=True
    )
    return python


def _write_checksums() -> None:
    files = sorted(DIST.iterdir())
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (DIST / "SHA256SUMS").write_text("".join(lines), encoding="ascii")


if __name__ == "__main__":
    sys.exit(main())
