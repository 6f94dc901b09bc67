"""Parse hex digits with the separators, offsets and characters that programs print around them; parse keys."""

import codecs
import os
import re
from collections.abc import Iterable

from ble_exporter.errors import ConfigError
from ble_exporter.system.files import read_file
from ble_exporter.utils import number_of, one_line

_KEY_DIGITS = 32

# od prints offsets of six or seven digits, by default octal, followed by one blank.
_OFFSET = re.compile(
    r"^\s*(?P<offset>[0-9A-F]{4}|[0-9A-F]{6,8})(:|\s\s|$|(?<=[0-9A-F]{6})(?=\s[0-9A-F]{2}(\s|$)))(?P<bytes>.*)$",
    re.IGNORECASE,
)
# The gap between the bytes of a hex dump and their characters.
_GAP = re.compile(r"\s{2,}\|?|\s*\|")
# Prefixes and suffixes of the digits of a byte in C, Python and assembly language.
_AFFIX = re.compile(r"\(0x\)|0x|\\x|(?<=[0-9A-F]{2})h$", re.IGNORECASE)
_SEPARATORS = re.compile(r"""[\s:,;.|_'"`*<>(){}\[\]\-\u2010-\u2015\u2018-\u201f]+""")
_NO_DIGIT = re.compile(r"[^0-9A-Fa-f]")
INVISIBLE = dict.fromkeys([0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF])
"""Zero-width characters and the byte-order mark, which web pages and editors insert; for `str.translate`."""

# If a file is missing and its path has 16 hex digits in a row, half a key, the path is treated as a key.
_LIKE_A_KEY = re.compile(r"[0-9A-Fa-f]{16}")
_MOST_BYTES_OF_A_KEY = 200
# The maximum length of a line of a hex dump with characters; the usual tools print shorter ones.
_MOST_OF_A_DUMP = 300


def bytes_from_hex(text: str) -> bytes:
    """Return the bytes of a text of hex digits, with or without separators; raise ValueError for any other text."""
    return bytes_of_lines([text])


def bytes_of_lines(lines: Iterable[str]) -> bytes:
    """
    Return the bytes of lines of hex digits, without the offsets and the characters of a hex dump.

    Raises:
        ValueError: There are other characters, no digits, or incomplete bytes.
    """
    digits, has_offsets = "", False
    for whole in lines:
        line, dumped = whole, _OFFSET.match(whole)
        # Lines have offsets if the first line begins with offset 0. Later lines prove nothing, because their bytes may
        # look like an offset.
        has_offsets = has_offsets or bool(dumped and dumped["bytes"] and not digits and not int(dumped["offset"], 16))
        if dumped and has_offsets and len(digits) // 2 in _numbers(dumped["offset"]):
            line = dumped["bytes"]
        digits += _digits(_without_characters(line), len(digits))
    if not digits:
        raise ValueError("there are no hex digits")
    if len(digits) % 2:
        raise ValueError(f"the number of hex digits is odd ({len(digits)}): one digit is missing or extra")
    return bytes.fromhex(digits)


def _numbers(offset: str) -> tuple[int, ...]:
    """Return the possible values of an offset: as hex digits and, if od may have printed it, as octal digits."""
    is_octal = len(offset) == 7 and not set(offset) & set("89abcdefABCDEF")
    return (int(offset, 16), int(offset, 8)) if is_octal else (int(offset, 16),)


def _digits(line: str, before: int) -> str:
    """Return the digits of a line. `before` is the number of digits in the lines before it, for error messages."""
    digits = ""
    words = [word for word in _SEPARATORS.split(line) if word]
    for word in words:
        bare = _AFFIX.sub("", word)
        count = before + len(digits)
        wrong = _NO_DIGIT.search(bare)
        if wrong:
            # repr alone leaves blank letters, such as U+115F, as they are.
            shown = one_line(repr(wrong.group()))
            raise ValueError(f"{shown}{_after(count + wrong.start())} is not a hex digit")
        if len(bare) == 1 and bare != word:
            # C and JavaScript print a number below 16 with one digit after 0x.
            bare = f"0{bare}"
        elif len(bare) % 2 and len(words) > 1:
            # Joining the group with the next one would shift all bytes after it by half a byte.
            group = "a single digit" if len(bare) == 1 else f"a group of {len(bare)} digits"
            raise ValueError(f"there is {group}{_after(count)}: write two hex digits for each byte")
        digits += bare
    return digits


def _after(count: int) -> str:
    return f" after {number_of(count, 'hex digit')}" if count else ""


def is_dump(line: str) -> bool:
    """Return whether a line belongs to a hex dump: an optional offset, the bytes, and the bytes as characters."""
    dumped = _OFFSET.match(line)
    return any(_without_characters(part) != part for part in (line, dumped["bytes"] if dumped else ""))


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
    """Return the 16 bytes of a key. The ConfigError for an invalid key names its source, `where`, but hides the key."""
    digits = _SEPARATORS.sub("", _AFFIX.sub("", text.translate(INVISIBLE)))
    if _NO_DIGIT.search(digits):
        problem = "the key has characters other than hex digits"
    elif len(digits) != _KEY_DIGITS:
        problem = f"the key has {number_of(len(digits), 'hex digit')} instead of {_KEY_DIGITS}"
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
        content = read_file(path, _MOST_BYTES_OF_A_KEY)
    except (OSError, ValueError) as error:
        refuse_key(path, "--key-file")
        cause = error.strerror if isinstance(error, OSError) else error
        hint = "give the path of a file with the key's 32 hex digits, or - for standard input"
        raise ConfigError(f"can't be read ({cause})", hint, key=f"--key-file {path}") from error
    # Latin-1 decodes any bytes, so a file that is not UTF-8 fails the check for hex digits.
    return key_of(content.removeprefix(codecs.BOM_UTF8).decode("latin-1"), f"--key-file {path}")
