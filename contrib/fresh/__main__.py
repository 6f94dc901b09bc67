"""
Test the installation on a fresh Debian, and with many versions of pip, while a newer release of every package exists.

usage: PYTHONPATH=contrib python -m fresh debian         a new Debian 12: the README's commands, make demo, make test,
                                                         and the service under a real systemd
       PYTHONPATH=contrib python -m fresh systemd        the same without make demo and make test
       PYTHONPATH=contrib python -m fresh deb            the Debian package: built there, installed, upgraded, removed
       PYTHONPATH=contrib python -m fresh matrix         oldest and newest pip and Python, the users' lock
       PYTHONPATH=contrib python -m fresh matrix whole   each pip on each Python, all locks

A test is skipped, with a message, if this machine lacks its requirements; if CI is set, that is a failure.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from fresh import debian, matrix, package, service

ROOT = Path(__file__).resolve().parents[2]


def skipped(what: str, lacks: list[str]) -> int:
    """Print the skipped tests, and the requirements that this machine lacks; return the exit status."""
    print(f"skipped: {what}: this machine lacks {', '.join(lacks)}", file=sys.stderr)
    return 1 if os.environ.get("CI") else 0


def main(arguments: list[str]) -> int:
    """Run one of the tests; return the exit status."""
    match arguments:
        case ["debian" | "systemd" | "deb" as which]:
            if lacks := debian.missing():
                return skipped("a fresh Debian", lacks)
            return debian.run(ROOT, [sys.executable, "-m", "fresh", f"inside-{which}"])
        case ["inside-debian" | "inside-systemd" as which, folder]:
            debian.inside(ROOT, Path(folder), service.check, only=which == "inside-systemd")
        case ["inside-deb", folder]:
            package.inside(ROOT, Path(folder))
        case ["matrix", *rest] if rest in ([], ["whole"]):
            if lacks := matrix.run(ROOT, is_whole=bool(rest)):
                return skipped("some Pythons", [f"Python {version}" for version in lacks])
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    # Exit normally on SIGTERM, so that temporary folders are removed when a CI job is cancelled.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main(sys.argv[1:]))
    except (AssertionError, ValueError) as failure:
        sys.exit(f"failed: {failure}")
