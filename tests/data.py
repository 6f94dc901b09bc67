"""The data files of the tests; what reads them needs no library of the tests."""

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

Vector = dict[str, Any]  # JSON, checked by the test that reads it


def vectors(name: str) -> list[Vector]:
    """Read a file of vectors."""
    rows: list[Vector] = json.loads((HERE / "vectors" / name).read_text(encoding="utf-8"))
    return rows
