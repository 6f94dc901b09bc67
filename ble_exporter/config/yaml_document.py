"""
A YAML file as a tree of nodes: what is written, and on which line. The only file that knows YAML.

The document is not read into Python objects: a node still knows its line and whether it was quoted, and a mapping
still has both of two equal keys.
"""

import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from difflib import get_close_matches
from typing import NoReturn, TypeAlias

import yaml

from ble_exporter.errors import ConfigError
from ble_exporter.utils import one_line

Node: TypeAlias = yaml.Node
Scalar: TypeAlias = str | int | float | bool | None


class _Loader(yaml.SafeLoader):
    """
    A loader that takes for a number, a truth value or nothing only what YAML 1.2 does.

    PyYAML follows YAML 1.1, in which `no` is False, `010` is 8 and an unquoted 12:34:56:12:34:56 the number
    9783981296.
    """


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), list(_first))

_MANY_DIGITS = 18

# What may be a key, or a part of one, wherever in a file it got to: no message shows it. An address is shorter.
_SECRET = re.compile(r"[0-9A-Fa-f]{8,}|(?:[0-9A-Fa-f]{2,}[ :.-]){7,}[0-9A-Fa-f]{2,}")


class Document:
    """
    One YAML file.

    Args:
        path: The name that stands in each message.

    Attributes:
        path: The same.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def text(self, data: bytes) -> str:
        """
        Return the text of the file, without a byte order mark; the positions of its nodes count in it.

        Raises:
            ConfigError: It is not UTF-8.
        """
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise ConfigError(f"{self.path}:{line}: not UTF-8 text; save the file as UTF-8") from error

    def entries(self, data: bytes) -> list[tuple[Node, Node]]:
        """
        Return the keys of the file and their values, in order; none where it holds something else than keys.

        Raises:
            ConfigError: It is not YAML.
        """
        text = self.text(data)
        try:
            return entries_of(yaml.compose(text, Loader=_Loader))
        except yaml.MarkedYAMLError as error:
            at = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
            problem = ", ".join(filter(None, (error.context, error.problem)))
            # Without its cause: a traceback would show the lines of the file that stand there, and a key with them.
            raise ConfigError(f"{self.path}{at}: not valid YAML: {_without_secrets(problem)}") from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise ConfigError(f"{self.path}:{line}: a control character stands here; remove it") from None
        except RecursionError as error:
            raise ConfigError(f"{self.path}: not valid YAML: nested too deeply") from error

    def nodes(
        self, entries: Iterable[tuple[Node, Node]], known: Collection[str], where: str = "", *, shows_keys: bool = True
    ) -> dict[str, Node]:
        """
        Return the values of a mapping by their keys.

        Args:
            entries: The mapping's.
            known: The keys that it may have.
            where: Which mapping it is, in front of each message.
            shows_keys: False where a secret may stand in the place of a key: then no message shows an unknown one.

        Raises:
            ConfigError: A key is not known, or is set twice.
        """
        nodes: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in entries:
            key = text_of(key_node)
            if key not in known:
                close = get_close_matches(key, known, 1)
                hint = f"did you mean {close[0]}?" if close else f"the known keys are {', '.join(known)}"
                self.fail(key_node, f"{where}{f'{key}: ' if shows_keys else ''}unknown key; {hint}")
            if key in lines:
                self.fail(key_node, f"{where}{key}: is already set on line {lines[key]}; remove one of the two")
            nodes[key] = value_node
            lines[key] = line_of(key_node)
        return nodes

    def scalar(self, key: str, node: Node) -> Scalar:
        """
        Return the single value that a node is.

        Raises:
            ConfigError: It is a list or a mapping, or tagged as what it is not.
        """
        if not isinstance(node, yaml.ScalarNode):
            self.fail(node, f"{key}: a list or a mapping stands here; write a single value")
        text = text_of(node)
        kind = node.tag.rpartition(":")[2]
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind in ("int", "float"):
            with suppress(ValueError):
                # A float for more digits than any setting has: int() refuses thousands of them in its own words.
                return int(text) if kind == "int" and len(text) < _MANY_DIGITS else float(text)
            self.fail(node, f"{key}: {text} is not a number; write one")
        return text

    def fail(self, node: Node | None, problem: str) -> NoReturn:
        """Raise a ConfigError that names the file, the node's line where there is a node, and the problem."""
        at = "" if node is None else f":{line_of(node)}"
        raise ConfigError(f"{self.path}{at}: {_without_secrets(one_line(problem))}")


def entries_of(node: Node | None) -> list[tuple[Node, Node]]:
    """Return the keys of a mapping and their values, in order; none where the node is no mapping."""
    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def is_mapping(node: Node) -> bool:
    """Whether it is a mapping, though perhaps an empty one."""
    return isinstance(node, yaml.MappingNode)


def is_scalar(node: Node) -> bool:
    """Whether it is neither a list nor a mapping."""
    return isinstance(node, yaml.ScalarNode)


def elements_of(node: Node) -> list[Node]:
    """Return the elements of a list; of a node that is no list, itself."""
    return list(node.value) if isinstance(node, yaml.SequenceNode) else [node]


def line_of(node: Node) -> int:
    """Return the line that a node begins on, from 1."""
    return int(node.start_mark.line) + 1


def column_of(node: Node) -> int:
    """Return the column that a node begins in, from 0."""
    return int(node.start_mark.column)


def span_of(node: Node) -> tuple[int, int]:
    """
    Return where in the text a node begins, and where it ends: behind its last character, or that of its last part.

    (YAML's own end of a mapping in block style is where the next thing begins, behind all comments.)
    """
    begin = int(node.start_mark.index)
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        # An alias stands for a node elsewhere: then its key is what is here.
        return begin, max(span_of(part)[1] for part in node.value[-1])
    return begin, int(node.end_mark.index)


def is_flow(node: Node) -> bool:
    """Whether it is a mapping or a list in braces or brackets."""
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def is_nothing(node: Node) -> bool:
    """Whether nothing stands there, or `{}`, or a null."""
    if isinstance(node, yaml.ScalarNode):
        return node.tag.endswith(":null")
    return isinstance(node, yaml.MappingNode) and not node.value


def quoted(text: str) -> str:
    """Return a text without control characters as YAML has it in double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def text_of(node: Node) -> str:
    """Return what is written there, before anybody takes it for a number or a truth value."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else "(no text)"


def is_bare_number(node: Node) -> bool:
    """Whether it stands there without quotes and other programs, which know YAML 1.1, read something else than text."""
    if not isinstance(node, yaml.ScalarNode) or node.style is not None:
        return False
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(text_of(node)[:1], ())
    return any(pattern.match(text_of(node)) for _tag, pattern in resolvers)


def shown(value: Scalar) -> str:
    """Return a value as a message shows it."""
    if value is None:
        return "nothing"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _without_secrets(problem: str) -> str:
    return _SECRET.sub("…", problem)
