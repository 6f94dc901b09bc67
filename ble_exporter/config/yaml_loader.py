"""
Composes YAML text into a tree of nodes, within limits, and reports the parts of YAML that are not supported.

This module and yaml_document are the only ones that import yaml.
"""

import re
from copy import copy
from typing import Any, NamedTuple, Protocol

import yaml

MAX_ENTRIES = 10_000
"""The maximum number of entries in a mapping or list, and of devices; a Raspberry Pi takes seconds to read them."""

_MAX_DEPTH = 20
# Enough for MAX_ENTRIES devices with five keys each. An alias counts as one node, however large its value is.
_MAX_NODES = 12 * MAX_ENTRIES

_SURROGATE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_STANDARD = "tag:yaml.org,2002:"
_SUPPORTED_TAGS = {
    yaml.ScalarEvent: {f"{_STANDARD}{kind}" for kind in ("str", "int", "float", "bool", "null")},
    yaml.MappingStartEvent: {f"{_STANDARD}map"},
    yaml.SequenceStartEvent: {f"{_STANDARD}seq"},
}
TAG_HINT = "write the value itself; to keep a bindkey in a file of its own, use bindkey_file"

QUOTES = "“”„‟«»‘’‚‛´`"
"""The quotation marks and accents that word processors and web pages put in place of straight quotation marks."""

_OPENING = "“„«"


class Fault(NamedTuple):
    """A fault of the text, described for its author."""

    line: int  # from 1
    column: int  # from 1
    problem: str
    hint: str


class _Position(Protocol):
    line: int  # from 0
    column: int  # from 0


class SyntaxFault(Exception):  # noqa: N818 - its reader turns it into a ConfigError
    """
    The text is not valid YAML, or exceeds a limit.

    Attributes:
        problem: PyYAML's description, or the description of the limit.
        line: The line at which the problem was noticed, from 1.
        column: The column on that line, from 1.
        context: PyYAML's description of the construct that contains the fault; may be empty.
        start_line: The line on which this construct begins, from 1; `line` if it is unknown.
        quote: The first and last line of the quoted text before the fault, from 1; zeros if there is none.
        hint: How to keep within the limit; empty if the text is not valid YAML.
    """

    def __init__(self, problem: str, mark: _Position, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = self.start_line = mark.line + 1
        self.column = mark.column + 1
        self.context = ""
        self.quote = (0, 0)
        self.hint = hint


def compose(text: str) -> tuple[yaml.Node | None, list[Fault]]:
    """Return the root node (None if the text is blank) and the faults found; raise a SyntaxFault for invalid YAML."""
    loader = _Loader(text)
    try:
        return loader.get_single_node(), loader.faults
    except yaml.MarkedYAMLError as error:
        start = error.context_mark or error.problem_mark or loader.get_mark()
        fault = SyntaxFault(error.problem or "", error.problem_mark or start)
        fault.context, fault.start_line, fault.quote = error.context or "", start.line + 1, loader.quote
        # The cause is omitted, because its traceback would quote lines of the file, possibly with a bindkey.
        raise fault from None
    except (ValueError, OverflowError):
        # Python raises these errors if the number of an escaped character or of the YAML version is too large.
        raise SyntaxFault("a number is too large", loader.get_mark()) from None


def quotes_fault(text: str) -> tuple[str, str]:
    """Return the problem and the hint for a text in typographic quotation marks."""
    bare = text.strip(QUOTES + "\"'")
    return f"{text[0]} is not a quotation mark of YAML", f'write straight ones: "{bare}"'


class _Loader(yaml.SafeLoader):
    """
    A loader with YAML 1.2's rules for decimal numbers, Booleans and null, and with limits.

    PyYAML follows YAML 1.1: `no` is False, `010` is 8, and an unquoted 12:34:56:12:34:56 is 9783981296.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.faults: list[Fault] = []
        self.quote = (0, 0)
        self._depth = 0
        self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - as PyYAML's method
        """Compose a node. `index` is a value's key, a list element's number, or None for a key or the root."""
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs lack it
        mark = event.start_mark or self.get_mark()
        self._nodes += 1
        is_value = isinstance(index, yaml.Node)
        if isinstance(parent, yaml.CollectionNode) and not is_value and len(parent.value) == MAX_ENTRIES:
            raise SyntaxFault(f"more than {MAX_ENTRIES:,} entries", mark, "remove some, or run a second exporter")
        if self._nodes > _MAX_NODES:
            raise SyntaxFault(f"more than {_MAX_NODES:,} keys and values", mark, "remove some")
        if self._depth == _MAX_DEPTH:
            raise SyntaxFault(f"nested more than {_MAX_DEPTH} levels deep", mark, "remove the brackets, or the spaces")
        self._refuse_tag(event)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(event, yaml.AliasEvent) and node is not None:
            # Errors in an aliased value are reported at the alias, not at its anchor.
            node = copy(node)
            node.start_mark, node.end_mark = event.start_mark, event.end_mark
        elif isinstance(node, yaml.ScalarNode):
            self._join_surrogates(node)
            self._refuse_quotes(node)
        return node

    def scan_flow_scalar(self, style: str) -> yaml.ScalarToken:
        """
        Scan a quoted scalar, and record its first and last line.

        A scalar that lacks its closing quote extends to the next quote, usually on a later line.
        """
        token = super().scan_flow_scalar(style)
        self.quote = token.start_mark.line + 1, token.end_mark.line + 1
        return token

    def _refuse_tag(self, event: yaml.Event) -> None:
        # An alias has no tag.
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) or event.tag in (None, "!"):
            return
        tag = str(event.tag)
        if tag in _SUPPORTED_TAGS[type(event)]:
            return
        shown = f"!!{tag.removeprefix(_STANDARD)}" if tag.startswith(_STANDARD) else tag
        self._report(event.start_mark or self.get_mark(), f"the tag {shown} is not supported", TAG_HINT)
        event.tag = None
        event.implicit = (True, False) if isinstance(event, yaml.ScalarEvent) else True

    def _join_surrogates(self, node: yaml.ScalarNode) -> None:
        """Join surrogate pairs: JSON escapes a character beyond U+FFFF as two surrogates, which PyYAML keeps apart."""
        if _SURROGATE.search(node.value):
            node.value = node.value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            if _REPLACEMENT in node.value:
                problem = "one of the two \\u escapes of a character is missing"
                self._report(node.start_mark, problem, "write both, or the character itself")

    def _refuse_quotes(self, node: yaml.ScalarNode) -> None:
        text = node.value
        if node.style is not None or len(text) < 2 or text[0] not in QUOTES:
            return
        is_closed = text[-1] in QUOTES + "\"'"
        if is_closed or (text[0] in _OPENING and not set(text[1:]) & set(QUOTES)):
            node.value, node.style, node.tag = text[1 : -1 if is_closed else None], '"', f"{_STANDARD}str"
            self._report(node.start_mark, *quotes_fault(text))

    def _report(self, mark: _Position, problem: str, hint: str) -> None:
        self.faults.append(Fault(mark.line + 1, mark.column + 1, problem, hint))


_Loader.yaml_implicit_resolvers = {}
for _kind, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"{_STANDARD}{_kind}", re.compile(f"(?:{_pattern})$"), list(_first))
