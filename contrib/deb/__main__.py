"""
Build the Debian package in dist/, and print its path: `make deb`.

usage: PYTHONPATH=contrib python3 -m deb [amd64|arm64]      without an architecture: that of this machine
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from deb import package

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Build the package; return the exit status."""
    if lacks := package.missing():
        print(f"deb: this machine lacks {', '.join(lacks)}", file=sys.stderr)
        return 1
    if len(arguments) > 1 or arguments[:1] in (["-h"], ["--help"]):
        print(__doc__, file=sys.stderr)
        return 2
    architecture = arguments[0] if arguments else _own_architecture()
    try:
        print(package.build(ROOT, architecture, ROOT / "dist"))
    except ValueError as refusal:
        print(f"deb: {refusal}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as failure:
        print(f"deb: this command failed: {' '.join(map(str, failure.cmd))}", file=sys.stderr)
        return 1
    return 0


def _own_architecture() -> str:
    dpkg = str(shutil.which("dpkg"))
    return subprocess.run([dpkg, "--print-architecture"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
