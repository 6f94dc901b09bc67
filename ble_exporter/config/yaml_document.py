"""
Parses a YAML file into a tree of nodes. Only this module imports yaml.

Unlike the Python objects that YAML describes, nodes keep line numbers, quotes and duplicate keys.
"""

import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn, TypeAlias

import yaml

from ble_exporter.errors import ConfigError
from ble_exporter.utils import one_line

Node: TypeAlias = yaml.Node
Scalar: TypeAlias = str | int | float | bool | None


class _Loader(yaml.SafeLoader):
    """
    A loader with YAML 1.2's rules for numbers, Booleans and null.

    PyYAML follows YAML 1.1: `no` is False, `010` is 8, and an unquoted 12:34:56:12:34:56 is 9783981296.
    """


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), list(_first))

# Matches a bindkey or a part of a bindkey, which no message shows. A Bluetooth address is too short to match.
_SECRET = re.compile(r"[0-9A-Fa-f]{8,}|(?:[0-9A-Fa-f]{2,}[ :.-]){7,}[0-9A-Fa-f]{2,}")


@dataclass(frozen=True)
class Document:
    """One YAML file. Its errors contain `path`, the line if it is known, and the address in `device`, if any."""

    path: str
    device: str = ""

    def text(self, data: bytes) -> str:
        """Return the text, to which the positions of nodes refer; raise a ConfigError if `data` is not UTF-8."""
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise ConfigError("not UTF-8 text", "save the file as UTF-8", path=self.path, line=line) from error

    def entries(self, data: bytes) -> list[tuple[Node, Node]]:
        """Return the keys and values at top level, if the file is a mapping; raise a ConfigError for invalid YAML."""
        text = self.text(data)
        try:
            return entries_of(yaml.compose(text, Loader=_Loader))
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            problem = "not valid YAML: " + ", ".join(filter(None, (error.context, error.problem)))
            # The cause is omitted, because its traceback would quote lines of the file, possibly with a bindkey.
            raise ConfigError(_SECRET.sub("…", problem), path=self.path, line=line) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise ConfigError("a control character is not allowed", "remove it", path=self.path, line=line) from None
        except RecursionError as error:
            raise ConfigError("not valid YAML: nested too deeply", path=self.path) from error

    def nodes(self, entries: Iterable[tuple[Node, Node]], known: Collection[str]) -> dict[str, Node]:
        """Return the value nodes by key; raise a ConfigError if a key is unknown or set twice."""
        nodes: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in entries:
            key = text_of(key_node)
            if key not in known:
                close = get_close_matches(key, known, 1)
                hint = f"did you mean {close[0]}?" if close else f"the known keys are {', '.join(known)}"
                # The unknown key of a device may be its bindkey, if the user swapped key and value.
                self.fail(key_node, "unknown key", hint, key="" if self.device else key)
            if key in lines:
                self.fail(key_node, f"is already set on line {lines[key]}", "remove one of the two", key=key)
            nodes[key] = value_node
            lines[key] = line_of(key_node)
        return nodes

    def scalar(self, node: Node, key: str = "") -> Scalar:
        """Return a node's value; raise a ConfigError if it is a list or a mapping, or contradicts its tag."""
        if not is_scalar(node):
            self.fail(node, "a list or a mapping is not allowed here", "write a single value", key=key)
        text = text_of(node)
        kind = node.tag.rpartition(":")[2]
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind in ("int", "float"):
            with suppress(ValueError):
                # int() raises its own error for thousands of digits, and no setting has 18 digits.
                return int(text) if kind == "int" and len(text) < 18 else float(text)
            self.fail(node, f"{text} is not a number", "write one", key=key)
        return text

    def fail(self, node: Node | None, problem: str, hint: str = "", *, key: str = "") -> NoReturn:
        """Raise a ConfigError for a node, or for the whole file; the message is one line and never shows a bindkey."""
        line = None if node is None else line_of(node)
        problem, hint, key = (_SECRET.sub("…", one_line(part)) for part in (problem, hint, key))
        raise ConfigError(problem, hint, path=self.path, line=line, key=key, device=self.device)


def entries_of(node: Node | None) -> list[tuple[Node, Node]]:
    """Return a mapping's keys and values, in order; an empty list if the node is not a mapping."""
    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def is_mapping(node: Node) -> bool:
    """Return whether the node is a mapping, possibly empty."""
    return isinstance(node, yaml.MappingNode)


def is_scalar(node: Node) -> bool:
    """Return whether the node is neither a list nor a mapping."""
    return isinstance(node, yaml.ScalarNode)


def elements_of(node: Node) -> list[Node]:
    """Return the elements of a list; any other node is treated as a list with that node as its only element."""
    return list(node.value) if isinstance(node, yaml.SequenceNode) else [node]


def line_of(node: Node) -> int:
    """Return the line on which a node starts, from 1."""
    return int(node.start_mark.line) + 1


def column_of(node: Node) -> int:
    """Return the column in which a node starts, from 0."""
    return int(node.start_mark.column)


def span_of(node: Node) -> tuple[int, int]:
    """
    Return the offsets of a node's first character, and of the character after its last one, in the text.

    PyYAML's end mark of a block mapping is not used, because it is at the next token, after all comments.
    """
    start = int(node.start_mark.index)
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        # If the last value is an alias, its node is earlier in the file, and the key's end is the greater offset.
        return start, max(span_of(part)[1] for part in node.value[-1])
    return start, int(node.end_mark.index)


def is_flow(node: Node) -> bool:
    """Return whether the node is a list in brackets or a mapping in braces."""
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def is_empty(node: Node) -> bool:
    """Return whether the node is blank, null or `{}`."""
    if isinstance(node, yaml.ScalarNode):
        return node.tag.endswith(":null")
    return isinstance(node, yaml.MappingNode) and not node.value


def text_of(node: Node) -> str:
    """Return a scalar's text as written, before YAML interprets it as a number or a Boolean."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else "(no text)"


def is_bare_number(node: Node) -> bool:
    """Return whether the node is unquoted and a YAML 1.1 parser reads it as something other than text."""
    if not isinstance(node, yaml.ScalarNode) or node.style is not None:
        return False
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(text_of(node)[:1], ())
    return any(pattern.match(text_of(node)) for _tag, pattern in resolvers)


def show_value(value: Scalar) -> str:
    """Return a value as text for messages."""
    if value is None:
        return "an empty value"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
