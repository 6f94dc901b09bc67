"""Looks for known vulnerabilities of the locked dependencies with pip-audit, and reports if the audit did not run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Audit(NamedTuple):
    """
    The result of an audit.

    Attributes:
        text: One line: the number of audited packages, or the reason why the audit did not run.
        vulnerabilities: A message for each known vulnerability.
    """

    text: str
    vulnerabilities: list[str]


def of_locks(locks: list[Path]) -> Audit:
    """Ask the vulnerability service about all packages of the locks."""
    requirements = [argument for lock in locks for argument in ("--requirement", str(lock))]
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format", "json"]
    run = subprocess.run([*command, "--progress-spinner", "off", *requirements], capture_output=True, check=False)
    return report_of(run.stdout, run.stderr)


def report_of(output: bytes, errors: bytes) -> Audit:
    """Read the JSON that pip-audit has printed. If there is none, the last line of its errors is the reason."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        last = errors.decode(errors="replace").strip().rpartition("\n")[2]
        return Audit(f"audit: NOT RUN: {last or 'pip-audit printed nothing'}", [])
    left_out = [package["name"] for package in packages if "skip_reason" in package]
    audited = len(packages) - len(left_out)
    found = [
        f"{package['name']} {package['version']}: {fault['id']}, "
        f"fixed in {', '.join(fault['fix_versions']) or 'no release'}"
        for package in packages
        for fault in package.get("vulns", [])
    ]
    if not audited:
        return Audit("audit: NOT RUN: the vulnerability service answered for no package", found)
    without = f"; NOT audited: {', '.join(left_out)}" if left_out else ""
    return Audit(f"audit: packages: {audited}; known vulnerabilities: {len(found)}{without}", found)
