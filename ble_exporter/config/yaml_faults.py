"""
Explains to the author of a text why it is not valid YAML, and mends the text so that reading can continue.

PyYAML stops at the first fault, describes it in terms of its grammar, and often notices it only lines later. The
functions here examine the lines of the text, and know the keys and the form of an address.
"""

import re
from collections.abc import Collection, Sequence

from ble_exporter.config.yaml_loader import QUOTES, TAG_HINT, Fault, SyntaxFault, quotes_fault

LINE_BREAK = re.compile(r"\r\n|\r|\n")

_ADDRESS = r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}"
_DEVICE = re.compile(rf"[\s{{,-]*[\"'{QUOTES}]?({_ADDRESS})\b")
# Matches an empty line, an indented line, and a line that begins with a key.
_SETTING = re.compile(rf"[\s\w\"'{QUOTES}]|$")
_TOP_KEY = re.compile(rf"[\"'{QUOTES}]?(\w+)")
# Quoted texts (up to the end of the line if they are not closed) and comments: the rules below ignore them.
_OPAQUE = re.compile(r""""(?:[^"\\]|\\.)*(?:"|\\?$)|'[^']*(?:'|$)|(?:^|(?<=\s))\#.*""")
# White space other than a space, and characters without width.
_STRANGE_SPACE = re.compile(r"[^\S ]|[\u200b\u2060\ufeff]")
# A text in quotation marks, at least one of which is not straight.
_QUOTED = re.compile(rf"(?:^|(?<=[\s:,{{\[]))([{QUOTES}])([^{QUOTES}\"']*)([{QUOTES}\"'])")
_UNINDENTED_DEVICE = re.compile(rf"([\"']?){_ADDRESS}\1\s*:(\s|$)")
_COLON_IN_VALUE = re.compile(r":\s")

_IN_QUOTES = "put the text in double quotes"
_MAX_LENGTH = 2000
# The maximum number of lines above a fault that are searched for the device to which the fault belongs.
_MAX_LINES_ABOVE = 1000

_FIRST_LINE = ("the first setting is indented", "begin every setting in the first column")
_SPACES = {"\t": "  ", "\u200b": "", "\u2060": "", "\ufeff": ""}
_CLOSING = {"{": "}", "[": "]"}
_NO_COLON = ("a colon, or the space after it, is missing", "write one `key: value` per line")
_INDENTATION = ("the indentation is wrong", "indent the line as far as the other lines at the same level")
_UNCLOSED = ("the closing quotation mark is missing", "add it at the end of the text")
# A pattern for PyYAML's description, whether the fault is at the start of the construct, and the problem and the hint.
_EXPLANATIONS = (
    (r"could not find expected ':'", True, *_NO_COLON),
    (r"character '\\t'", False, "a tab is not allowed here", "write spaces"),
    (r"found character '(.)' that cannot start", False, r"a value must not begin with \1", _IN_QUOTES),
    (r"expected ',' or '([}\]])'", True, r"a comma or the closing \1 is missing", "add it"),
    (r"undefined alias|alphabetic or numeric", False, "a text must not begin with * or &", _IN_QUOTES),
    (
        r"escape (character|sequence)|too large",
        False,
        r"a backslash has a special meaning",
        r"write \\ for a backslash",
    ),
    (r"another document", False, "a second document begins here", "remove the line"),
    (r"tag handle|expected '>'", False, "tags are not supported", TAG_HINT),
    (r"sequence entries|found '-'", False, "a list is not allowed here", "remove the dash"),
    (r"chomping", False, "a text must not begin with | or >", _IN_QUOTES),
    (r"second occurrence", False, "the anchor is already used", "give it another name"),
    (r"expected the node content, but found '(.+)'", False, r"\1 is not allowed here", "remove it, or " + _IN_QUOTES),
)


def lines_of(text: str) -> list[str]:
    """Return the lines of a text as text editors count them, without line breaks."""
    return LINE_BREAK.split(text)


def place_of(lines: Sequence[str], fault: Fault, known: Collection[str]) -> tuple[str, str]:
    """Return the address of the device and the key to which a fault belongs; both may be empty."""
    line = lines[fault.line - 1]
    if not _SETTING.match(line):
        return "", ""
    before = line[max(fault.column - _MAX_LENGTH, 0) : fault.column - 1]
    keys = re.findall(rf"(?<!\w)(?:{'|'.join(known)})(?!\w)", before if before.strip() else line[:_MAX_LENGTH])
    devices = re.findall(_ADDRESS, before)
    if devices:
        return devices[-1].upper(), keys[-1] if keys and keys[-1] != "devices" else ""
    for above in lines[max(fault.line - _MAX_LINES_ABOVE, 0) : fault.line][::-1]:
        device = _DEVICE.match(above)
        if device:
            return device[1].upper(), keys[-1] if keys else ""
        top = _TOP_KEY.match(above)
        if top:
            return "", keys[-1] if keys else top[1]
    return "", keys[-1] if keys else ""


def find_faults(lines: Sequence[str], known: Collection[str]) -> tuple[list[Fault], list[str]]:
    """
    Return the faults that can be found in single lines, and the lines with these faults mended.

    Some of these faults are valid YAML with another meaning, so this function is only for a file that has an error.
    """
    faults: list[Fault] = []
    mended: list[str] = []
    rules = (_strange_spaces, _wrong_quotes, _KeyRules(known), _unindented_device)
    depth = 0
    for number, line in enumerate(lines, 1):
        # An empty line has no fault, and a very long one was not written by hand.
        for rule in rules if 0 < len(line) <= _MAX_LENGTH else ():
            found = rule(line, is_in_braces=depth > 0)
            if found:
                column, problem, hint, line = found  # noqa: PLW2901 - the next rule sees the mended line
                faults.append(Fault(number, column, problem, hint))
        masked = _masked(line)
        depth += masked.count("{") - masked.count("}")
        mended.append(line)
    return faults, mended


def explain(fault: SyntaxFault, lines: list[str]) -> tuple[Fault, list[str]]:
    """Return a syntax fault described for the user, and the lines with the fault mended or left out."""
    if fault.hint:
        # A limit is exceeded: the rest of the text is not read.
        return Fault(fault.line, fault.column, fault.problem, fault.hint), []
    first, last = fault.quote
    is_unclosed = fault.problem.startswith("found unexpected") and "quoted" in fault.context
    if is_unclosed or first < last == fault.line:
        number = fault.start_line if is_unclosed else first
        line = lines[number - 1]
        # A quoted text that also ends on this line has two quotation marks; an odd number includes an unclosed one.
        closing = '"' if line.count('"') % 2 else "'"
        if line.count(closing) == 1 and line.strip().startswith(closing):
            # The unclosed text is the key, so the line has no value.
            return Fault(number, 1, *_UNCLOSED), _without(lines, number)
        return Fault(number, 1, *_UNCLOSED), [*lines[: number - 1], line + closing, *lines[number:]]
    found = _explained(fault, lines)
    return found, _without(lines, found.line)


def _explained(fault: SyntaxFault, lines: Sequence[str]) -> Fault:
    before = lines[fault.line - 1][: fault.column - 1]
    if "<document start>" in fault.problem:
        number = next(number for number, line in enumerate(lines, 1) if line.partition("#")[0].strip())
        if lines[number - 1].startswith(" "):
            return Fault(number, 1, *_FIRST_LINE)
        return Fault(number, 1, "this is not a setting", _NO_COLON[1])
    if "end>'" in fault.problem and "flow" in fault.context:
        number, bracket = _open_bracket(lines)
        return Fault(number, 1, f"the closing {bracket} is missing", "add it")
    for pattern, is_at_start, problem, hint in _EXPLANATIONS:
        match = re.search(pattern, fault.problem)
        if match:
            return Fault(fault.start_line if is_at_start else fault.line, fault.column, match.expand(problem), hint)
    if "mapping values" in fault.problem and _COLON_IN_VALUE.search(before):
        return Fault(fault.line, fault.column, "the value contains a colon", _IN_QUOTES)
    if "mapping values" not in fault.problem and before.strip():
        return Fault(fault.line, fault.column, "there is text after the end of the value", _IN_QUOTES)
    return Fault(fault.line, fault.column, *_INDENTATION)


def _open_bracket(lines: Sequence[str]) -> tuple[int, str]:
    """Return the line of the last bracket or brace that is not closed, and the character that closes it."""
    still_open = [(len(lines), "}")]
    for number, line in enumerate(lines, 1):
        for char in _masked(line):
            if char in _CLOSING:
                still_open.append((number, _CLOSING[char]))
            elif char in _CLOSING.values() and len(still_open) > 1:
                still_open.pop()
    return still_open[-1]


def _without(lines: list[str], number: int) -> list[str]:
    """Return the lines with line `number`, and the more deeply indented lines below it, made blank."""
    start = number - 1
    indentation = _indentation(lines[start])
    end = start + 1
    while end < len(lines) and _indentation(lines[end]) > indentation:
        end += 1
    return [*lines[:start], *[""] * (end - start), *lines[end:]]


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _masked(line: str) -> str:
    """Return the line with each character of its comment and of its quoted texts replaced by a letter."""
    return _OPAQUE.sub(lambda found: "x" * len(found[0]), line)


_Found = tuple[int, str, str, str]
"""The column of a fault (from 1), the problem, the hint, and the mended line."""


def _strange_spaces(line: str, *, is_in_braces: bool) -> _Found | None:  # noqa: ARG001 - the signature of all rules
    masked = _masked(line)
    found = _STRANGE_SPACE.search(masked)
    if not found:
        return None
    mended = "".join(
        _SPACES.get(char, " ") if _STRANGE_SPACE.match(shown) else char
        for char, shown in zip(line, masked, strict=True)
    )
    name, hint = f"the character U+{ord(found[0]):04X}, which looks like a space,", "write spaces"
    if found[0] == "\t":
        name = "a tab"
    elif not _SPACES.get(found[0], " "):
        name, hint = f"the invisible character U+{ord(found[0]):04X}", "remove it"
    return found.start() + 1, f"{name} is not allowed here", hint, mended


def _wrong_quotes(line: str, *, is_in_braces: bool) -> _Found | None:  # noqa: ARG001 - the signature of all rules
    found = _QUOTED.search(_masked(line))
    if not found:
        return None
    return found.start() + 1, *quotes_fault(found[0]), _QUOTED.sub(r'"\2"', line)


class _KeyRules:
    """Finds a known key or an address that lacks a quotation mark, the colon, or the space after the colon."""

    def __init__(self, known: Collection[str]) -> None:
        key = rf"({'|'.join(known)}|{_ADDRESS})"
        self._plain = re.compile(rf"(?:^\s*(?:- +)?|[{{,]\s*){key}:(?=[^\s,}}])")
        # In braces, the colon after a quoted key needs no space.
        self._quoted = re.compile(rf"^\s*([\"'])(?:{key})\1:(?=\S)")
        self._half_quoted = re.compile(rf"^\s*(?:([\"']){key}|{key}([\"']))(?=\s*:(?:\s|$))")
        self._without_colon = re.compile(rf"^\s*([\"']?{key}[\"']?)(?:\s*[=：]\s*|\s+)(?=[^\s:=：#])")

    def __call__(self, line: str, *, is_in_braces: bool) -> _Found | None:
        masked = _masked(line)
        found = self._plain.search(masked) or (None if is_in_braces else self._quoted.match(line))
        if found:
            end = found.end()
            hint = f"write `{line[found.start() : end].strip(' {,-')} {_value(line[end:])}`"
            return end, "a space is missing after the colon", hint, f"{line[:end]} {line[end:]}"
        found = self._half_quoted.match(line)
        if found:
            quote, bare = found[1] or found[4], found[2] or found[3]
            indentation = line[: len(line) - len(line.lstrip())]
            mended = f"{indentation}{quote}{bare}{quote}{line[found.end() :]}"
            return len(indentation) + 1, "one of the quotation marks is missing", f"write {quote}{bare}{quote}", mended
        found = self._without_colon.match(line)
        if found:
            end = found.end()
            hint = f"write `{found[1]}: {_value(line[end:])}`"
            return found.end(1) + 1, "a colon is missing after the key", hint, f"{line[: found.end(1)]}: {line[end:]}"
        return None


def _value(text: str) -> str:
    return re.split(r"\s#|[,}]", text)[0].strip()


def _unindented_device(line: str, *, is_in_braces: bool) -> _Found | None:
    if is_in_braces or not _UNINDENTED_DEVICE.match(line):
        return None
    return 1, "a device must be indented below `devices:`", "begin the line with two spaces", f"  {line}"
