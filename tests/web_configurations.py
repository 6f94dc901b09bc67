"""
The web configurations in tests/web_configs/. tests/certificates.py writes the certificates that they name.

The first line of a file with an error is the message, in which FILE and FOLDER stand for the paths. Elsewhere in a
file, <server.crt> stands for the content of server.crt.

- good and bad: promtool agrees (except that Debian's does not know the keys in some of the bad ones).
- stricter: promtool accepts them, but the exporter refuses them: it can't apply them, or they would have no effect.
- newer: correct, but Debian's promtool does not know their keys yet.
"""

import json
import re
import ssl
from pathlib import Path

import pytest

from tests.data import HERE

FOLDER = HERE / "web_configs"


def cases(kind: str) -> list["pytest.ParameterSet"]:
    """Return the files of a kind as parameters; those that this Python can't use are skipped."""
    return [
        pytest.param(path, id=path.stem, marks=[_NEEDS_X25519] if path.stem == "curve_x25519" else [])
        for path in sorted((FOLDER / kind).glob("*.yml"))
    ]


def _has_x25519() -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ecdh_curve("X25519")
    except ssl.SSLError:
        return False
    return True


_NEEDS_X25519 = pytest.mark.skipif(not _has_x25519(), reason="this Python can't set the curve X25519")


def write_case(case: Path, folder: Path) -> Path:
    """Write a case to a folder that has the certificates; return its path."""
    path = folder / case.name
    text = case.read_text(encoding="utf-8")
    first, separator, rest = text.partition("\n") if text.startswith("# FILE") else ("", "", text)
    rest = re.sub(r"<(.*?)>", lambda name: json.dumps((folder / name[1]).read_text(encoding="utf-8")), rest)
    path.write_text(first + separator + rest.replace("FILE", path.name), encoding="utf-8")
    return path


def message(case: Path, path: Path) -> str:
    """Return the message in the first line of a case, for the path to which it was written."""
    first = case.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    return first.replace("FILE", str(path)).replace("FOLDER", str(path.parent))
