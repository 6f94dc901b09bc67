"""What `decode --json` prints of a payload: the same as the lines, for programs."""

from collections.abc import Sequence

from ble_exporter import __version__
from ble_exporter.cli.decode.as_text import VALUE_ROLES, Row, exported, format_name, rows
from ble_exporter.cli.decode.explain import Explanation
from ble_exporter.errors import DecodeError
from ble_exporter.formats.advertising_data import Structure
from ble_exporter.formats.field import Field


def document(
    structures: Sequence[Structure], explanations: Sequence[Explanation], *, is_valid: bool
) -> dict[str, object]:
    """
    Return what was given as a JSON document; bytes are hex digits.

    Args:
        structures: Of an advertising payload; none of service data.
        explanations: Of its payloads.
        is_valid: Whether nothing is wrong with any of it.
    """
    return {
        "version": __version__,
        "sound": is_valid,
        "structures": [_structure(one) for one in structures],
        "payloads": [_payload(one) for one in explanations],
    }


def _structure(one: Structure) -> dict[str, object]:
    return {
        "byte": one.offset,
        "type": one.kind,
        "name": one.name,
        "data": one.data.hex(),
        "uuid": one.uuid or None,
        "text": one.text() or None,
        "missing": one.missing,
    }


def _payload(explanation: Explanation) -> dict[str, object]:
    error, plaintext = explanation.error, explanation.plaintext
    return {
        "format": format_name(explanation),
        "service": explanation.format.uuid,
        "told": explanation.how,
        "also": [{"service": guess.uuid or None, "why": guess.why} for guess in explanation.also],
        "start": explanation.start,
        "payload": explanation.payload.hex(),
        "address": explanation.address or None,
        "encrypted": explanation.encrypted is not None,
        "sound": explanation.is_valid,
        "wrong": error and _error(error),
        "fields": [_row(row) for row in rows(explanation.fields, explanation.payload)],
        "plaintext": None if plaintext is None else plaintext.hex(),
        "plaintext_fields": [_row(row) for row in rows(explanation.plaintext_fields, plaintext or b"")],
        "exported": dict(exported(explanation)),
    }


def _error(error: DecodeError) -> dict[str, object]:
    return {
        "reason": error.reason,
        "text": error.detail,
        "offset": error.offset,
        "size": error.size,
        "in_plaintext": error.in_plaintext,
    }


def _row(row: Row) -> dict[str, object]:
    first = row.fields[0]
    return {
        "byte": first.start,
        "bytes": row.data.hex(),
        "what": first.label,
        "note": first.note,
        "values": [_value(field) for field in row.fields if field.role in VALUE_ROLES],
        "unknown_object": first.value if first.role == "unknown_object" else None,
    }


def _value(field: Field) -> dict[str, object]:
    value = field.value.hex() if isinstance(field.value, bytes) else field.value
    # JSON has neither infinity nor NaN.
    is_finite = not isinstance(value, float) or value - value == 0
    return {
        "role": field.role,
        "name": field.name or field.role,
        "base": field.name.name or field.role,
        "value": value if is_finite else str(value),
        "unit": field.unit,
        "is_possible": field.is_possible,
    }
