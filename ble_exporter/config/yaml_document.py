"""
A YAML file as a tree of nodes, and the errors found in it.

Unlike the Python objects that YAML describes, nodes keep line numbers, quotes and duplicate keys.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

import yaml

from ble_exporter.config.error_list import MAX_ERRORS_SHOWN, ErrorList, MissingError, shown
from ble_exporter.config.yaml_faults import explain, find_faults, lines_of, place_of
from ble_exporter.config.yaml_loader import MAX_ENTRIES, TAG_HINT, Fault, SyntaxFault, compose
from ble_exporter.errors import ConfigError

Node: TypeAlias = yaml.Node
Scalar: TypeAlias = str | int | float | bool | None

# Matches a byte order mark of UTF-16 or UTF-32, or a first character in one of these encodings: a character below
# U+0100 if the low byte comes first, or an ASCII character if the high byte comes first.
_WIDE = re.compile(rb"\xff\xfe|\xfe\xff|\0\0\xfe\xff|[^\0]\0|\0(?:\0\0)?[\t\n\r\x20-\x7e]")
# The characters that YAML allows only as escapes, and the line breaks that text editors do not show as such. A byte
# that is not UTF-8 is decoded as a surrogate.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")

# The maximum amount of text that is parsed again after syntax errors, in characters: about 10 s on a Raspberry Pi.
_MAX_PARSED_AGAIN = 1_000_000


@dataclass(frozen=True)
class Document:
    """
    One YAML file, and the errors found in it.

    Attributes:
        path: The file, for messages.
        device: The address of the device whose entry is being read, for messages; may be empty.
        known: All keys that may occur in the file. They are recognised even in lines that are not valid YAML.
        names_only_known: Whether messages quote only the keys in `known`; any other word may be part of a secret.
    """

    path: str
    device: str = ""
    known: Collection[str] = ()
    names_only_known: bool = False
    errors: ErrorList = field(default_factory=ErrorList, compare=False, repr=False)

    def text(self, data: bytes) -> str:
        """
        Return the decoded text, to which positions refer.

        Forbidden characters are left out, and the first one of each line is reported.

        Raises ConfigError if the text is UTF-16 or UTF-32, or begins with a NUL character.
        """
        if _WIDE.match(data):
            hint = "save the file as UTF-8, for example with `iconv -f UTF-16 -t UTF-8`"
            raise ConfigError("the text is UTF-16 or UTF-32, not UTF-8", hint, path=self.path, line=1)
        if data.startswith(b"\0"):
            # After a power failure, a file may have the right length, but NUL characters instead of its content.
            problem = "the file begins with NUL characters, so it is not text; a power failure may have damaged it"
            raise ConfigError(problem, "restore it, or write it anew", path=self.path, line=1)
        text = data.decode("utf-8-sig", "surrogateescape")
        if not _FORBIDDEN.search(text):
            return text
        lines = lines_of(text)
        for number, line in enumerate(lines, 1):
            if self.errors.is_full:
                break
            found = _FORBIDDEN.search(line)
            if found and _SURROGATE.match(found[0]):
                self._report(lines, Fault(number, found.start() + 1, "not UTF-8 text", "save the file as UTF-8"))
            elif found:
                problem = f"the character U+{ord(found[0]):04X} is not allowed"
                self._report(lines, Fault(number, found.start() + 1, problem, "remove it"))
        return _FORBIDDEN.sub("", text)

    def entries(self, text: str) -> list[tuple[Node, Node]]:
        """Return the keys and values at top level, as far as they can be read; report invalid YAML."""
        return entries_of(self.root(text))

    def root(self, text: str) -> Node | None:
        """Return the root node, as far as it can be read; None for a blank text or too many errors. Report errors."""
        for _attempt in range(1 + min(MAX_ERRORS_SHOWN, _MAX_PARSED_AGAIN // (1 + len(text)))):
            root, rest = self._compose(text)
            if rest is None:
                return root
            text = rest
        return None

    def _compose(self, text: str) -> tuple[Node | None, str | None]:
        """Return the root node and None; after a syntax error, report it, and return None and the text without it."""
        lines = lines_of(text)
        try:
            root, faults = compose(text)
        except SyntaxFault as syntax_fault:
            self.errors.has_gaps = True
            fault, rest = explain(syntax_fault, lines)
            self._report(lines, fault)
            return None, "\n".join(rest)
        for fault in faults:
            self._report(lines, fault)
            if fault.hint == TAG_HINT and not self.errors.is_full:
                self.errors.unreadable.add((fault.line, *place_of(lines, fault, self.known)))
        return root, None

    def without_faults(self, text: str) -> str:
        """Report the faults that can be found in single lines, and return the text with these faults mended."""
        lines = lines_of(text)
        faults, mended = find_faults(lines, self.known)
        for fault in faults:
            self._report(lines, fault)
        return "\n".join(mended)

    def nodes(self, entries: Iterable[tuple[Node, Node]], known: Collection[str]) -> dict[str, Node]:
        """Return the value nodes by key; report each key that is unknown or set twice."""
        nodes: dict[str, Node] = {}
        for key_node, value_node in entries:
            key = text_of(key_node)
            if self.errors.is_full:
                break
            with self.errors:
                if key not in known:
                    # Don't show an unknown key of a device: it is the bindkey if the user swapped key and value.
                    self.fail(key_node, "unknown key", _unknown_key_hint(key, known), key="" if self.device else key)
                if key in nodes:
                    problem = f"is already set on line {line_of(nodes[key])}"
                    if is_mapping(nodes[key]) and len(nodes[key].value) < MAX_ENTRIES:
                        # Check the devices in both places. The limit is for repeated aliases: each doubles the list.
                        nodes[key].value += entries_of(value_node)
                    self.fail(key_node, problem, "remove one of the two", key=key)
                nodes[key] = value_node
        return nodes

    def scalar(self, node: Node, key: str = "") -> Scalar:
        """Return a node's value; raise a ConfigError for a list or a mapping, and for text that contradicts its tag."""
        if not is_scalar(node):
            self.fail(node, "a list or a mapping is not allowed here", "write a single value", key=key)
        text = text_of(node)
        kind = node.tag.rpartition(":")[2]
        if kind == "null" and text.lower() in ("", "~", "null"):
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind in ("int", "float"):
            with suppress(ValueError):
                # int() rejects thousands of digits. No setting needs 18 digits, so a number that long becomes a float.
                return int(text) if kind == "int" and len(text) < 18 else float(text)
            self.fail(node, f"{text} is not a number", "write one", key=key)
        if kind != "str":
            self.fail(node, f"{text} does not fit its tag !!{kind}", "remove the tag", key=key)
        return text

    def fail(
        self, node: Node | None, problem: str, hint: str = "", *, key: str = "", is_missing: bool = False
    ) -> NoReturn:
        """
        Raise a ConfigError for a node, or for the whole file; the message is one line and never shows a bindkey.

        `is_missing` marks the error as a missing part, which is not reported if some of the file can't be read.
        """
        kind = MissingError if is_missing else ConfigError
        line, column = (None, 0) if node is None else (line_of(node), column_of(node) + 1)
        parts = map(shown, (problem, hint))
        raise kind(*parts, path=self.path, line=line, column=column, key=self._shown(key), device=shown(self.device))

    def _report(self, lines: Sequence[str], fault: Fault) -> None:
        if self.errors.is_full:
            return
        device, key = place_of(lines, fault, self.known)
        self.errors.add(
            ConfigError(
                shown(fault.problem),
                shown(fault.hint),
                path=self.path,
                line=fault.line,
                column=fault.column,
                key=self._shown(key),
                device=device,
            )
        )

    def _shown(self, key: str) -> str:
        return "" if self.names_only_known and key not in self.known else shown(key)


def _unknown_key_hint(key: str, known: Collection[str]) -> str:
    # A service with a valid configuration does not need difflib.
    from difflib import get_close_matches  # noqa: PLC0415

    close = get_close_matches(key[:100], known, 1)
    return f"did you mean {close[0]}?" if close else f"the known keys are {', '.join(known)}"


def entries_of(node: Node | None) -> list[tuple[Node, Node]]:
    """Return a mapping's keys and values, in order; an empty list if the node is not a mapping."""
    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def is_mapping(node: Node) -> bool:
    """Return whether the node is a mapping, even an empty one."""
    return isinstance(node, yaml.MappingNode)


def is_scalar(node: Node) -> bool:
    """Return whether the node is neither a list nor a mapping."""
    return isinstance(node, yaml.ScalarNode)


def is_list(node: Node) -> bool:
    """Return whether the node is a list."""
    return isinstance(node, yaml.SequenceNode)


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

    PyYAML puts the end of a block mapping at the next token, after all comments, so the end of its last entry is used.
    """
    start = int(node.start_mark.index)
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        # If the last value is an alias of a mapping, its entries are earlier in the file, before the key's end.
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
    """Return a scalar's text, before YAML interprets it as a number or a Boolean."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else "(no text)"


def is_bare_number(node: Node) -> bool:
    """Return whether the node is unquoted and a YAML 1.1 parser reads it as something other than text."""
    if not isinstance(node, yaml.ScalarNode) or node.style is not None:
        return False
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(text_of(node)[:1], ())
    return any(pattern.match(text_of(node)) for _tag, pattern in resolvers)


def show_value(node: Node, value: Scalar) -> str:
    """Return a node's value as text for messages: a number as it is written, because 017500 has the value 17500.0."""
    if value is None:
        return "an empty value"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else text_of(node)
