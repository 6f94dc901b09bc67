"""
The setting `labels` of a device: labels that queries add to the device's series by a join.

docs/adr/0038-labels.md gives the reasons for the limits.
"""

import re
import sys
from collections.abc import Mapping

from ble_exporter.config.error_list import shown
from ble_exporter.config.public_text import BINDKEY_WITHIN, text_problem
from ble_exporter.config.yaml_document import Document, Node, entries_of, is_mapping, line_of, text_of

LABELS = "labels"

MOST_LABELS = 16
"""The maximum number of labels of a device."""
MOST_NAMES = 64
"""The maximum number of different label names in a file."""
MOST_NAME_CHARACTERS = 64
MOST_VALUE_CHARACTERS = 128

_NAME = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")
_NAME_HINT = "write letters from a to z, digits and _, and begin with a letter"
OWN_NAMES = frozenset(
    [
        *("adapter", "collector", "device", "device_type", "event", "firmware_version", "kind", "outcome"),
        *("position", "reason", "version"),
    ]
)
"""The names of the labels of the `ble_…` series. A join would overwrite the values of these labels."""
RESERVED_NAMES = frozenset(("alertname", "instance", "job", "le", "quantile", *OWN_NAMES))
"""The names that a device's labels can't have: those of the exporter's own labels, and those that Prometheus sets."""

_REMOVE = "remove it, because everybody can read labels"
_EXAMPLE = '`labels: {room: "kitchen"}`'


def read_labels(document: Document, node: Node | None, names: set[str]) -> Mapping[str, str]:
    """
    Return the labels by name; report invalid ones to the document.

    Args:
        document: A device of the file.
        node: The value of the setting; None if it is absent.
        names: The label names of the devices before this one; this device's are added.
    """
    labels: dict[str, str] = {}
    if node is None:
        return labels
    with document.errors:
        if not is_mapping(node) or not entries_of(node):
            document.fail(node, "no label is listed", f"write {_EXAMPLE}", key=LABELS)
    entries = entries_of(node)
    if len(entries) > MOST_LABELS:
        with document.errors:
            problem = f"{len(entries)} labels are listed, and at most {MOST_LABELS} are allowed"
            document.fail(node, problem, "remove some", key=LABELS)
    lines: dict[str, int] = {}
    for name_node, value_node in entries[:MOST_LABELS]:
        with document.errors:
            name = _name(document, name_node)
            if name in lines:
                problem = f"{name} is already set on line {lines[name]}"
                document.fail(name_node, problem, "remove one of the two", key=LABELS)
            lines[name] = line_of(name_node)
            if name not in names and len(names) >= MOST_NAMES:
                problem = f"{name} is one label name too many: the file already has {MOST_NAMES} different ones"
                document.fail(name_node, problem, "use the same few names for all devices", key=LABELS)
            names.add(name)
            labels[name] = _value(document, value_node, name)
    return labels


def _name(document: Document, node: Node) -> str:
    name = text_of(node)
    if BINDKEY_WITHIN.search(name):
        document.fail(node, "a bindkey is written in place of a label name", _REMOVE, key=LABELS)
    if len(name) > MOST_NAME_CHARACTERS:
        problem = f"a label name has more than {MOST_NAME_CHARACTERS} characters"
        document.fail(node, problem, "shorten it", key=LABELS)
    if not _NAME.fullmatch(name):
        document.fail(node, f"{shown(name)} is not a label name of Prometheus", _NAME_HINT, key=LABELS)
    if name.startswith("__"):
        document.fail(node, f"{name} begins with __, which Prometheus reserves", "begin with a letter", key=LABELS)
    if name in RESERVED_NAMES:
        owner = "the exporter" if name in OWN_NAMES else "Prometheus"
        document.fail(node, f"{name} is a label that {owner} itself sets", "choose another name", key=LABELS)
    # Thousands of devices share a few names and values: interned, each is in memory only once.
    return sys.intern(name)


def _value(document: Document, node: Node, name: str) -> str:
    key = f"{LABELS}: {name}"
    value = document.scalar(node, key)
    if not isinstance(value, str | None):
        document.fail(node, "the value must be text", f'put it in quotes: "{text_of(node)}"', key=key)
    value = value or ""
    problem = text_problem("value", value, bindkey_hint=_REMOVE, example="kitchen")
    if problem:
        document.fail(node, problem, key=key)
    if len(value) > MOST_VALUE_CHARACTERS:
        problem = f"the value has {len(value)} characters, and at most {MOST_VALUE_CHARACTERS} are allowed"
        document.fail(node, problem, "shorten it", key=key)
    return sys.intern(value)
