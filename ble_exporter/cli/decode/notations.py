"""Read bytes in the notations of programming languages: decimal numbers, single hex digits, base64."""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence

from ble_exporter.cli.decode.guess import best_rank
from ble_exporter.cli.decode.hex_input import bytes_of_lines
from ble_exporter.formats.decoded import LIKELY

_NUMBERS = re.compile(r"[\s\[\](){},;]*-?\d{1,3}(?:[\s,;]+-?\d{1,3})+[\s\[\](){},;]*")
_NUMBER = re.compile(r"-?\d+")
# Arduino prints a byte below 16 as one digit.
_UNPADDED = re.compile(r"[\s\[\](){},;]*[0-9A-F]{1,2}(?:[\s,;]+[0-9A-F]{1,2})+[\s\[\](){},;]*", re.IGNORECASE)
_HEX_WORD = re.compile(r"[0-9A-F]+", re.IGNORECASE)
_BASE64 = re.compile(r"(?=.*[G-Zg-z])[A-Za-z0-9+/_-]{11,}={0,2}")
_FILE = re.compile(r"[\w./~-]*[/.][A-Za-z]\w*(?<![.])")

DECIMAL = "the numbers were read as decimal"
BASE64 = "the text was read as base64"
UNPADDED = "single hex digits were read as bytes below 0x10"


def read(lines: Sequence[str]) -> tuple[bytes, tuple[str, ...]]:
    """
    Return the bytes of a text, and notes on how it was read.

    If several notations are possible, the one whose bytes a format confirms best is chosen; if there is a tie, pairs of
    hex digits.

    Raises:
        ValueError: The text is in none of the notations.
    """
    text = " ".join(lines).strip()
    readings: list[tuple[bytes, tuple[str, ...]]] = []
    problem = ValueError()
    try:
        readings.append((bytes_of_lines(lines), ()))
    except ValueError as error:
        problem = error
        readings += [(data, (UNPADDED,)) for data in _unpadded(text)]
    readings += [(data, (DECIMAL,)) for data in _decimal(text)]
    if not readings:
        readings += [(data, (BASE64,)) for data in _base64(text)]
    if not readings:
        raise ValueError(f"{problem}{_looks_like(text)}") from None
    return min(readings, key=lambda reading: best_rank(reading[0]))


def _decimal(text: str) -> Iterable[bytes]:
    """Yield the bytes of a list of decimal numbers; languages with signed bytes print -80 for 176."""
    if _NUMBERS.fullmatch(text):
        words = _NUMBER.findall(text)
        is_padded = all(len(word) == 3 for word in words)
        has_zeros = any(len(word) > 1 and word[0] == "0" for word in words)
        numbers = [int(word) for word in words]
        if (is_padded or not has_zeros) and all(-128 <= number < 256 for number in numbers):
            yield bytes(number % 256 for number in numbers)


def _unpadded(text: str) -> Iterable[bytes]:
    """Yield the bytes of separate hex numbers of one or two digits; none if most are single digits (half bytes)."""
    if _UNPADDED.fullmatch(text):
        words = _HEX_WORD.findall(text)
        if sum(len(word) == 2 for word in words) * 2 >= len(words):
            yield bytes(int(word, 16) for word in words)


def _base64(text: str) -> Iterable[bytes]:
    if _BASE64.fullmatch(text):
        try:
            padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
            data = base64.b64decode(padded.translate(str.maketrans("-_", "+/")), validate=True)
        except binascii.Error:
            return
        # Many words are valid base64.
        if best_rank(data) <= LIKELY:
            yield data


def _looks_like(text: str) -> str:
    """Return a description of a text that can't be read, with a hint, to append to an error; may be empty."""
    if _NUMBERS.fullmatch(text):
        return "; the text looks like decimal numbers, but not all of them are bytes (-128 to 255)"
    if _FILE.fullmatch(text):
        return "; the text looks like the name of a file: `decode - < FILE` reads the bytes in it"
    if _BASE64.fullmatch(text) and len(text) % 4 == 0:
        return "; the text looks like base64, but its bytes match no known format"
    if not any(char.isdigit() for char in text):
        return "; paste the bytes of a packet, such as 4000b00151028d0a038d11"
    return ""
