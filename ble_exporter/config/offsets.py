"""The setting `offsets` of a device: numbers that are added to its measurements to correct known errors."""

import math
import re

from ble_exporter.config.error_list import shown
from ble_exporter.config.yaml_document import (
    Document,
    Node,
    Scalar,
    entries_of,
    is_mapping,
    line_of,
    show_value,
    text_of,
)
from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.registry import UNITS

OFFSETS = "offsets"

# An offset is usually a few units. A much larger one is a typo, except where the zero point depends on the
# place, as for a scale, a tank, or air pressure reduced to sea level.
_MOST_OF_UNIT = {"°C": 20.0, "%": 50.0, "V": 10.0, "A": 10.0}
_MOST = 10_000.0

# `rate` ignores a constant offset of a total. Times need no correction, a battery's charge is only an estimate, and a
# corrected direction would have to wrap around at 360°.
_WITHOUT_OFFSET = {"battery", "direction", "duration", "energy", "gas", "precipitation", "timestamp", "volume", "water"}
NAMES = tuple(name for name, unit in UNITS.items() if unit and name not in _WITHOUT_OFFSET)
"""The measurements that may have an offset: those with a unit that are not in `_WITHOUT_OFFSET`."""

_POSITION = re.compile(r"(.+?)(?:_([2-9]|[1-5][0-9]|6[0-4]))?")


def read_offsets(document: Document, node: Node | None) -> dict[Measurement, float]:
    """
    Return the offsets by measurement, in the units of the formats' tables; report invalid ones to the document.

    Args:
        document: A device of the file.
        node: The value of the setting; None if it is absent.
    """
    offsets: dict[Measurement, float] = {}
    if node is None:
        return offsets
    lines: dict[Measurement, int] = {}
    with document.errors:
        if not is_mapping(node) or not entries_of(node):
            document.fail(node, "no offset is listed", "write `offsets: {temperature: -0.4}`", key=OFFSETS)
    for name_node, value_node in entries_of(node):
        if document.errors.is_full:
            break
        with document.errors:
            measurement = _measurement(document, name_node)
            if measurement in lines:
                problem = f"{measurement} is already set on line {lines[measurement]}"
                document.fail(name_node, problem, "remove one of the two", key=OFFSETS)
            lines[measurement] = line_of(name_node)
            offsets[measurement] = _offset(document, value_node, measurement)
    return offsets


def _measurement(document: Document, node: Node) -> Measurement:
    text = text_of(node)
    found = _POSITION.fullmatch(text)
    if found and found[1] in NAMES:
        return Measurement(found[1], int(found[2] or 1))
    problem = f"{shown(text)} is not a measurement that can have an offset"
    hint = (
        "write a measurement's name as /status shows it, such as temperature or humidity; totals, counts, states, "
        "times, directions and the battery level can't have an offset"
    )
    return document.fail(node, problem, hint, key=OFFSETS)


def _offset(document: Document, node: Node, measurement: Measurement) -> float:
    key = f"{OFFSETS}: {measurement}"
    unit = UNITS[measurement.name]
    most = _MOST_OF_UNIT.get(unit, _MOST)
    value: Scalar = document.scalar(node, key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.fabs(value) <= most:
        problem = f"{show_value(node, value)} is not a number from -{most:g} to {most:g}"
        document.fail(node, problem, f"write the offset in {unit}", key=key)
    return float(value)
