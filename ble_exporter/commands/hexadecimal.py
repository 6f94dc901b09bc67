"""Hex digits, as people copy them from btmon, bluetoothctl, a phone or a web page."""

import ast
import codecs
import re
from pathlib import Path
from typing import NoReturn

from ble_exporter.errors import ConfigError

KEY_SIZE = 16

# In front of what btmon shows.
_LABEL = re.compile(r"^\s*Data(\[\d+\])?:", re.IGNORECASE)
# btmon's line in front of that, and a UUID as our own log shows it: the service's number is all that counts.
_SERVICE = re.compile(
    r"^\s*Service Data\b.*?\((UUID )?0x(?P<btmon>[0-9A-F]{4})\):?"
    r"|'?\b0000(?P<long>[0-9A-F]{4})-0000-1000-8000-00805F9B34FB\b'?",
    re.IGNORECASE | re.MULTILINE,
)
# As Python shows bytes, and Home Assistant's log with it.
_PYTHON = re.compile(r"""\bb(?P<quote>['"])(\\[^\n]|(?!(?P=quote))[^\\\n])*(?P=quote)""")
_PREFIX = re.compile(r"0x|\\x", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s:,;.\-]+")
_NO_DIGIT = re.compile(r"[^0-9A-Fa-f]")
# bluetoothctl's lines: bytes, and behind them what they are as characters.
_DUMP = re.compile(r"(?P<bytes>([0-9A-Fa-f]{2} ){1,16})\s+(?P<characters>\S.*)")
_MOST_BYTES_OF_A_KEY = 200


def octets_of(text: str) -> bytes:
    """
    Return the bytes that a text means: prefixes, separators, labels and the characters beside a dump do not count.

    Where it names the service that the service data is of, the two bytes of its UUID are in front, as it is printed.

    Raises:
        ValueError: It has something else, no digit at all, or an odd number of them; or several service data. The text
            is not repeated.
    """
    if len(_SERVICE.findall(text)) > 1:
        raise ValueError("there is service data of several services: give one at a time")
    text = _PYTHON.sub(_bytes_shown, _SERVICE.sub(lambda found: f"{found['btmon'] or found['long']} ", text))
    digits = _SEPARATORS.sub("", _PREFIX.sub("", "\n".join(_without_characters(line) for line in text.splitlines())))
    wrong = _NO_DIGIT.search(digits)
    if wrong:
        raise ValueError(f"behind {wrong.start()} hex digits stands {wrong.group()!r}, which is none")
    if not digits:
        raise ValueError("there are no hex digits")
    if len(digits) % 2:
        raise ValueError(f"{len(digits)} hex digits are half a byte too much, or too little")
    return bytes.fromhex(digits)


def key_of(text: str, where: str) -> bytes:
    """
    Return the 16 bytes of a key.

    Args:
        text: As it was typed. No error shows any of it.
        where: It came from.

    Raises:
        ConfigError: It is none.
    """
    digits = _SEPARATORS.sub("", _PREFIX.sub("", text))
    if _NO_DIGIT.search(digits):
        problem = "not all of it is hex digits"
    elif len(digits) != 2 * KEY_SIZE:
        problem = f"it has {len(digits)} hex digits, and not {2 * KEY_SIZE}"
    else:
        return bytes.fromhex(digits)
    raise ConfigError(f"{where}: {problem}; give the {2 * KEY_SIZE} that the firmware's page shows")


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
    cause = error.strerror if isinstance(error, OSError) else error
    remedy = "name a file with the key's 32 hex digits, or - for standard input"
    raise ConfigError(f"--key-file {path}: can't be read ({cause}): {remedy}") from error


def _bytes_shown(found: re.Match[str]) -> str:
    try:
        value = ast.literal_eval(found.group())
    except (SyntaxError, ValueError):
        return found.group()
    return bytes(value).hex()


def _without_characters(line: str) -> str:
    """Cut off what stands in front of and behind the bytes of a line."""
    line = _LABEL.sub("", line).strip()
    dump = _DUMP.fullmatch(line)
    if dump is None:
        return line
    shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in bytes.fromhex(dump["bytes"]))
    return dump["bytes"] if dump["characters"] == shown.strip() else line
