"""Find the payload in pasted text: output of btmon and hcidump, lines of logs, JSON of gateways, source code."""

import ast
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import NamedTuple

from ble_exporter.cli.decode.guess import best_rank
from ble_exporter.cli.decode.hex_input import INVISIBLE, bytes_from_hex
from ble_exporter.cli.decode.json_fields import Found, fields_in
from ble_exporter.cli.decode.log_line import ADDRESS, MANUFACTURER, Line, bare_line
from ble_exporter.cli.decode.notations import read
from ble_exporter.formats.decoded import CERTAIN, LIKELY
from ble_exporter.formats.registry import FORMATS
from ble_exporter.utils import number_of

_BASE_UUID = "-0000-1000-8000-00805F9B34FB"
# The UUID of service data, as written by btmon, nRF Connect, Wireshark, and programs that use BlueZ.
_SERVICE = re.compile(
    r"(?:\bService ?Data\b[^\n]{0,80}?\((?:UUID )?0x(?=[0-9A-F]{4}\))"
    r"|\bUUID\b[^\n]{0,80}?\b0x(?=[0-9A-F]{4}\b)"
    rf"""|['"]?\b0000(?=[0-9A-F]{{4}}{_BASE_UUID}\b))([0-9A-F]{{4}})(?:{_BASE_UUID})?['"]?\)?""",
    re.IGNORECASE,
)
# The service data in the repr of an advertisement, which contains other numbers too.
_MAPPING = re.compile(r"""\bm?service_?data['"]?\s*[=:]\s*\{(?P<pairs>[^{}]*)\}""", re.IGNORECASE)
# The repr of a Python bytes or bytearray object.
_PYTHON = re.compile(
    r"""\b(?P<call>byte(s|array)\()?(?P<bytes>b(?P<quote>['"])(\\[^\n]|(?!(?P=quote))[^\\\n])*(?P=quote))(?(call)\))"""
)
# The sender's address, after a word such as `mac` or in parentheses, as logs and hcidump show it.
_SENDER = re.compile(
    rf"(?:\b(?:mac|addr|address|bdaddr|id|device|from)\b\W{{0,4}}(?:[0-9A-F]{{12}}|{ADDRESS})(?![\w:-])|\({ADDRESS}\))",
    re.IGNORECASE,
)
_ADDRESS_ONLY = re.compile(rf"{ADDRESS}|[0-9A-Fa-f]{{12}}")
_KNOWN = frozenset(row.short_uuid for row in FORMATS.values())
# The beginning of an array, and the conversions to a byte, in Java and C.
_DECLARATION = re.compile(r"\b(?:byte|char|u?int8_t|u8)\b[^=\n{]{0,60}=\s*", re.IGNORECASE)
_CAST = re.compile(r"\((?:s?byte|(?:unsigned )?char|u?int8_t|u8)\)\s*(?=-?[0-9])", re.IGNORECASE)
# The prefixes of hex digits in Pascal, BASIC and assembly language.
_HEX_PREFIX = re.compile(r"(?<![\w$&#])(?:\$|&H|#)(?=[0-9A-F]{2}\b)", re.IGNORECASE)
# The count before the numbers of a byte array that busctl prints.
_BUSCTL_COUNT = re.compile(r"\bay\s+(?P<count>\d{1,4})\s+(?=\d)")
# A string of C, JavaScript or JSON whose bytes are written as characters or escapes, perhaps without its quotes.
_ESCAPED = re.compile(
    r"""(?P<quote>["']?)(?=[^\\]*\\)"""
    # An octal escape takes all its digits: if a digit could also be a character, a match could take very long.
    r"""(?P<escaped>(?:[ !#-&(-\[\]-~]|\\(?:(?:x|u00)[0-9A-F]{2}|[0-7]{3}|[0-7]{1,2}(?![0-7])|[nrtabfv\\'"]))+)"""
    r"""(?P=quote)""",
    re.IGNORECASE,
)
_QUOTED = re.compile(r'"([^"\\]{8,4000})"')
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ADDRESS_DIGITS = 12
# Fewer bytes are more probably a part of a packet than a whole one.
_FEWEST_BYTES_OF_A_PACKET = 6
# More groups of digits are read as one hex dump, not as a packet each.
_MOST_PACKETS = 200
# Fewer bytes after a label are a flag, a number or an RSSI, unless the text has no other bytes.
_FEWEST_BYTES = 4
_NO_BYTES = (
    "the text has no bytes of a packet; hcidump prints them with --raw, other programs at a more verbose log level"
)
_ONLY_MANUFACTURER = "the text has only manufacturer data, which no known format uses"
_NO_FIELD = "the text looks like JSON, but has no bytes under a name such as `servicedata`"
_SEVERAL = "there is service data of several services or packets; give one at a time"


class Pasted(NamedTuple):
    """
    The payload in a text.

    Attributes:
        data: The bytes.
        service: The 16-bit UUID of the service named in the text: four lower-case hex digits, or empty.
        address: The sender's address in the text: upper case, with colons; empty if there is none.
        notes: How the text was read, where that is not obvious, as texts for the user.
    """

    data: bytes
    service: str = ""
    address: str = ""
    notes: tuple[str, ...] = ()


def pasted(text: str) -> Pasted:
    """
    Return the payload in a text.

    Prefixes, separators, labels, timestamps, lengths, and the offsets and characters of a hex dump are ignored.

    Raises:
        ValueError: The text contains no payload, several payloads, or characters that do not belong there. The message
            gives the reason, and quotes at most one character of the text.
    """
    text = _plain(text)
    # In Home Assistant's diagnostics, a Python literal is part of a JSON string, and its backslashes are doubled.
    fields = fields_in(text) or fields_in(_PYTHON.sub(_literal_as_hex, text))
    found = [_of_field(field) for field in fields]
    try:
        return _only(found) if found else _in_lines(text)
    except ValueError:
        if not found and '":' in text and MANUFACTURER not in text.lower():
            unnamed = list(_unnamed(text))
            if unnamed:
                return _only(unnamed)
            raise ValueError(_NO_FIELD) from None
        raise


def _plain(text: str) -> str:
    """Return a text without colours, casts and escapes, and with 0x in place of other prefixes of hex digits."""
    text = _COLOUR.sub("", "\n".join(text.translate(INVISIBLE).splitlines()))
    text = _HEX_PREFIX.sub("0x", _CAST.sub("", _DECLARATION.sub("", text)))
    text = _BUSCTL_COUNT.sub(r"(\g<count> bytes) ", text)
    escaped = _ESCAPED.fullmatch(text.strip())
    if escaped:
        with suppress(ValueError):
            bytes_from_hex(text)
            return text
        with suppress(ValueError):
            return escaped["escaped"].encode().decode("unicode_escape").encode("latin-1").hex()
    return text


def _unnamed(text: str) -> Iterator[Pasted]:
    """Yield the advertising payloads and packets among the quoted strings of a text, such as a JSON array."""
    strings = [found[1] for found in _QUOTED.finditer(text)]
    senders = {_as_printed(one) for one in strings if _ADDRESS_ONLY.fullmatch(one)}
    sender = senders.pop() if len(senders) == 1 else ""
    for one in strings:
        with suppress(ValueError):
            data, notes = read([one])
            if best_rank(data) == CERTAIN:
                yield Pasted(data, "", sender, notes)


def _in_lines(text: str) -> Pasted:
    text = _PYTHON.sub(_literal_as_hex, text)
    mapping = _MAPPING.search(text)
    before, *named = _SERVICE.split(mapping["pairs"] if mapping else text)
    parts = []
    for service, after in zip(named[::2], named[1::2], strict=True):
        first, *rest = _bare_lines(after.lstrip("=")) or [Line("")]
        lines = [first, *takewhile(lambda line: line.has_data_label or not (line.label or line.is_prose), rest)]
        if any(line.has_bytes for line in lines):
            parts.append(_read(lines, service.lower()))
    if not parts and named:
        raise ValueError("there are no hex digits after the service's UUID")
    address = _sender(text)
    return _only([one._replace(address=one.address or address) for one in parts or _blocks(_bare_lines(before))])


def _of_field(field: Found) -> Pasted:
    value = _PYTHON.sub(_literal_as_hex, field.value)
    return _read([bare_line(value)], field.service)._replace(address=_as_printed(field.address))


def _only(found: Sequence[Pasted]) -> Pasted:
    """Return the only payload of a text, or the only one whose service has a known format; else raise ValueError."""
    distinct = list({(one.data, one.service): one for one in found}.values())
    known = [one for one in distinct if one.service in _KNOWN]
    if len(distinct) > 1 and len(known) != 1:
        raise ValueError(_SEVERAL)
    return (known if len(distinct) > 1 else distinct)[0]


def _bare_lines(text: str) -> list[Line]:
    return [bare_line(line) for line in text.splitlines()]


def _blocks(lines: Sequence[Line]) -> list[Pasted]:
    """
    Return the payloads in lines that name no service.

    A label, a timestamp, a log level or a line of prose ends the bytes before it.
    """
    blocks: list[list[Line]] = [[]]
    for line in lines:
        if line.label or line.is_prose or line.is_stamped:
            blocks.append([])
        blocks[-1].append(line)
    with_bytes = [block for block in blocks if any(line.has_bytes for line in block)]
    usable = [block for block in with_bytes if block[0].label != MANUFACTURER]
    if with_bytes and not usable:
        raise ValueError(_ONLY_MANUFACTURER)
    with_bytes = usable
    if len(with_bytes) < 2:
        if not with_bytes and sum(line.is_prose for line in lines) > 1:
            raise ValueError(_NO_BYTES)
        only = _read(with_bytes[0] if with_bytes else lines)
        if any(line.is_prose for line in lines) and len(only.data) < _FEWEST_BYTES:
            raise ValueError(_NO_BYTES)
        return [only]
    found, problems = [], []
    for block in with_bytes:
        one, problem = _try(block)
        found += [one] if one and len(one.data) >= _FEWEST_BYTES else []
        problems += [problem] if problem else []
    if not found:
        raise problems[-1] if problems else ValueError(_NO_BYTES)
    return found


def _packets(groups: Sequence[str]) -> list[bytes]:
    """
    Return the packets in groups of hex digits if each group is a packet of its own; otherwise an empty list.

    The lines of a single packet rarely all look like packets that begin with the same byte.
    """
    packets: list[bytes] = []
    for group in groups if 1 < len(groups) <= _MOST_PACKETS else ():
        try:
            data = bytes_from_hex(group)
        except ValueError:
            return []
        if len(data) < _FEWEST_BYTES_OF_A_PACKET or (packets and data[0] != packets[0][0]) or best_rank(data) > LIKELY:
            return []
        packets.append(data)
    return packets


def _try(lines: Sequence[Line]) -> tuple[Pasted | None, ValueError | None]:
    try:
        return _read(lines), None
    except ValueError as error:
        return None, error


def _read(lines: Sequence[Line], service: str = "") -> Pasted:
    texts = [line.text for line in lines]
    packets = _packets(texts if len(texts) > 1 else "".join(texts).split())
    if len(set(packets)) > 1:
        raise ValueError(_SEVERAL)
    data, notes = (packets[0], ()) if packets else read(texts)
    lengths = [line.length for line in lines if line.length is not None]
    if len(lengths) == 1 and lengths[0] != len(data):
        notes = (*notes, f"the text gives a length of {lengths[0]}, but contains {number_of(len(data), 'byte')}")
    if any(line.is_cut for line in lines):
        notes = (*notes, "a line ends with dots: the bytes after it are missing")
    address = next((line.address for line in lines if line.address), "")
    return Pasted(data, service, _as_printed(address), notes)


def _sender(text: str) -> str:
    # The address is at the end of the match, after a word that may have hex letters.
    ends = (re.sub(r"[^0-9A-Fa-f]", "", found)[-_ADDRESS_DIGITS:] for found in _SENDER.findall(text))
    senders = {_as_printed(digits) for digits in ends}
    return senders.pop() if len(senders) == 1 else ""


def _as_printed(address: str) -> str:
    """Return an address in upper case with colons; an empty string remains empty."""
    return bytes.fromhex(re.sub("[:-]", "", address)).hex(":").upper()


def _literal_as_hex(found: re.Match[str]) -> str:
    try:
        return bytes(ast.literal_eval(found["bytes"])).hex()
    except (SyntaxError, ValueError):
        raise ValueError("the text in quotes is not a valid Python bytes literal") from None
