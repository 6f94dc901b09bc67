"""Hex digits, as people copy them from btmon, bluetoothctl, Wireshark, a phone, a log or a web page."""

import ast
import codecs
import os
import re
from pathlib import Path
from typing import NamedTuple, NoReturn

from ble_exporter.errors import ConfigError

KEY_SIZE = 16

# How btmon, nRF Connect and Wireshark, and BlueZ and all that is built on it, name the service of service data.
_SERVICE = re.compile(
    r"\bService ?Data\b[^\n]{0,80}?\((UUID )?0x(?P<btmon>[0-9A-F]{4})\)"
    r"|\bUUID\b[^\n]{0,80}?\b0x(?P<phone>[0-9A-F]{4})\b\)?"
    r"""|['"]?\b0000(?P<long>[0-9A-F]{4})-0000-1000-8000-00805F9B34FB\b['"]?\)?""",
    re.IGNORECASE,
)
# What Python programs show of an advertisement; beside it they show other numbers.
_MAPPING = re.compile(r"""\bservice_data['"]?\s*[=:]\s*\{(?P<pairs>[^{}]*)\}""")
# As Python shows bytes.
_PYTHON = re.compile(
    r"""\b(?P<call>byte(s|array)\()?(?P<bytes>b(?P<quote>['"])(\\[^\n]|(?!(?P=quote))[^\\\n])*(?P=quote))(?(call)\))"""
)
# In front of the bytes of a line, and a line that begins with a word, as btmon's "RSSI: -60 dBm": it has none.
_LABEL = re.compile(r"^(?!.*Manufacturer).*?\b(Service ?Data|Data|Value|bytes)(\[\d+\])?\s*[:=]", re.IGNORECASE)
_PROSE = re.compile(r"^\W*(?=[A-Z]{2,}\b)[A-F]*[G-Z]", re.IGNORECASE)
_OFFSET = re.compile(r"^\s*(?P<offset>[0-9A-F]{4}|[0-9A-F]{8})(:|\s\s|$)(?P<bytes>.*)$", re.IGNORECASE)
_BESIDE = re.compile(r"\s{2,}\|?|\s*\|")
_BETWEEN = re.compile(r"\s+")
_PREFIX = re.compile(r"\(0x\)|0x|\\x", re.IGNORECASE)
_SEPARATORS = re.compile(r"""[\s:,;.|_'"<>{}\[\]\-\u2010-\u2015]+""")
_NO_DIGIT = re.compile(r"[^0-9A-Fa-f]")
# Zero-width characters and the byte-order mark, which come along from web pages and editors.
_INVISIBLE = dict.fromkeys([0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF])
# Half of one.
_LIKE_A_KEY = re.compile(r"[0-9A-Fa-f]{16}")
_MOST_BYTES_OF_A_KEY = 200
# More than any tool shows in a line that has characters beside the bytes.
_MOST_OF_A_DUMP = 300


class Pasted(NamedTuple):
    """
    What was pasted.

    Attributes:
        octets: The bytes.
        service: The 16 bits of the UUID whose service data it is said to be, as four lower-case hex digits; or empty.
    """

    octets: bytes
    service: str


def pasted(text: str) -> Pasted:
    """
    Return the bytes that a text means: prefixes, separators, labels, and what stands beside a dump do not count.

    Where it names the service that the service data is of, only what follows that counts, up to the next line of words.

    Raises:
        ValueError: It has something else, no digit at all, or an odd number of them; or several service data. The text
            is not repeated.
    """
    text = _PYTHON.sub(_bytes_shown, text.translate(_INVISIBLE))
    mapping = _MAPPING.search(text)
    parts = [_Part("")]
    for line in (mapping["pairs"] if mapping else text).splitlines():
        at = 0
        for found in _SERVICE.finditer(line):
            parts[-1].add(line[at : found.start()])
            parts.append(_Part((found["btmon"] or found["phone"] or found["long"]).lower()))
            at = found.end()
        parts[-1].add(line[at:])
    named = [part for part in parts[1:] if part.has_digits]
    if len(named) > 1:
        raise ValueError("there is service data of several services, or packets: give one at a time")
    part = named[0] if named else parts[-1]
    return Pasted(_octets(part.lines), part.service)


class _Part:
    """
    What stands behind the name of a service, or in front of the first.

    Args:
        service: Its name; empty in front of the first.

    Attributes:
        lines: With its bytes.
        has_digits: Whether there are any in them.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self.lines: list[str] = []
        self.has_digits = False
        self._has_ended = False

    def add(self, line: str) -> None:
        """Add a line; the first that begins with a word ends it."""
        line = _LABEL.sub("", line)
        self._has_ended = self._has_ended or bool(self.service and _PROSE.match(line))
        if not self._has_ended:
            self.lines.append(line)
            self.has_digits = self.has_digits or not _NO_DIGIT.match(_SEPARATORS.sub("", line)[:1] or "-")


def _octets(lines: list[str]) -> bytes:
    digits, has_offsets = "", False
    for whole in lines:
        line, dumped = whole, _OFFSET.match(whole)
        # The first says whether there are offsets: bytes may look like any but that.
        has_offsets = has_offsets or bool(dumped and dumped["bytes"] and not digits and not int(dumped["offset"], 16))
        if dumped and has_offsets and int(dumped["offset"], 16) == len(digits) // 2:
            line = dumped["bytes"]
        digits += _digits(_without_characters(line), len(digits))
    if not digits:
        raise ValueError("there are no hex digits")
    if len(digits) % 2:
        raise ValueError(f"{len(digits)} hex digits are half a byte too much, or too little")
    return bytes.fromhex(digits)


def _digits(line: str, before: int) -> str:
    """Return a line's digits; `before` is how many were before them."""
    digits = ""
    words = [word for word in _SEPARATORS.split(line) if word]
    for word in words:
        bare = _PREFIX.sub("", word)
        wrong = _NO_DIGIT.search(bare)
        if wrong:
            raise ValueError(
                f"behind {before + len(digits) + wrong.start()} hex digits stands {wrong.group()!r}, which is none"
            )
        if len(bare) == 1 and bare != word:
            # As C and JavaScript print numbers.
            bare = f"0{bare}"
        elif len(bare) % 2 and len(words) > 1:
            # To join it with its neighbour would move all that follows by half a byte.
            together = "one alone" if len(bare) == 1 else f"{len(bare)} together"
            raise ValueError(f"behind {before + len(digits)} hex digits stands {together}: two make a byte")
        digits += bare
    return digits


def octets_of(text: str) -> bytes:
    """
    Return the bytes that hex digits mean, with or without separators.

    Raises:
        ValueError: It is something else.
    """
    return _octets([text])


def key_of(text: str, where: str) -> bytes:
    """
    Return the 16 bytes of a key.

    Args:
        text: As it was typed. No error shows any of it.
        where: It came from.

    Raises:
        ConfigError: It is none.
    """
    digits = _SEPARATORS.sub("", _PREFIX.sub("", text.translate(_INVISIBLE)))
    if _NO_DIGIT.search(digits):
        problem = "not all of it is hex digits"
    elif len(digits) != 2 * KEY_SIZE:
        problem = f"it has {len(digits)} hex digits, and not {2 * KEY_SIZE}"
    else:
        return bytes.fromhex(digits)
    raise ConfigError(f"{where}: {problem}; give the {2 * KEY_SIZE} that the firmware's page shows")


def refuse_key(path: str, option: str) -> None:
    """
    Refuse what looks like a key where a file's name should stand, before an error shows it.

    Raises:
        ConfigError: It does, and there is no such file.
    """
    if _LIKE_A_KEY.search(_SEPARATORS.sub("", path)) and ("\0" in path or not os.path.lexists(path)):
        raise ConfigError(f"{option}: there is no such file, and its name looks like a key: write the key into a file")


def key_in(path: str) -> bytes:
    """
    Return the key that a file holds.

    Raises:
        ConfigError: It can't be read, or holds something else.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MOST_BYTES_OF_A_KEY)
    except (OSError, ValueError) as error:
        _unreadable(path, error)
    # Bytes that are no text are no hex digits either.
    return key_of(content.removeprefix(codecs.BOM_UTF8).decode("latin-1"), f"--key-file {path}")


def _unreadable(path: str, error: Exception) -> NoReturn:
    refuse_key(path, "--key-file")
    cause = error.strerror if isinstance(error, OSError) else error
    remedy = "name a file with the key's 32 hex digits, or - for standard input"
    raise ConfigError(f"--key-file {path}: can't be read ({cause}): {remedy}") from error


def _bytes_shown(found: re.Match[str]) -> str:
    try:
        value = ast.literal_eval(found["bytes"])
    except (SyntaxError, ValueError):
        raise ValueError("what stands in quotes is not as Python shows bytes") from None
    return bytes(value).hex()


def _without_characters(line: str) -> str:
    """Cut off the characters beside the bytes of a dump: they are told by being what the bytes are."""
    whole = line.strip()
    for gap in _BESIDE.finditer(whole if len(whole) <= _MOST_OF_A_DUMP else ""):
        digits = _BETWEEN.sub("", whole[: gap.start()])
        if digits and not len(digits) % 2 and not _NO_DIGIT.search(digits):
            shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in bytes.fromhex(digits))
            if whole[gap.end() :].removesuffix("|").strip() == shown.strip():
                return digits
    return line
