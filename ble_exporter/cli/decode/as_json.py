"""The output of `decode --json`: the content of the text output as a JSON document. Bytes are written as hex digits."""

from collections.abc import Sequence
from math import isfinite

from ble_exporter import __version__
from ble_exporter.cli.decode.as_text import VALUE_ROLES, exported, format_name, rows
from ble_exporter.cli.decode.explain import Explanation
from ble_exporter.formats.advertising_data import Structure
from ble_exporter.formats.field import Field


def document(
    structures: Sequence[Structure], explanations: Sequence[Explanation], *, notes: Sequence[str], is_valid: bool
) -> dict[str, object]:
    """Return the JSON document for the structures and the payloads; `notes` state how the pasted text was read."""
    return {
        "version": __version__,
        "sound": is_valid,
        "notes": list(notes),
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
        "encrypted": explanation.is_encrypted,
        "sound": explanation.is_valid,
        "wrong": error
        and {
            "reason": error.reason,
            "text": error.detail,
            "offset": error.offset,
            "size": error.size,
            "in_plaintext": error.in_plaintext,
        },
        "fields": [_row(*row) for row in rows(explanation.fields, explanation.payload)],
        "plaintext": None if plaintext is None else plaintext.hex(),
        "plaintext_fields": [_row(*row) for row in rows(explanation.plaintext_fields, plaintext or b"")],
        "exported": dict(exported(explanation)),
    }


def _row(data: bytes, fields: Sequence[Field]) -> dict[str, object]:
    first = fields[0]
    return {
        "byte": first.start,
        "bytes": data.hex(),
        "what": first.label,
        "note": first.note,
        "values": [_value(field) for field in fields if field.role in VALUE_ROLES],
        "unknown_object": first.value if first.role == "unknown_object" else None,
    }


def _value(field: Field) -> dict[str, object]:
    value = field.value.hex() if isinstance(field.value, bytes) else field.value
    # JSON has no infinity and no NaN.
    is_finite = not isinstance(value, float) or isfinite(value)
    return {
        "role": field.role,
        "name": field.name or field.role,
        "base": field.name.name or field.role,
        "value": value if is_finite else str(value),
        "unit": field.unit,
        "is_possible": field.is_possible,
    }
