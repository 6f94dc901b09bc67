"""Functions that read the tests' data files, and import no test library."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from ble_exporter.formats.measurement import Measurement

HERE = Path(__file__).parent

Vector = dict[str, Any]  # JSON, checked by the test that reads it


def vectors(name: str) -> list[Vector]:
    """Return the vectors in a file of `tests/vectors/`."""
    rows: list[Vector] = json.loads((HERE / "vectors" / name).read_text(encoding="utf-8"))
    return rows


Value = TypeVar("Value")


def named(values: Mapping[str, Value]) -> dict[Measurement, Value]:
    """Return values by measurement, as a decoder returns them: "temperature_2" is the second temperature."""
    return {Measurement.parse(text): value for text, value in values.items()}
