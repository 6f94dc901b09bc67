"""The text output of `decode`: plain lines, which users can paste into a bug report; tables fit 100 columns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, zip_longest
from textwrap import wrap

from ble_exporter.cli.decode.explain import Explanation
from ble_exporter.cli.terminal import Painter, columns
from ble_exporter.device.events import Events
from ble_exporter.errors import DecodeError
from ble_exporter.formats.advertising_data import Structure
from ble_exporter.formats.field import Field, Role
from ble_exporter.formats.registry import FORMATS
from ble_exporter.metrics.families import FAMILIES, event_labels
from ble_exporter.utils import number_of, one_line

SERVICES: Mapping[str, str] = {row.short_uuid: uuid for uuid, row in FORMATS.items()}
"""The UUIDs of the services, by the arguments of `--service`."""

ADVERTISING = "advertising"
"""The argument of `--service` for a whole advertising payload."""

VALUE_ROLES: frozenset[Role] = frozenset({"measurement", "other", "packet_id", "counter"})
"""The roles of the fields whose values are shown with their names."""

_WIDTH = 100
_BYTES_IN_A_ROW = 8
_BYTES_IN_A_DUMP = 16
# The width of the indentation, the offset, the bytes, and the gaps between all columns.
_WIDTH_OF_BYTES = 4 + 3 * _BYTES_IN_A_ROW + 4 * 2


def rows(fields: Iterable[Field], data: bytes) -> Iterator[tuple[bytes, list[Field]]]:
    """Yield the bytes of each part of `data` with the fields that describe this part."""
    for (start, end), same in groupby(fields, key=lambda field: (field.start, field.end)):
        yield data[start:end], list(same)


def format_name(explanation: Explanation) -> str:
    """Return the format's name and the 16-bit UUID of its service, such as "BTHome v2, encrypted (0xFCD2)"."""
    name, _ = explanation.format.names_of(explanation.payload)
    encrypted = ", encrypted" if explanation.is_encrypted else ""
    return f"{name}{encrypted} (0x{explanation.format.short_uuid.upper()})"


def exported(explanation: Explanation) -> Iterator[tuple[str, float]]:
    """Yield each exported series (without the label `device`) with its value; none if the payload is rejected."""
    if explanation.error is not None:
        return
    for field in explanation.all_fields:
        if field.role == "measurement" and field.is_possible and field.name.name in FAMILIES:
            family, position = FAMILIES[field.name.name], field.name.position
            labels = {"position": str(position)} if position > 1 else {}
            yield _series(family.metric, labels), float(field.value) * family.multiplier / family.divisor
    events = Events()
    events.hear({one.name: str(one.value) for one in explanation.all_fields if one.role == "other"}, None, 0.0, "")
    for (source, event), count in events.happened.items():
        yield _series("ble_sensor_events_total", event_labels(source, event)), count
    if events.info:
        yield _series("ble_sensor_device_info", events.info), 1


def _series(metric: str, labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{label}"' for name, label in labels.items())
    return f"{metric}{{{pairs}}}" if pairs else metric


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")


def _value_text(field: Field) -> str:
    """Return a value with its name and unit."""
    if isinstance(field.value, bytes):
        text = field.value.hex() or "no bytes"
    elif isinstance(field.value, str):
        text = f'"{one_line(field.value)}"'
    else:
        text = _number(field.value)
    name = field.name or field.role.replace("_", " ")
    return f"{name} {text} {field.unit}".rstrip() + ("" if field.is_possible else ": impossible")


def structure_lines(payload: bytes, structures: Sequence[Structure], known: Iterable[str]) -> list[str]:
    """Return the table of an advertising payload's structures; `known` has the UUIDs explained below the table."""
    rows = []
    for one in structures:
        if one.uuid:
            meaning = f"0x{one.uuid[4:8].upper()}" if one.uuid_size == 2 else one.uuid
            meaning += ", see below" if one.uuid in known else f"{_swapped(one)}: ignored"
        else:
            meaning = one.text() or "ignored"
        missing = f"; {one.missing} of its bytes are missing" if one.missing else ""
        data = payload[one.offset : one.offset + 2 + len(one.data)]
        rows.append((str(one.offset), data, one.name, meaning + missing))
    return _table(rows, "structure")


def payload_lines(explanation: Explanation, paint: Painter) -> list[str]:
    """Return the lines that explain one payload."""
    payload, plaintext = explanation.payload, explanation.plaintext
    lines = [f"{number_of(len(payload), 'byte')} of service data: {format_name(explanation)}"]
    lines += _head(explanation)
    lines += ["", *_table(_cells(explanation.fields, payload), "field")]
    if plaintext is not None:
        lines += ["", f"decrypted, {number_of(len(plaintext), 'byte')}; the offsets are relative to the plaintext:"]
        lines += ["", *_table(_cells(explanation.plaintext_fields, plaintext), "field")]
    series = [f"  {name} {_number(value)}" for name, value in exported(explanation)]
    if series:
        lines += ["", "exported as:", *series]
    return [*lines, "", *_verdict(explanation, paint)]


def dump_lines(data: bytes, offset: int, size: int) -> list[str]:
    """Return the line of a hex dump that contains `offset`, and a line with carets under `size` bytes from there."""
    start = min(offset, max(len(data) - 1, 0)) // _BYTES_IN_A_DUMP * _BYTES_IN_A_DUMP
    line = data[start : start + _BYTES_IN_A_DUMP]
    shown = min(size, max(len(line) - (offset - start), 1))
    return [f"  {start:4}  {line.hex(' ')}".rstrip(), " " * (8 + 3 * (offset - start)) + " ".join(["^^"] * shown)]


def _swapped(structure: Structure) -> str:
    known = structure.swapped_uuid
    if not known:
        return ""
    return f" is 0x{known[4:8].upper()} ({FORMATS[known].name}) with its bytes swapped (the low byte comes first)"


def _head(explanation: Explanation) -> list[str]:
    lines = wrapped(f"format: {explanation.how}")
    for guess in explanation.also:
        name, option = "a whole advertising payload", ADVERTISING
        if guess.uuid:
            name, option = FORMATS[guess.uuid].name, FORMATS[guess.uuid].short_uuid
        lines += wrapped(f"alternative: {name} (--service {option}): {guess.why}")
    if explanation.address:
        lines.append(f"address: {explanation.address}")
    if explanation.nonce:
        lines.append(f"nonce: {explanation.nonce.hex()}")
    return lines


def _cells(fields: Iterable[Field], data: bytes) -> list[tuple[str, bytes, str, str]]:
    cells = []
    for part, same in rows(fields, data):
        values = [_value_text(field) for field in same if field.role in VALUE_ROLES]
        text = "; ".join(filter(None, [*values, same[0].note]))
        cells.append((str(same[0].start), part, same[0].label, text))
    return cells


def _table(rows: Sequence[tuple[str, bytes, str, str]], title: str) -> list[str]:
    """Align the columns offset, bytes, name and meaning; wrap the bytes and the meaning."""
    cells = [["byte", "bytes", title, "meaning"]]
    text_width = _WIDTH - _WIDTH_OF_BYTES - max((len(name) for _, _, name, _ in rows), default=0)
    for offset, data, name, text in rows:
        parts = [data[at : at + _BYTES_IN_A_ROW].hex(" ") for at in range(0, len(data), _BYTES_IN_A_ROW)]
        cells += map(list, zip_longest([offset], parts, [name], wrap(text, text_width), fillvalue=""))
    return [f"  {line}" for line in columns(cells, right=frozenset({0}))]


def _verdict(explanation: Explanation, paint: Painter) -> list[str]:
    error = explanation.error
    lines = []
    for field in explanation.all_fields:
        if not field.is_possible:
            amount = f"{_number(float(field.value))} {field.unit}".rstrip()
            name = field.name.name.replace("_", " ")
            text = f"impossible {name}: no sensor can measure {amount}, so the value is not exported"
            lines.append(paint(text, "yellow"))
    for field in explanation.all_fields:
        if field.role == "unknown_object":
            where = "of the plaintext " if field in explanation.plaintext_fields else ""
            text = f"{field.label} at byte {field.start} {where}is {field.note}"
            lines += [paint(line, "yellow") for line in wrapped(text)]
    if error is not None:
        rejected, hint = _rejection(error, explanation)
        lines += [paint(line, "bold", "red") for line in wrapped(rejected)]
        whole = explanation.plaintext if error.in_plaintext else explanation.payload
        lines += [*dump_lines(whole or b"", error.offset, max(error.size, 1)), *wrapped(hint)]
    if not lines:
        lines.append(paint("valid", "green"))
    if error is None and explanation.has_key and not explanation.is_encrypted:
        lines += wrapped(
            "The payload is not encrypted: if the device has a bindkey, the exporter rejects it (not_encrypted)."
        )
    return lines


def _rejection(error: DecodeError, explanation: Explanation) -> tuple[str, str]:
    """Return why a payload is rejected, and a hint for the user, which may be empty."""
    where = " (of the plaintext)" if error.in_plaintext else ""
    rejected = f"rejected as {error.reason}: {error.detail}{where}"
    mac = "--mac A4:C1:38:00:00:01"
    if error.reason == "encrypted":
        and_mac = "" if explanation.address else f", and the sender's address: {mac}"
        return (
            rejected,
            f"To decrypt it, give the 32 hex digits of the key on the firmware's page: --key-file FILE{and_mac}.",
        )
    if error.reason == "wrong_key":
        return (
            rejected,
            "The key belongs to another sensor, the address is not the sender's, or the bytes were changed.",
        )
    if error.reason == "wrong_address" and explanation.address:
        return rejected, "Without --mac, decode uses the address in the payload."
    if error.reason == "wrong_address":
        return f"not decrypted: {error.detail}", f"The payload does not include the address; give it with {mac}."
    return rejected, ""


def wrapped(text: str) -> list[str]:
    """Return the lines of a text, wrapped to the width of the output; none for an empty text."""
    return wrap(one_line(text), _WIDTH - 2, subsequent_indent="  ", break_on_hyphens=False)
