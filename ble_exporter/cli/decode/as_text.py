"""What `decode` says of a payload: plain lines of 100 columns at most, to be pasted into a bug report."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import NamedTuple

from ble_exporter.cli.decode.advertising_data import Structure
from ble_exporter.cli.decode.explain import Anatomy, Problem
from ble_exporter.cli.decode.fields import Field, Value
from ble_exporter.cli.decode.guess import Guess
from ble_exporter.cli.terminal import Painter, columns
from ble_exporter.device.events import Events
from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.registry import FORMAT_NAMES, FORMATS
from ble_exporter.metrics.families import FAMILIES, event_labels
from ble_exporter.utils import number_of, one_line

SERVICES: Mapping[str, str] = {row.short_uuid: uuid for uuid, row in FORMATS.items()}
"""What `--service` takes, to the UUID."""

ADVERTISING = "advertising"
"""What it takes as well: no service data, but a whole advertising payload."""

_WIDTH = 100
_BYTES_IN_A_ROW = 8
_BYTES_IN_A_DUMP = 16
# Of the columns of offset and bytes, and what is between the columns.
_WIDTH_OF_BYTES = 4 + 3 * _BYTES_IN_A_ROW + 4 * 2


class Told(NamedTuple):
    """
    A payload, and how its format was told.

    Attributes:
        anatomy: Of the payload.
        how: The format was told.
        also: What it could be as well.
        has_key: Whether there was a key for it.
        start: Of the payload in the advertising payload; 0 where there is none.
    """

    anatomy: Anatomy
    how: str
    also: Sequence[Guess] = ()
    has_key: bool = False
    start: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether all of it is known and possible."""
        possible = all(value.is_possible for value in self.anatomy.values())
        return self.anatomy.problem is None and possible and not self.anatomy.unknown_objects()


def format_name(anatomy: Anatomy) -> str:
    """Return the format's name and service."""
    name = FORMATS[anatomy.uuid].name_of(anatomy.payload)
    encrypted = ", encrypted" if anatomy.is_encrypted else ""
    return f"{name}{encrypted} (0x{anatomy.uuid[4:8].upper()})"


def exported(anatomy: Anatomy) -> list[tuple[str, float]]:
    """Return the series of the values, without the label of the device, and what they show."""
    if anatomy.problem is not None:
        return []
    series = []
    for value in anatomy.values():
        if value.role == "measurement" and value.is_possible and value.base in FAMILIES:
            family = FAMILIES[value.base]
            position = Measurement.parse(value.name).position
            labels = _labels({"position": str(position)} if position > 1 else {})
            series.append((family.metric + labels, float(value.value) * family.multiplier / family.divisor))
    return [*series, *_exported_events(anatomy)]


def _exported_events(anatomy: Anatomy) -> Iterator[tuple[str, float]]:
    said = {Measurement.parse(value.name): str(value.value) for value in anatomy.values() if value.role == "other"}
    events = Events()
    events.hear(said, None, 0.0, "")
    for (source, event), count in events.counts.items():
        yield "ble_sensor_events_total" + _labels(event_labels(source, event)), count
    if events.info:
        yield "ble_sensor_device_info" + _labels(events.info), 1


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{label}"' for name, label in labels.items()) + "}" if labels else ""


def number(value: float) -> str:
    """Return a number without the zero of a whole one."""
    return repr(value).removesuffix(".0")


def value_text(value: Value) -> str:
    """Return a value with its name and unit."""
    if isinstance(value.value, bytes):
        said = value.value.hex() or "no bytes"
    elif isinstance(value.value, str):
        said = f'"{one_line(value.value)}"'
    else:
        said = number(value.value)
    name = "packet id" if value.role == "packet_id" else value.name
    return f"{name} {said} {value.unit}".rstrip() + ("" if value.is_possible else ": impossible")


def structure_lines(structures: Sequence[Structure], known: Iterable[str]) -> list[str]:
    """Return the table of an advertising payload's structures."""
    rows = []
    for one in structures:
        if one.uuid:
            said = f"0x{one.uuid[4:8].upper()}" if one.uuid_size == 2 else one.uuid
            said += ", below" if one.uuid in known else f"{_swapped(one)}: ignored"
        else:
            said = one.text() if one.kind is not None else ""
        missing = f"; {one.missing} of its bytes are missing" if one.missing else ""
        head = b"" if one.kind is None else bytes([len(one.data) + 1 + one.missing & 0xFF, one.kind])
        data = (head or b"\x00" * (not one.missing)) + one.data
        rows.append((str(one.offset), data, one.name, (said or "ignored") + missing))
    return _table(rows, "structure")


def payload_lines(told: Told, paint: Painter) -> list[str]:
    """Return all that is said of one payload."""
    anatomy = told.anatomy
    lines = [f"{number_of(len(anatomy.payload), 'byte')} of service data: {format_name(anatomy)}"]
    lines += _told(told)
    lines += ["", *_table(_rows(anatomy.fields), "field")]
    if anatomy.plaintext is not None:
        size = number_of(len(anatomy.plaintext), "byte")
        lines += ["", f"decrypted, {size}; these offsets are those of the plaintext:"]
        lines += ["", *_table(_rows(anatomy.plaintext_fields), "field")]
    series = exported(anatomy)
    if series:
        lines += ["", "exported as:", *(f"  {name} {number(value)}" for name, value in series)]
    return [*lines, "", *_verdict(told, paint)]


def dump_lines(data: bytes, offset: int, size: int) -> list[str]:
    """Return the line of a hex dump that has an offset, and carets under the bytes from there on."""
    start = min(offset, max(len(data) - 1, 0)) // _BYTES_IN_A_DUMP * _BYTES_IN_A_DUMP
    line = data[start : start + _BYTES_IN_A_DUMP]
    shown = min(size, max(len(line) - (offset - start), 1))
    return [f"  {start:4}  {line.hex(' ')}".rstrip(), " " * (8 + 3 * (offset - start)) + " ".join(["^^"] * shown)]


def _swapped(structure: Structure) -> str:
    known = structure.swapped_uuid
    if not known:
        return ""
    return (
        f" is 0x{known[4:8].upper()} ({FORMAT_NAMES[known, False]}) with its bytes swapped; the lower one comes first"
    )


def _told(told: Told) -> list[str]:
    lines = wrapped(f"format: {told.how}")
    for guess in told.also:
        name, option = "a whole advertising payload", ADVERTISING
        if guess.uuid:
            name, option = FORMAT_NAMES[guess.uuid, False], guess.uuid[4:8]
        lines += wrapped(f"it could also be {name} (--service {option}): {guess.why}")
    if told.anatomy.address:
        lines.append(f"address: {told.anatomy.address}")
    if told.anatomy.nonce:
        lines.append(f"nonce: {told.anatomy.nonce.hex()}")
    return lines


def _rows(fields: Iterable[Field]) -> list[tuple[str, bytes, str, str]]:
    return [
        (
            str(field.offset),
            field.data,
            field.what,
            "; ".join(filter(None, (*map(value_text, field.values), field.note))),
        )
        for field in fields
    ]


def _table(rows: Sequence[tuple[str, bytes, str, str]], title: str) -> list[str]:
    """Align offset, bytes, name and text; what does not fit goes on below."""
    cells = [["byte", "bytes", title, "says"]]
    text_width = _WIDTH - _WIDTH_OF_BYTES - max((len(name) for _, _, name, _ in rows), default=0)
    for offset, data, name, text in rows:
        parts = [data[at : at + _BYTES_IN_A_ROW].hex(" ") for at in range(0, len(data), _BYTES_IN_A_ROW)]
        cells += map(list, zip_longest([offset], parts, [name], wrap(text, text_width), fillvalue=""))
    return [f"  {line}" for line in columns(cells, right=frozenset({0}))]


def _verdict(told: Told, paint: Painter) -> list[str]:
    anatomy, problem = told.anatomy, told.anatomy.problem
    lines = []
    for value in anatomy.values():
        if not value.is_possible:
            text = f"impossible: no sensor can have measured a {value.base.replace('_', ' ')} of {_amount(value)}"
            lines.append(paint(f"{text}: it is left out", "yellow"))
    for field in anatomy.unknown_objects():
        where = "of the plaintext " if field in anatomy.plaintext_fields else ""
        lines += [
            paint(line, "yellow") for line in wrapped(f"{field.what} at byte {field.offset} {where}is {field.note}")
        ]
    if problem is not None:
        lines += [paint(line, "bold", "red") for line in wrapped(_rejection(problem, told))]
        whole = anatomy.plaintext if problem.in_plaintext else anatomy.payload
        lines += dump_lines(whole or b"", problem.offset, problem.size)
        lines += [line for hint in _hints(told, problem) for line in wrapped(hint)]
    if not lines:
        lines.append(paint("sound", "green"))
    if problem is None and told.has_key and not anatomy.is_encrypted:
        lines += wrapped("It is not encrypted: of a device with a key the exporter refuses it (not_encrypted).")
    return lines


def _rejection(problem: Problem, told: Told) -> str:
    where = " (of the plaintext)" if problem.in_plaintext else ""
    if problem.reason == "wrong_address" and not told.anatomy.address:
        return f"not decrypted: {problem.text}{where}"
    return f"rejected as {problem.reason}: {problem.text}{where}"


def _amount(value: Value) -> str:
    return f"{number(float(value.value))} {value.unit}".rstrip()


def _hints(told: Told, problem: Problem) -> list[str]:
    """Return what the reader can do."""
    anatomy = told.anatomy
    if problem.reason == "encrypted":
        mac = "" if anatomy.address else ", and the sender's address: --mac A4:C1:38:00:00:01"
        return [f"Reading it needs its key, the 32 hex digits of the firmware's page: --key-file FILE{mac}."]
    if problem.reason == "wrong_key":
        return ["So the key is not this sensor's, or the address is another one's, or these are not the bytes it sent."]
    if problem.reason == "wrong_address" and not anatomy.address:
        return ["The payload does not include it; give it: --mac A4:C1:38:00:00:01."]
    if problem.reason == "wrong_address":
        return ["Without --mac it is read under the address that it includes."]
    return []


def wrapped(text: str) -> list[str]:
    """Return a text as lines that fit."""
    return wrap(one_line(text), _WIDTH - 2, subsequent_indent="  ", break_on_hyphens=False)
