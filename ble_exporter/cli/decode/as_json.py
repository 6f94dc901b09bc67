"""What `decode --json` says of a payload: the same as the lines, for programs."""

from collections.abc import Sequence

from ble_exporter import __version__
from ble_exporter.cli.decode.advertising_data import Structure
from ble_exporter.cli.decode.as_text import Told, exported, format_name
from ble_exporter.cli.decode.fields import Field, Value


def document(structures: Sequence[Structure], told: Sequence[Told], *, is_sound: bool) -> dict[str, object]:
    """
    Return what was given, as JSON has it; bytes are hex digits.

    Args:
        structures: Of an advertising payload; none of service data.
        told: Its payloads.
        is_sound: Whether nothing is wrong with any of it.
    """
    return {
        "version": __version__,
        "sound": is_sound,
        "structures": [_structure(one) for one in structures],
        "payloads": [_payload(one) for one in told],
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


def _payload(told: Told) -> dict[str, object]:
    anatomy, problem = told.anatomy, told.anatomy.problem
    wrong = None if problem is None else problem._asdict()
    return {
        "format": format_name(anatomy),
        "service": anatomy.uuid,
        "told": told.how,
        "also": [{"service": guess.uuid or None, "why": guess.why} for guess in told.also],
        "start": told.start,
        "payload": anatomy.payload.hex(),
        "address": anatomy.address or None,
        "encrypted": anatomy.is_encrypted,
        "sound": told.is_sound,
        "wrong": wrong,
        "fields": [_field(field) for field in anatomy.fields],
        "plaintext": None if anatomy.plaintext is None else anatomy.plaintext.hex(),
        "plaintext_fields": [_field(field) for field in anatomy.plaintext_fields],
        "exported": dict(exported(anatomy)),
    }


def _field(field: Field) -> dict[str, object]:
    return {
        "byte": field.offset,
        "bytes": field.data.hex(),
        "what": field.what,
        "note": field.note,
        "values": [_value(value) for value in field.values],
        "unknown_object": field.unknown,
    }


def _value(value: Value) -> dict[str, object]:
    said = value.value.hex() if isinstance(value.value, bytes) else value.value
    # JSON has neither infinity nor NaN.
    is_finite = not isinstance(said, float) or said - said == 0
    return value._asdict() | {"value": said if is_finite else str(said)}
