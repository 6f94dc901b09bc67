"""Parse hex digits as users copy them from btmon, bluetoothctl, Wireshark, a phone, a log or a web page."""

import ast
import codecs
import os
import re
from itertools import takewhile
from pathlib import Path

from ble_exporter.errors import ConfigError

_KEY_DIGITS = 32

_BASE_UUID = "-0000-1000-8000-00805F9B34FB"
# The service of service data, as written by btmon, nRF Connect, Wireshark, and programs that use BlueZ.
_SERVICE = re.compile(
    r"(?:\bService ?Data\b[^\n]{0,80}?\((?:UUID )?0x(?=[0-9A-F]{4}\))"
    r"|\bUUID\b[^\n]{0,80}?\b0x(?=[0-9A-F]{4}\b)"
    rf"""|['"]?\b0000(?=[0-9A-F]{{4}}{_BASE_UUID}\b))([0-9A-F]{{4}})(?:{_BASE_UUID})?['"]?\)?""",
    re.IGNORECASE,
)
# The service data in the repr of an advertisement, which contains other numbers too.
_MAPPING = re.compile(r"""\bservice_data['"]?\s*[=:]\s*\{(?P<pairs>[^{}]*)\}""")
# The repr of a Python bytes or bytearray object.
_PYTHON = re.compile(
    r"""\b(?P<call>byte(s|array)\()?(?P<bytes>b(?P<quote>['"])(\\[^\n]|(?!(?P=quote))[^\\\n])*(?P=quote))(?(call)\))"""
)
# A label before bytes.
_LABEL = re.compile(r"^(?!.*Manufacturer).*?\b(Service ?Data|Data|Value|bytes)(\[\d+\])?\s*[:=]", re.IGNORECASE)
# The beginning of a line of text without bytes, such as btmon's "RSSI: -60 dBm".
_PROSE = re.compile(r"^\W*(?=[A-Z]{2,}\b)[A-F]*[G-Z]", re.IGNORECASE)
_OFFSET = re.compile(r"^\s*(?P<offset>[0-9A-F]{4}|[0-9A-F]{8})(:|\s\s|$)(?P<bytes>.*)$", re.IGNORECASE)
# The gap between the bytes of a hex dump and their characters.
_GAP = re.compile(r"\s{2,}\|?|\s*\|")
_PREFIX = re.compile(r"\(0x\)|0x|\\x", re.IGNORECASE)
_SEPARATORS = re.compile(r"""[\s:,;.|_'"<>{}\[\]\-\u2010-\u2015]+""")
_NO_DIGIT = re.compile(r"[^0-9A-Fa-f]")
# Zero-width characters and the byte-order mark, which web pages and editors insert.
_INVISIBLE = dict.fromkeys([0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF])
# A path with 16 hex digits in a row, half a key, is treated as a key.
_LIKE_A_KEY = re.compile(r"[0-9A-Fa-f]{16}")
_MOST_BYTES_OF_A_KEY = 200
# The longest line of a hex dump with characters; no tool prints longer ones.
_MOST_OF_A_DUMP = 300


def pasted(text: str) -> tuple[bytes, str]:
    """
    Return the bytes in a text, and the 16-bit UUID of the service in it: four lower-case hex digits, or empty.

    Prefixes, separators, labels, and the offsets and characters of a hex dump are ignored. After the UUID of a service,
    all lines from the first line of prose on are ignored too.

    Raises:
        ValueError: The text has other characters, no digits, an odd number of digits, or service data of several
            services. The message does not repeat the text.
    """
    text = _PYTHON.sub(_literal_as_hex, "\n".join(text.translate(_INVISIBLE).splitlines()))
    mapping = _MAPPING.search(text)
    before, *named = _SERVICE.split(mapping["pairs"] if mapping else text)
    parts = [("", _bare_lines(before))]
    for service, after in zip(named[::2], named[1::2], strict=True):
        lines = list(takewhile(lambda line: not _PROSE.match(line), _bare_lines(after)))
        parts.append((service.lower(), lines))
    with_bytes = [part for part in parts[1:] if any(_begins_with_digit(line) for line in part[1])]
    if len(with_bytes) > 1:
        raise ValueError("there is service data of several services or packets; give one at a time")
    service, lines = with_bytes[0] if with_bytes else parts[-1]
    return _bytes_of(lines), service


def _literal_as_hex(found: re.Match[str]) -> str:
    try:
        return bytes(ast.literal_eval(found["bytes"])).hex()
    except (SyntaxError, ValueError):
        raise ValueError("the text in quotes is not a valid Python bytes literal") from None


def _bare_lines(text: str) -> list[str]:
    return [_LABEL.sub("", line) for line in text.splitlines()]


def _begins_with_digit(line: str) -> bool:
    first = _SEPARATORS.sub("", line)[:1]
    return bool(first) and not _NO_DIGIT.match(first)


def bytes_from_hex(text: str) -> bytes:
    """Return the bytes of a text of hex digits, with or without separators; raise ValueError for any other text."""
    return _bytes_of([text])


def _bytes_of(lines: list[str]) -> bytes:
    digits, has_offsets = "", False
    for whole in lines:
        line, dumped = whole, _OFFSET.match(whole)
        # Lines have offsets if the first line begins with offset 0. Later lines prove nothing, because their bytes may
        # look like an offset.
        has_offsets = has_offsets or bool(dumped and dumped["bytes"] and not digits and not int(dumped["offset"], 16))
        if dumped and has_offsets and int(dumped["offset"], 16) == len(digits) // 2:
            line = dumped["bytes"]
        digits += _digits(_without_characters(line), len(digits))
    if not digits:
        raise ValueError("there are no hex digits")
    if len(digits) % 2:
        raise ValueError(f"{len(digits)} hex digits are not whole bytes: one digit is missing or extra")
    return bytes.fromhex(digits)


def _digits(line: str, before: int) -> str:
    """Return the digits of a line. `before` is the number of digits in the lines before it, for error messages."""
    digits = ""
    words = [word for word in _SEPARATORS.split(line) if word]
    for word in words:
        bare = _PREFIX.sub("", word)
        count = before + len(digits)
        wrong = _NO_DIGIT.search(bare)
        if wrong:
            raise ValueError(f"{wrong.group()!r} after {count + wrong.start()} hex digits is not a hex digit")
        if len(bare) == 1 and bare != word:
            # C and JavaScript print a number below 16 with one digit.
            bare = f"0{bare}"
        elif len(bare) % 2 and len(words) > 1:
            # Joining the group with the next one would shift all bytes after it by half a byte.
            group = "a single digit" if len(bare) == 1 else f"a group of {len(bare)}"
            raise ValueError(f"{group} after {count} hex digits is not whole bytes: write two digits for each byte")
        digits += bare
    return digits


def _without_characters(line: str) -> str:
    """Return a line of a hex dump without the characters at its end, if those are the characters of its bytes."""
    whole = line.strip()
    for gap in _GAP.finditer(whole if len(whole) <= _MOST_OF_A_DUMP else ""):
        digits = "".join(whole[: gap.start()].split())
        if digits and not len(digits) % 2 and not _NO_DIGIT.search(digits):
            shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in bytes.fromhex(digits))
            if whole[gap.end() :].removesuffix("|").strip() == shown.strip():
                return digits
    return line


def key_of(text: str, where: str) -> bytes:
    """Return the 16 bytes of a key. The ConfigError for an invalid key has its source `where`, but not its text."""
    digits = _SEPARATORS.sub("", _PREFIX.sub("", text.translate(_INVISIBLE)))
    if _NO_DIGIT.search(digits):
        problem = "the key has characters other than hex digits"
    elif len(digits) != _KEY_DIGITS:
        problem = f"the key has {len(digits)} hex digits instead of {_KEY_DIGITS}"
    else:
        return bytes.fromhex(digits)
    raise ConfigError(problem, f"give the {_KEY_DIGITS} hex digits on the firmware's page", key=where)


def refuse_key(path: str, option: str) -> None:
    """Raise ConfigError if a path does not exist and looks like a key, which the usual error message would show."""
    if _LIKE_A_KEY.search(_SEPARATORS.sub("", path)) and ("\0" in path or not os.path.lexists(path)):
        problem = "there is no such file, and its name looks like a key"
        raise ConfigError(problem, "write the key into a file", key=option)


def key_in(path: str) -> bytes:
    """Return the key in a file; raise ConfigError if the file can't be read, or contains no key."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MOST_BYTES_OF_A_KEY)
    except (OSError, ValueError) as error:
        refuse_key(path, "--key-file")
        cause = error.strerror if isinstance(error, OSError) else error
        hint = "name a file with the key's 32 hex digits, or - for standard input"
        raise ConfigError(f"can't be read ({cause})", hint, key=f"--key-file {path}") from error
    # Latin-1 decodes any bytes, so a file that is not UTF-8 fails the check for hex digits.
    return key_of(content.removeprefix(codecs.BOM_UTF8).decode("latin-1"), f"--key-file {path}")
