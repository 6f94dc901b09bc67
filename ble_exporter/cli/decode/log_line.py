"""Remove the text that programs print around bytes: timestamps, log levels, labels, addresses and lengths."""

import re
from typing import NamedTuple

from ble_exporter.cli.decode.guess import best_rank
from ble_exporter.cli.decode.hex_input import is_dump
from ble_exporter.cli.decode.notations import DECIMAL, read
from ble_exporter.formats.decoded import ANYTHING, CERTAIN

ADDRESS = r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}"
"""A regular expression for a Bluetooth address with colons or dashes."""

MANUFACTURER = "manufacturer"
"""The label of manufacturer data, which no format here uses."""

_DATE = r"\d{4}[-/.]\d\d[-/.]\d\d|\d\d?[./]\d\d?[./]\d{4}|(?:[A-Z][a-z]{2},?\s+)?[A-Z][a-z]{2}\s+\d\d?(?:\s+\d{4})?"
_TIME = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-6]\d(?:[.,]\d{1,9})?)?(?:\s?[AP]M|Z|\s?[+-]\d\d:?\d\d)?"
_STAMP = re.compile(
    rf"[\s\[(>]*(?:(?:{_DATE})[T\s,]+)?{_TIME}(?![\w:-])[\])\s>|,-]*(?=\S)"
    r"|[\s\[(>]*20\d\d-[01]\d-[0-3]\d[\])]?\s+(?=\S)"
    r"|[\s(]*1[6-9]\d{8}(?:\d{3})?(?:\.\d{1,9})?\)?\s+|\s*\[\s*\d+\.\d{3,9}\]\s+"
)
_LEVEL = re.compile(
    r"\W*(?:trace|debug|info|notice|warn|warning|error|critical|fatal|verbose)\b[\s:|\])-]*", re.IGNORECASE
)
_COUNT_LABELS = frozenset({"len", "length", "size", "count"})
# At the end of a line: the RSSI and the sender's address.
_TAIL = re.compile(rf"(?:[\s,;]+(?:-\d{{2,3}}(?:\s*dBm)?|(?P<address>{ADDRESS})))+[\s,;]*$", re.IGNORECASE)
# The maximum length of this part of a line, including a few blanks.
_TAIL_SIZE = 40
_RSSI = re.compile(r"\brssi\W{0,4}-\d{1,3}(?:\s*dBm)?(?:\s*\(0x[0-9a-f]+\))?[\s,;]*", re.IGNORECASE)
# At the beginning of a line: the sender's address, perhaps after a time in seconds, perhaps followed by the RSSI.
_FIRST_ADDRESS = re.compile(
    rf"[\s\[(<]*(?:\d+(?:\.\d+)?\s+)?({ADDRESS}|[0-9A-Fa-f]{{12}})[\])>]?"
    r"(?:[\s,;]+|:\s+)(?:-\d{2,3}(?:\s*dBm)?[\s,;:]+)?(?=\S)"
)
_ADDRESS_LABELS = frozenset({"address", "addr", "bdaddr", "mac", "id"})
_ONLY_ADDRESS = re.compile(rf"\W*{ADDRESS}(?:\s*\(\w+\))?\W*$")
_ALONE = re.compile(rf"(?<![0-9A-Fa-f:-]){ADDRESS}(?![0-9A-Fa-f:-])")
_WORD = re.compile(r"(?<![0-9A-Za-z])[A-Za-z_][\w-]*")
_NO_HEX_LETTER = re.compile(r"[G-Zg-z]")
# After a label: an index or a length, then a colon, an equals sign, an arrow or an opening bracket.
_AFTER_LABEL = re.compile(r"""["'\])]*(?:\s*[\[(]?\d{1,5}[\])]?)?\s*(?:=>|->|[:=]+|(?=[\[({<]))\s*""")
_DATA_LABEL = re.compile(r"data|value|bytes?|payload|raw|hex|adv\w*", re.IGNORECASE)
_COUNT_AFTER = re.compile(
    r"[\s,;]*(?P<mark>[(\[]|\b(?:len|length|size|count)\b)?\W{0,3}(?:(?:len|length|size|count)\W{1,3})?"
    r"\b(?P<count>0x[0-9A-F]{1,3}|\d{1,4})\s*(?P<unit>bytes?\b|octets?\b)?\s*[)\]]?\s*$",
    re.IGNORECASE,
)
_COUNT_BEFORE = re.compile(
    r"\s*(?:[\[(<]\s*)?(?:(?:len|length|size|count)\W{1,3})?(?P<count>0?[1-9]\d{0,3})\s*(?P<unit>bytes?\b|octets?\b)?"
    r"(?P<mark>[\])>]?:?)[\s,;]+(?=\S)",
    re.IGNORECASE,
)
# A row of nRF Connect's table: length in decimal, type, value.
_TABLE_ROW = re.compile(r"\s*(\d{1,3})\s+0x([0-9A-F]{2})\s+0x((?:[0-9A-F]{2})*)\s*", re.IGNORECASE)
_FIRST_DIGIT = re.compile(r"[^0-9A-Za-z]*[0-9A-F]", re.IGNORECASE)
# The longest packet in the widest notation, "0x40, ".
_MOST_CHARACTERS = 1650 * 6
_FIRST_NUMBER = re.compile(r"\d|\b[0-9A-F]{2}\b", re.IGNORECASE)
_DOTS = ("..", "…")
_RUN = re.compile(
    r"(?<![0-9A-Za-z])(?:(?:0x)?(?:[0-9A-F]{2}){4,}|(?:(?:0x)?[0-9A-F]{2}[ :.,-]{1,2}){3,}(?:0x)?[0-9A-F]{2})"
    r"(?![0-9A-Za-z])",
    re.IGNORECASE,
)


class Line(NamedTuple):
    """
    A line of the pasted text.

    Attributes:
        text: The line without the text around the bytes.
        label: The word before the bytes; empty if there is none.
        address: The address at the beginning or the end of the line; empty if there is none.
        length: The number of bytes that the line states; None if it states none.
        is_prose: Whether the line is prose; `text` is then the longest run of hex digits in it, or its only word, or
            empty.
        is_stamped: Whether the line begins with a timestamp or a log level.
        is_cut: Whether the line ends with dots, which stand for the rest of the bytes.
    """

    text: str
    label: str = ""
    address: str = ""
    length: int | None = None
    is_prose: bool = False
    is_stamped: bool = False
    is_cut: bool = False

    @property
    def has_bytes(self) -> bool:
        """Whether the first letter or digit of the text is a hex digit."""
        return bool(_FIRST_DIGIT.match(self.text))

    @property
    def has_data_label(self) -> bool:
        """Whether the label announces bytes."""
        return bool(_DATA_LABEL.fullmatch(self.label.rpartition("_")[2]))


def bare_line(line: str) -> Line:
    """Return a line of the pasted text without the text around the bytes."""
    if len(line) > _MOST_CHARACTERS:
        return Line(line)
    row = _TABLE_ROW.fullmatch(line)
    if row and int(row[1]) < 256:
        return Line(f"{int(row[1]):02x}{row[2]}{row[3]}")
    if is_dump(line):
        return Line(line)
    stamp = _STAMP.match(line)
    text = line[stamp.end() :] if stamp else line
    level = _LEVEL.match(text)
    text = _RSSI.sub("", text[level.end() :] if level else text)
    text, length = _without_count_after(text)
    if length is not None and not _FIRST_NUMBER.search(text):
        # The bytes are on the next lines, as below btmon's "Data length".
        return Line("", "length", length=length, is_stamped=bool(stamp))
    text, label = _without_label(text)
    if label.lower() in _ADDRESS_LABELS:
        text = _ONLY_ADDRESS.sub("", text)
    address = _FIRST_ADDRESS.match(text)
    # If the bytes match a format better with the address than without it, the address is part of the payload.
    if address and _rank(text) < _rank(text[address.end() :]):
        address = None
    if address:
        text = text[address.end() :]
    text, last_address = _without_tail(text)
    text, before = _without_count_before(text, label)
    length = before if length is None else length
    is_prose = any(_is_prose(word) for word in _WORD.findall(text))
    if is_prose:
        text = max(_RUN.findall(_ALONE.sub(" ", line)), key=len, default=_single_word(text))
    is_cut = text.endswith(_DOTS)
    text = text.rstrip(". …") if is_cut else text
    sender = address[1] if address else last_address
    return Line(text, label, sender, length, is_prose, bool(stamp or level), is_cut)


def _rank(text: str) -> int:
    """Return the rank of the best guess at the bytes of a text; a rank worse than any guess if there are no bytes."""
    try:
        return best_rank(read([text])[0])
    except ValueError:
        return ANYTHING + 2


def _is_prose(word: str) -> bool:
    """Return whether a word is text, rather than hex digits with a typo."""
    return len(word) > 2 and not any(char.isdigit() for char in word) and bool(_NO_HEX_LETTER.search(word))


def _single_word(text: str) -> str:
    """Return a text of one word, which may be base64; an empty string for several words."""
    words = text.split()
    return words[0] if len(words) == 1 else ""


def _without_label(text: str) -> tuple[str, str]:
    """Return the text after its last label, and the label; without a label, the text and an empty string."""
    for word in reversed(list(_WORD.finditer(text))):
        if len(word.group()) > 1 and _NO_HEX_LETTER.search(word.group()):
            after = _AFTER_LABEL.match(text, word.end())
            if after and (":" in after.group() or after.end() < len(text)):
                label = MANUFACTURER if MANUFACTURER in text.lower() else word.group()
                return text[after.end() :], label
    return text, ""


def _without_count_after(text: str) -> tuple[str, int | None]:
    found = _COUNT_AFTER.search(text[-40:])
    if found and found.start() < len(text[-40:].rstrip()) and (found["mark"] or found["unit"]):
        start = len(text) - len(text[-40:]) + found.start()
        if text[:start].strip():
            count = found["count"].lower()
            return text[:start], int(count, 16 if count.startswith("0x") else 10)
    return text, None


def _without_tail(text: str) -> tuple[str, str]:
    """Return a text without the RSSI and the sender's address at its end, and the address, which may be empty."""
    found = _TAIL.search(text[-_TAIL_SIZE:])
    if found:
        rest = text[: len(text) - len(found.group())]
        try:
            _, notes = read([rest])
        except ValueError:
            return text, ""
        # In a list of decimal numbers, a negative number is a byte.
        if DECIMAL not in notes and _rank(rest) <= _rank(text):
            return rest, found["address"] or ""
    return text, ""


def _without_count_before(text: str, label: str) -> tuple[str, int | None]:
    found = _COUNT_BEFORE.match(text)
    is_labelled = label.lower() in _COUNT_LABELS
    if found and (found["unit"] or found["mark"] or is_labelled):
        rest = text[found.end() :]
        try:
            data, _ = read([rest])
        except ValueError:
            return text, None
        is_bracketed = found["mark"][:1] in ("]", ")", ">")
        # In "length 11: 40 00 b0", the count was removed with the label, and this number is the first byte.
        is_confirmed = len(data) == int(found["count"]) or (not is_labelled and best_rank(data) == CERTAIN)
        if found["unit"] or is_bracketed or is_confirmed:
            return rest, int(found["count"])
    return text, None
