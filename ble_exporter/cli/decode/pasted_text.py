"""Find the payload in pasted text: output of btmon and hcidump, lines of logs, JSON of gateways, source code."""

import ast
import re
from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from ble_exporter.cli.decode.hex_input import INVISIBLE
from ble_exporter.cli.decode.json_fields import Found, fields_in
from ble_exporter.cli.decode.log_line import ADDRESS, MANUFACTURER, Line, bare_line
from ble_exporter.cli.decode.notations import read
from ble_exporter.formats.registry import FORMATS
from ble_exporter.utils import number_of

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
# The sender's address, next to a word or in parentheses, as logs and hcidump show it.
_SENDER = re.compile(
    rf"(?:\b(?:mac|addr|address|bdaddr|id|device|from)\b\W{{0,4}}(?:[0-9A-F]{{12}}|{ADDRESS})(?![\w:-])|\({ADDRESS}\))",
    re.IGNORECASE,
)
_KNOWN = frozenset(row.short_uuid for row in FORMATS.values())
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ADDRESS_DIGITS = 12
# Fewer bytes after a label are a flag, a number or an RSSI, unless the text has no other bytes.
_FEWEST_BYTES = 4
_NO_BYTES = "the text has no bytes of a packet; hcidump prints them with --raw, and a log at a more verbose level"
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

    Prefixes, separators, labels, time stamps, lengths, and the offsets and characters of a hex dump are ignored.

    Raises:
        ValueError: The text contains no payload, several payloads, or characters that do not belong there. The message
            says what the text looks like, but does not repeat it.
    """
    text = _COLOUR.sub("", "\n".join(text.translate(INVISIBLE).splitlines()))
    # In diagnostics, a Python literal is part of a JSON string, and its backslashes are doubled.
    fields = fields_in(text) or fields_in(_PYTHON.sub(_literal_as_hex, text))
    found = [_of_field(field) for field in fields]
    try:
        return _only(found) if found else _in_lines(text)
    except ValueError:
        if not found and '":' in text and MANUFACTURER not in text.lower():
            raise ValueError(_NO_FIELD) from None
        raise


def _in_lines(text: str) -> Pasted:
    text = _PYTHON.sub(_literal_as_hex, text)
    mapping = _MAPPING.search(text)
    before, *named = _SERVICE.split(mapping["pairs"] if mapping else text)
    parts = []
    for service, after in zip(named[::2], named[1::2], strict=True):
        first, *rest = _bare_lines(after) or [Line("")]
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
    """Return the only payload of a text; of several, the only one whose service has a known format."""
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

    A label, a time stamp or a line of prose ends the bytes before it.
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


def _try(lines: Sequence[Line]) -> tuple[Pasted | None, ValueError | None]:
    try:
        return _read(lines), None
    except ValueError as error:
        return None, error


def _read(lines: Sequence[Line], service: str = "") -> Pasted:
    data, notes = read([line.text for line in lines])
    lengths = [line.length for line in lines if line.length is not None]
    if len(lengths) == 1 and lengths[0] != len(data):
        notes = (*notes, f"the text gives a length of {lengths[0]}, but contains {number_of(len(data), 'byte')}")
    if any(line.is_cut for line in lines):
        notes = (*notes, "the text ends with dots: the rest of the bytes is missing")
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
