"""The software bill of materials of an environment (CycloneDX), and the licences in it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from license_expression import ExpressionError, get_spdx_licensing

# SPDX identifiers of the permissive licences of our dependencies. Read a new licence before adding it here.
ACCEPTED = frozenset({"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT", "MIT-0", "PSF-2.0", "Python-2.0"})
# Packages whose metadata contains no SPDX identifier: the licence that is stated in the package's LICENSE file.
READ_BY_HAND = {"aiosignal": "Apache-2.0", "bcrypt": "Apache-2.0"}


def of_environment(python: Path, pyproject: str) -> bytes:
    """
    Return the SBOM of an environment as CycloneDX JSON; equal environments give equal bytes.

    Args:
        python: The environment's Python.
        pyproject: Text of a pyproject.toml, whose `[project]` table describes the main component.
    """
    with tempfile.TemporaryDirectory() as folder:
        # cyclonedx-py takes `[tool.poetry]` for the metadata of an older Poetry, and fails because that table has no
        # name.
        project = Path(folder, "pyproject.toml")
        project.write_text(re.sub(r"(?ms)^\[tool\..*", "", pyproject), encoding="utf-8")
        command = [sys.executable, "-m", "cyclonedx_py", "environment", str(python), "--pyproject", str(project)]
        return subprocess.run([*command, "--output-reproducible"], check=True, stdout=subprocess.PIPE).stdout


def refused_licences(document: bytes) -> list[str]:
    """Return a message for each component of an SBOM whose licence is not accepted or not known."""
    faults = []
    for component in json.loads(document).get("components", []):
        name = component["name"]
        # Several entries may be alternatives or not; metadata does not tell, so all must be accepted.
        declared = READ_BY_HAND.get(name) or " AND ".join(map(_licence, component.get("licenses", [])))
        if not is_accepted(declared):
            faults.append(
                f"{name} {component['version']}: the licence {declared or '(none)'} is not in the accepted list"
            )
    return faults


def is_accepted(expression: str) -> bool:
    """Return whether an SPDX expression allows a choice in which all licences are accepted."""
    licensing = get_spdx_licensing()
    try:
        parsed = licensing.parse(expression, validate=True)
    except ExpressionError:
        return False
    if parsed is None:
        return False
    values = {licence: licensing.TRUE if str(licence) in ACCEPTED else licensing.FALSE for licence in parsed.symbols}
    return bool(parsed.subs(values).simplify() == licensing.TRUE)


def _licence(entry: dict[str, object]) -> str:
    licence = entry.get("license")
    if isinstance(licence, dict):
        return str(licence.get("id") or licence.get("name"))
    return str(entry.get("expression"))
